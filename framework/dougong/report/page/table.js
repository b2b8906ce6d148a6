// The table: a row a run, or a row a variant with mean and spread over its seeds.

const FEW = 6; // measures that are shown until all are asked for
let mode = "runs";
let sorting = {column: "measure:" + DATA.main, descending: true};

/** The columns of the table: id, title, whether of numbers, the value to sort by, the cell. */
function tableColumns() {
  const all = find("all-columns").checked;
  const measures = all ? DATA.measures : DATA.measures.slice(0, FEW);
  const settings = DATA.settings.filter((name) => mode === "runs" || name !== "seed");
  const first = mode === "runs"
    ? [column("name", "run", false, (run) => run.name, nameCell), column("state", "state", false, (run) => run.state,
        (run) => element("td", {class: run.state}, run.state))]
    : [column("name", "variant", false, (row) => row.label, nameCell),
       column("seeds", "runs", true, (row) => row.runs.length)];
  return [
    ...first,
    ...settings.map((name) => column(`setting:${name}`, name, isNumeric(name), (row) => row.settings[name],
      (row) => element("td", {class: isNumeric(name) ? "number" : null}, setting(row.settings[name])))),
    ...measures.map((item) => column(`measure:${item.name}`, item.name, true, (row) => measured(row, item.name))),
  ];
}

function column(id, title, numeric, value, cell) {
  return {id, title, numeric, value, cell};
}

function isNumeric(name) {
  return DATA.runs.every((run) => run.settings[name] === undefined || typeof run.settings[name] === "number");
}

/** A row's value of a measure: of a variant, the mean. */
function measured(row, name) {
  return mode === "runs" ? row.values[name] : row.values[name]?.mean;
}

/** The rows: runs as they are, or variants of the shown runs, reckoned from those alone. */
function tableRows() {
  if (mode === "runs") return visible.map((place) => ({...DATA.runs[place], place}));
  return visibleVariants().map((number) => {
    const runs = DATA.variants[number].runs.filter((run) => visible.includes(run));
    const complete = runs.length === DATA.variants[number].runs.length;
    const values = complete ? DATA.variants[number].values : Object.fromEntries(
      DATA.measures.map((item) => [item.name, summary(valuesOf(item.name, runs))]).filter(([, found]) => found));
    return {...DATA.variants[number], variant: number, runs, values};
  });
}

/** Mean, standard deviation of a sample, count; null of nothing. */
function summary(values) {
  if (!values.length) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {mean, spread: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : null, count: values.length};
}

function compareValues(a, b) {
  if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", {numeric: true});
}

/** Sorted rows; what lacks the value comes last whichever way it goes. */
function sorted(rows, columns) {
  const by = columns.find((item) => item.id === sorting.column) ?? columns[0];
  const sign = sorting.descending ? -1 : 1;
  return rows.slice().sort((a, b) => {
    const lacking = (by.value(a) === undefined) - (by.value(b) === undefined);
    return lacking || sign * compareValues(by.value(a), by.value(b));
  });
}

function drawTable() {
  const columns = tableColumns();
  const rows = sorted(tableRows(), columns);
  const best = bestValues(rows);
  const body = element("tbody");
  for (const row of rows) {
    body.append(element("tr", {"data-run": row.place ?? null}, ...columns.map((item) => item.cell
      ? item.cell(row) : numberCell(row, item, best))));
  }
  const focused = document.activeElement?.closest?.("#table th[data-column]")?.dataset.column;
  find("table").replaceChildren(element("thead", {}, element("tr", {}, ...columns.map(headCell))), body);
  if (focused) find("table").querySelector(`th[data-column="${CSS.escape(focused)}"] button`)?.focus();
  find("table-note").textContent = mode === "variants"
    ? "Mean ± standard deviation over runs that differ in nothing but the seed. Bold: best mean of a column."
    : "Measures are of the best checkpoint, “last” of the end of the training. Bold: best of a column.";
}

function headCell(item) {
  const direction = item.id === sorting.column ? (sorting.descending ? "descending" : "ascending") : "none";
  const press = () => {
    sorting = {column: item.id, descending: item.id === sorting.column ? !sorting.descending : item.numeric};
    drawTable();
  };
  return element("th", {scope: "col", "aria-sort": direction, "data-column": item.id,
    class: item.numeric ? "number" : null}, element("button", {type: "button", onclick: press}, item.title));
}

function nameCell(row) {
  const dot = element("span", {class: "dot", style: `background:${colour(row.variant)}`, "aria-hidden": "true"});
  if (mode !== "runs") return element("th", {scope: "row"}, dot, row.label);
  const button = element("button", {type: "button", class: "link", "aria-expanded": "false"}, row.name);
  button.addEventListener("click", () => toggleDetails(button, row));
  return element("th", {scope: "row"}, dot, button);
}

function numberCell(row, item, best) {
  const value = item.value(row);
  const name = item.id.replace("measure:", "");
  const spread = mode === "variants" ? row.values[name]?.spread : undefined;
  const more = typeof spread === "number" ? [element("span", {class: "spread"}, ` ± ${shown(spread)}`)] : [];
  const isBest = value !== undefined && best[name] === value;
  return element("td", {class: isBest ? "number best" : "number"}, shown(value), ...more);
}

/** The best value of each measure, where there is a choice. */
function bestValues(rows) {
  const best = {};
  for (const {name, better} of DATA.measures) {
    const values = rows.map((row) => measured(row, name)).filter((value) => value !== undefined);
    if (!better || new Set(values).size < 2) continue;
    best[name] = better === "higher" ? Math.max(...values) : Math.min(...values);
  }
  return best;
}

for (const button of document.querySelectorAll("[data-mode]")) {
  button.addEventListener("click", () => {
    mode = button.dataset.mode;
    for (const other of document.querySelectorAll("[data-mode]")) other.ariaPressed = String(other === button);
    drawTable();
  });
}
find("all-columns").addEventListener("change", drawTable);
