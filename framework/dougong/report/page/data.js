// What the page is about, and the few functions that all parts share.

const find = (id) => document.getElementById(id);
const DATA = JSON.parse(find("data").textContent);
const LAST = " (last)";
const WITH_LEGEND = 12; // variants that a legend can name

/** An element; `attributes` that begin with "on" are listeners, children may be texts. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** A number as a table shows it. */
function shown(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return Math.abs(value) >= 1e4 ? value.toLocaleString("en-US") : String(value);
  const size = Math.abs(value);
  if (size >= 1000) return value.toLocaleString("en-US", {maximumFractionDigits: 0});
  if (size >= 100) return value.toFixed(1);
  return size >= 1e-3 || size === 0 ? value.toFixed(4) : value.toExponential(2);
}

/** A setting's value: all of its digits. */
function setting(value) {
  if (typeof value === "number" && value !== 0 && Math.abs(value) < 1e-3) return value.toExponential();
  return String(value ?? "–");
}

/** 32-bit floats out of base64. */
function floats(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let place = 0; place < raw.length; place++) bytes[place] = raw.charCodeAt(place);
  return new Float32Array(bytes.buffer);
}

/** Options of a select, as [value, label]; the wanted one is chosen. */
function choose(select, options, wanted) {
  select.replaceChildren(...options.map(([value, label]) => element("option", {value}, label)));
  select.value = String(wanted);
}

const LIGHT = ["#0072b2", "#d55e00", "#009e73", "#b0508f", "#8a6d00", "#5b5bd6"];
const DARK = ["#56b4e9", "#ff9a4d", "#2fd6a3", "#e79ac8", "#e6c34d", "#a3a3ff"];
const DASHES = ["solid", "dash", "dot", "dashdot"];

/** The colour of a variant, the same everywhere on the page. */
function colour(variant) {
  return (isDark() ? DARK : LIGHT)[variant % LIGHT.length];
}

/** The dashes of a variant's lines: variants of one colour differ in them. */
function dash(variant) {
  return DASHES[Math.floor(variant / LIGHT.length) % DASHES.length];
}

function isDark() {
  return document.documentElement.dataset.theme === "dark";
}

/** A measure's values of some runs, those that have it. */
function valuesOf(name, runs) {
  return runs.map((run) => DATA.runs[run].values[name]).filter((value) => value !== undefined);
}
