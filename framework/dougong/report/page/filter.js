// Which runs are shown: those that fit all words of the filter. Everything on the page follows.

const listeners = [];
let visible = DATA.runs.map((_, place) => place);

const texts = DATA.runs.map((run) =>
  [run.name, run.state, ...Object.entries(run.settings).map(([name, value]) => `${name}=${setting(value)}`), run.error]
    .join(" ").toLowerCase());

/** Call this whenever other runs are shown. */
function onFilter(listener) {
  listeners.push(listener);
}

/** Whether a run fits one word: part of its text, or NAME>NUMBER (<, <=, >=) of a measure or setting. */
function fits(place, word) {
  const parts = /^(.+?)(<=|>=|<|>)(-?[\d.]+(?:e[-+]?\d+)?)$/.exec(word);
  if (!parts) return texts[place].includes(word);
  const run = DATA.runs[place];
  const value = lookUp(run.values, parts[1]) ?? lookUp(run.settings, parts[1]);
  const limit = Number(parts[3]);
  if (typeof value !== "number") return false;
  return {"<": value < limit, ">": value > limit, "<=": value <= limit, ">=": value >= limit}[parts[2]];
}

function lookUp(values, name) {
  const key = Object.keys(values).find((candidate) => candidate.toLowerCase() === name);
  return key === undefined ? undefined : values[key];
}

function applyFilter() {
  const words = find("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  visible = DATA.runs.map((_, place) => place).filter((place) => words.every((word) => fits(place, word)));
  find("filter-count").textContent = `${visible.length} of ${DATA.runs.length}`;
  for (const listener of listeners) listener();
}

/** The variants that the shown runs belong to, in order. */
function visibleVariants() {
  return [...new Set(visible.map((run) => DATA.runs[run].variant))].sort((a, b) => a - b);
}

let waiting = 0;
find("filter").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(applyFilter, 80);
});
