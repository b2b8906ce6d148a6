// Learning curves: smoothed over all points, then thinned to what the screen can show.

const blocks = new Map();
const FEW_POINTS = 20; // a curve of fewer is shown as it is, with its points
let curveRange = null; // the updates that are zoomed into

function curveNames() {
  return [...document.querySelectorAll('script[id^="curves/"]')].map((script) => script.id.slice("curves/".length));
}

/** The curves of a metric, of each run {x, y} or null; read when first asked for. */
function curvesOf(name) {
  if (!blocks.has(name)) {
    const block = JSON.parse(find(`curves/${name}`).textContent);
    const shared = block.x.map(floats);
    blocks.set(name, block.runs.map((entry) => entry && {x: shared[entry[0]], y: floats(entry[1])}));
  }
  return blocks.get(name);
}

/** Exponential moving average, with the weight that the beginning lacks made up for; gaps stay gaps. */
function smoothed(values, weight) {
  if (!weight) return values;
  const found = new Float32Array(values.length);
  let mean = 0, total = 0;
  for (let place = 0; place < values.length; place++) {
    if (Number.isFinite(values[place])) {
      mean = weight * mean + (1 - weight) * values[place];
      total = weight * total + (1 - weight);
      found[place] = mean / total;
    } else found[place] = NaN;
  }
  return found;
}

/** The lowest and the highest point of each of `parts` stretches between two updates. */
function thinned(x, y, parts, range) {
  let begin = 0, end = x.length;
  if (range) {
    while (begin < end && x[begin + 1] < range[0]) begin++;
    while (end > begin && x[end - 2] > range[1]) end--;
  }
  if (end - begin <= 2 * parts) return {x: x.subarray(begin, end), y: y.subarray(begin, end)};
  const places = [];
  for (let part = 0; part < parts; part++) {
    const [from, to] = [part, part + 1].map((edge) => begin + Math.floor((end - begin) * edge / parts));
    let low = from, high = from;
    for (let place = from; place < to; place++) {
      if (!(y[place] >= y[low])) low = place;
      if (!(y[place] <= y[high])) high = place;
    }
    places.push(Math.min(low, high));
    if (low !== high) places.push(Math.max(low, high));
  }
  if (places[places.length - 1] !== end - 1) places.push(end - 1);
  return {x: Float32Array.from(places, (place) => x[place]), y: Float32Array.from(places, (place) => y[place])};
}

/** A trace a variant, its runs one after the other with a gap between: a chart of many traces is slow. */
function curveTraces(name, weight) {
  const curves = curvesOf(name);
  const runs = visible.filter((run) => curves[run]);
  const parts = runs.length > 100 ? 60 : runs.length > 40 ? 100 : runs.length > 10 ? 300 : 800;
  const variants = [...new Set(runs.map((run) => DATA.runs[run].variant))];
  return variants.flatMap((variant) => {
    const own = runs.filter((run) => DATA.runs[run].variant === variant);
    const label = DATA.variants[variant].label;
    const line = {color: colour(variant), width: runs.length > 40 ? 1 : 1.6, dash: dash(variant)};
    const few = own.every((run) => curves[run].x.length < FEW_POINTS);
    const trace = {
      ...joined(own, curves, parts, weight), type: "scatter", line, mode: few ? "lines+markers" : "lines", name: label,
      legendgroup: String(variant),
      hovertemplate: `<b>%{text}</b><br>${escaped(label)}<br>update %{x:,.0f}: %{y:.5g}<extra></extra>`,
    };
    const raw = {...joined(own, curves, parts, 0), type: "scatter", mode: "lines", opacity: 0.22, hoverinfo: "skip",
      showlegend: false, legendgroup: String(variant), line: {...line, width: 1, dash: "solid"}};
    return weight && !few && runs.length <= 6 ? [raw, trace] : [trace];
  });
}

/** Several runs' curves as one, a gap after each; `text` has the run's name of each point. */
function joined(runs, curves, parts, weight) {
  const x = [], y = [], text = [];
  for (const run of runs) {
    const {x: updates, y: values} = curves[run];
    const thin = thinned(updates, smoothed(values, updates.length < FEW_POINTS ? 0 : weight), parts, curveRange);
    const name = escaped(DATA.runs[run].name);
    for (let place = 0; place < thin.x.length; place++) {
      x.push(thin.x[place]);
      y.push(thin.y[place]);
      text.push(name);
    }
    x.push(x[x.length - 1]);
    y.push(null);
    text.push("");
  }
  return {x, y, text};
}

/** Plotly reads a few tags in texts. */
function escaped(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/%/g, "&#37;");
}

async function drawCurves() {
  const name = find("curve-metric").value;
  const weight = Number(find("smoothing").value);
  find("smoothing-value").textContent = weight.toFixed(2);
  const traces = name ? curveTraces(name, weight) : [];
  if (!traces.length) return nothing("curves-plot", "Nothing was measured (tracker=csv writes metrics.csv).");
  find("curves-plot").querySelector("p.note")?.remove();
  const up = {type: find("curve-log").checked ? "log" : "linear"};
  const across = curveRange ? {range: curveRange, autorange: false} : {autorange: true};
  await Plotly.react("curves-plot", traces, layout("update", name, {xaxis: across, yaxis: up}), CONFIG);
  const plot = find("curves-plot");
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${name} over updates, ${visible.length} runs; the table has the values`);
  if (!plot.dataset.listens) plot.on("plotly_relayout", zoomed);
  plot.dataset.listens = "true";
}

/** After zooming, draw what is in view in full. */
function zoomed(change) {
  const range = change["xaxis.autorange"] ? null
    : "xaxis.range[0]" in change ? [change["xaxis.range[0]"], change["xaxis.range[1]"]] : curveRange;
  if (String(range) === String(curveRange)) return;
  curveRange = range;
  refresh("curves-plot");
}

function startCurves() {
  const names = curveNames();
  choose(find("curve-metric"), names.map((name) => [name, name]), names[0] ?? "");
  find("curve-metric").addEventListener("change", () => refresh("curves-plot"));
  find("curve-log").addEventListener("change", () => refresh("curves-plot"));
  find("smoothing").addEventListener("input", () => refresh("curves-plot"));
  return chart("curves-plot", drawCurves, true);
}
