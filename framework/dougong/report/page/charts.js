// What all charts have in common: colours of the theme, and drawing them only when they come into view.

const coarse = matchMedia("(pointer: coarse)").matches; // fingers scroll the page, and don't zoom by accident
// The buttons are named one by one: the library has one that sends a chart to a service.
const CONFIG = {responsive: true, displaylogo: false, displayModeBar: coarse ? false : "hover",
  modeBarButtons: [["toImage"], ["zoom2d", "pan2d", "resetScale2d"]]};
const CONFIG_WITHOUT_AXES = {...CONFIG, modeBarButtons: [["toImage"]]};
const charts = new Map();

/** Whether the browser can draw by WebGL, which parallel coordinates need. */
const hasWebGl = (() => {
  try {
    const context = document.createElement("canvas").getContext("webgl");
    context?.getExtension("WEBGL_lose_context")?.loseContext();
    return Boolean(context);
  } catch {
    return false;
  }
})();

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** A layout in the colours of the page. */
function layout(across, up, more = {}) {
  const axis = (title, own) => ({title: {text: title, standoff: 8}, gridcolor: css("--grid"), zeroline: false,
    linecolor: css("--line"), automargin: true, ...own});
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: {l: 50, r: 15, t: 10, b: 45},
    font: {color: css("--ink"), size: 12, family: "system-ui, sans-serif"}, hovermode: "closest",
    modebar: {bgcolor: "rgba(0,0,0,0)", color: css("--soft"), activecolor: css("--accent")},
    hoverlabel: {bgcolor: css("--panel"), bordercolor: css("--line"), font: {color: css("--ink")}, align: "left",
      namelength: -1},
    dragmode: coarse ? false : "zoom", showlegend: visibleVariants().length <= WITH_LEGEND && DATA.variants.length > 1,
    legend: {orientation: "h", y: -0.18, font: {size: 11}},
    ...more, xaxis: axis(across, more.xaxis), yaxis: axis(up, more.yaxis),
  };
}

/** Draw a chart once it is in view (with `now`, at once), and again whenever the filter or the theme changes. */
function chart(id, draw, now = false) {
  const state = {draw, drawn: false, inView: now};
  charts.set(id, state);
  const watcher = new IntersectionObserver((entries) => {
    state.inView = state.inView || entries.some((entry) => entry.isIntersecting);
    if (state.inView) {
      watcher.disconnect();
      refresh(id);
    }
  }, {rootMargin: "150px"});
  return now ? refresh(id) : watcher.observe(find(id));
}

function refresh(id) {
  const state = charts.get(id);
  if (!state.inView) return Promise.resolve();
  return Promise.resolve(state.draw()).then(() => { find(id).dataset.drawn = "true"; });
}

function refreshAll() {
  for (const id of charts.keys()) refresh(id);
}

/** A text in place of a chart that has nothing to show. */
function nothing(id, text) {
  Plotly.purge(id);
  find(id).replaceChildren(element("p", {class: "note"}, text));
}

/** Where values reach over more than this, their axis is logarithmic. */
function isWide(values) {
  const low = Math.min(...values);
  return low > 0 && Math.max(...values) / low > 30;
}
