// Put it together: the table first, as it needs no library, then the charts.

const THEMES = {automatic: "dark", dark: "light", light: "automatic"};
const system = matchMedia("(prefers-color-scheme: dark)");
let theme = "automatic";

function applyTheme() {
  document.documentElement.dataset.theme = theme === "automatic" ? (system.matches ? "dark" : "light") : theme;
  find("theme").textContent = `Theme: ${theme}`;
  drawTable();
  refreshAll();
}

find("theme").addEventListener("click", () => {
  theme = THEMES[theme];
  applyTheme();
});
system.addEventListener("change", applyTheme);

find("origin").textContent = `Dougong ${DATA.version}, ${DATA.created}`;
const TITLES = {runs: "Runs", curves: "Curves", compare: "Two variants", tradeoff: "Trade-offs", sweep: "Settings"};
const links = Object.entries(TITLES).map(([id, title]) => element("a", {href: `#${id}`}, title));
document.querySelector("nav").append(...links);
find("filter").placeholder = DATA.settings.length
  ? `${DATA.settings[0]}=${setting(DATA.runs[0].settings[DATA.settings[0]])} done ${DATA.main}>0.5` : "done";
sorting.descending = DATA.measures.find((item) => item.name === DATA.main)?.better !== "lower";

applyTheme();
applyFilter();
onFilter(drawTable);
onFilter(refreshAll);
startComparison();

/** Set how long after its opening the page got so far, in milliseconds. */
function reached(name) {
  document.documentElement.dataset[name] = String(Math.round(performance.now()));
}

/** The library is large: it is read once the table is on the screen. */
function startCharts() {
  reached("table");
  document.head.append(element("script", {}, find("plotly").textContent));
  startTradeoff();
  startSweep();
  startCurves().then(() => reached("ready"));
}

requestAnimationFrame(() => setTimeout(startCharts));
