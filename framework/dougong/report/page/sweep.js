// The settings of a sweep and what came of them: parallel coordinates, a line a run.

const MOST_AXES = 9;
const SCALES = [
  [[0, "#bcc4cf"], [0.5, "#e08a4f"], [1, "#8a1c0c"]],
  [[0, "#4a5568"], [0.5, "#b9704a"], [1, "#ffd08a"]],
]; // light, dark: the higher, the clearer

/** The axis of a setting or measure: numbers as they are (or their logarithm), all else by name. */
function dimension(label, values) {
  const known = values.filter((value) => value !== undefined);
  const distinct = [...new Set(known)].sort(compareValues);
  if (known.length === values.length && known.every((value) => typeof value === "number")) {
    const scale = isWide(distinct) ? Math.log10 : (value) => value;
    const ticks = distinct.length <= 8 ? {tickvals: distinct.map(scale), ticktext: distinct.map(tick)}
      : scale === Math.log10 ? decades(distinct) : {};
    return {label, values: values.map(scale), ...ticks};
  }
  const names = [...distinct.map(tick), ...(known.length < values.length ? ["–"] : [])];
  const places = values.map((value) => (value === undefined ? names.length - 1 : distinct.indexOf(value)));
  return {label, values: places, tickvals: names.map((_, place) => place), ticktext: names};
}

function decades(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)].map(Math.log10);
  const whole = [];
  for (let power = Math.ceil(low); power <= Math.floor(high); power++) whole.push(power);
  return {tickvals: whole, ticktext: whole.map((power) => `1e${power}`)};
}

function tick(value) {
  const text = setting(value);
  return text.length > 22 ? `${text.slice(0, 21)}…` : text;
}

function drawSweep() {
  const name = find("sweep-measure").value;
  const runs = visible.filter((run) => DATA.runs[run].values[name] !== undefined);
  if (runs.length < 2) return nothing("sweep-plot", "There are no two runs to show.");
  find("sweep-plot").querySelector("p.note")?.remove();
  const settings = DATA.settings.slice(0, MOST_AXES);
  const values = valuesOf(name, runs);
  const trace = {
    type: "parcoords", labelfont: {color: css("--ink"), size: 12}, tickfont: {color: css("--ink"), size: 11},
    rangefont: {color: css("--soft"), size: 10}, unselected: {line: {color: css("--line"), opacity: 0.25}},
    line: {color: values, colorscale: SCALES[isDark() ? 1 : 0], showscale: false},
    dimensions: [
      ...settings.map((key) => dimension(key, runs.map((run) => DATA.runs[run].settings[key]))),
      {label: name, values, tickformat: ".4~g"}],
  };
  const margin = {l: 70, r: 70, t: 55, b: 25};
  const plot = find("sweep-plot");
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${settings.join(", ")}, ${name}, ${runs.length} runs; the table has the values`);
  return Plotly.react(plot, [trace], {...layout("", ""), margin}, CONFIG_WITHOUT_AXES);
}

function startSweep() {
  const usable = hasWebGl && DATA.settings.length && DATA.runs.length > 1;
  if (!usable) {
    const why = hasWebGl ? "The runs differ in no setting." : "This chart needs WebGL, which the browser lacks.";
    find("sweep").replaceChildren(find("sweep-title"), element("p", {class: "note"}, why));
    return;
  }
  choose(find("sweep-measure"), DATA.measures.map((item) => [item.name, item.name]), DATA.measures[0]?.name);
  find("sweep-measure").addEventListener("change", () => refresh("sweep-plot"));
  chart("sweep-plot", drawSweep);
}
