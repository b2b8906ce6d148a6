// What a result costs: any measure against any other, a point a run.

const COSTS = ["seconds", "peak_gpu_memory_mib", "peak_memory_mib", "parameters"];

function drawTradeoff() {
  const [across, up] = ["across", "up"].map((id) => find(id).value);
  const runs = visible.filter((run) => [across, up].every((name) => DATA.runs[run].values[name] !== undefined));
  if (!runs.length) return nothing("tradeoff-plot", "No run that is shown has both.");
  find("tradeoff-plot").querySelector("p.note")?.remove();
  const variants = [...new Set(runs.map((run) => DATA.runs[run].variant))];
  const traces = variants.map((variant) => {
    const own = runs.filter((run) => DATA.runs[run].variant === variant);
    return {
      type: "scatter", mode: "markers", name: DATA.variants[variant].label,
      x: valuesOf(across, own), y: valuesOf(up, own),
      text: own.map((run) => escaped(DATA.runs[run].name)),
      marker: {size: 11, color: colour(variant), line: {width: 1, color: css("--panel")},
        symbol: Math.floor(variant / LIGHT.length) % 8},
      hovertemplate: `<b>%{text}</b><br>${escaped(DATA.variants[variant].label)}<br>${escaped(across)} %{x:.5g}<br>`
        + `${escaped(up)} %{y:.5g}<extra></extra>`,
    };
  });
  const axis = (name) => ({type: isWide(valuesOf(name, runs)) ? "log" : "linear"});
  const plot = find("tradeoff-plot");
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${up} against ${across}, ${runs.length} runs; the table has the values`);
  return Plotly.react(plot, traces, layout(across, up, {xaxis: axis(across), yaxis: axis(up)}), CONFIG);
}

function startTradeoff() {
  const names = DATA.measures.map((item) => item.name);
  const options = names.map((name) => [name, name]);
  const test = DATA.main.replace("valid/", "test/");
  choose(find("across"), options, COSTS.find((name) => names.includes(name)) ?? names[0]);
  choose(find("up"), options, names.includes(test) ? test : names[0]);
  for (const id of ["across", "up"]) find(id).addEventListener("change", () => refresh("tradeoff-plot"));
  chart("tradeoff-plot", drawTradeoff);
}
