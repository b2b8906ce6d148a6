// Two variants on the test records that their runs share: what is sure, and what each got wrong.

const COMPARED = DATA.comparison;

/** [difference, low, high, p] of B less A; null where they are one. */
function pair(first, second) {
  const [a, b] = [first, second].map((variant) => COMPARED.variants.indexOf(variant));
  if (a === b) return null;
  if (a < b) return COMPARED.pairs[a][b - a - 1];
  const [difference, low, high, p] = COMPARED.pairs[b][a - b - 1];
  return [-difference, -high, -low, p];
}

function drawComparison() {
  const [first, second] = ["first", "second"].map((id) => Number(find(id).value));
  const result = pair(first, second);
  const spans = (text) => element("strong", {}, text);
  const sign = (value) => (value > 0 ? "+" : "") + shown(value);
  if (!result) {
    find("verdict").textContent = "A and B are the same variant.";
    find("interval").replaceChildren();
  } else {
    const [difference, low, high, p] = result;
    find("verdict").replaceChildren(
      `${COMPARED.metric}: B − A = `, spans(sign(difference)), `, 95% interval [${sign(low)}, ${sign(high)}], p `,
      p < 0.001 ? "< 0.001" : `= ${p.toFixed(3)}`, ": ",
      spans(`${p < 0.05 ? "" : "no "}more than the choice of test records explains`), ".");
    drawInterval(difference, low, high);
  }
  drawExamples(first, second);
}

/** The interval as a bar, zero in the middle. */
function drawInterval(difference, low, high) {
  const reach = Math.max(Math.abs(low), Math.abs(high), 1e-9) * 1.15;
  const at = (value) => `${50 + 50 * value / reach}%`;
  const piece = (name, style, text = "") => element("span", {class: name, style}, text);
  find("interval").replaceChildren(
    piece("axis", ""), piece("zero", "left:50%"), piece("text", "left:50%", "0"),
    piece("range", `left:${at(low)};right:${50 - 50 * high / reach}%`), piece("point", `left:${at(difference)}`),
    piece("text", "left:9%", "A better"), piece("text", "left:91%", "B better"));
}

/** What the runs of a variant said of an example: words with how many said so, and whether most were right. */
function answers(example, variant) {
  const counts = new Map();
  for (const [place, run] of COMPARED.runs.entries()) {
    if (DATA.runs[run].variant === variant) counts.set(example[2][place], (counts.get(example[2][place]) ?? 0) + 1);
  }
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const said = [...counts].sort((a, b) => b[1] - a[1]).map(([word, count]) =>
    `${word < 0 ? "✓ right" : COMPARED.words[word] || "(nothing)"}${total > 1 ? `  ${count} of ${total}` : ""}`);
  return {right: (counts.get(-1) ?? 0) * 2 > total, text: said.join("\n")};
}

function drawExamples(first, second) {
  const which = find("which").value;
  const rows = [];
  for (const example of COMPARED.examples) {
    const [a, b] = [answers(example, first), answers(example, second)];
    const wanted = {any: !a.right || !b.right, first: !a.right && b.right, second: a.right && !b.right,
      both: !a.right && !b.right}[which];
    if (wanted) rows.push(element("tr", {}, ...[example[0], example[1]].map((text) => element("td", {}, text)),
      ...[a, b].map((said) => element("td", {class: said.right ? "right" : "wrong"}, said.text))));
  }
  const heads = ["text", "expected", "A", "B"].map((name) => element("th", {scope: "col"}, name));
  find("examples").replaceChildren(element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows));
  find("example-count").textContent = `${rows.length} of the ${COMPARED.examples.length} examples in this page`
    + (COMPARED.wrong > COMPARED.examples.length ? ` (${COMPARED.wrong} records went wrong somewhere)` : "");
}

/** Set the section up, or take it away where there is nothing to compare. */
function startComparison() {
  if (!COMPARED.runs.length) {
    const said = "No run here saved its test predictions (save_predictions), so nothing can be said of single records.";
    find("compare").replaceChildren(find("compare-title"), element("p", {class: "note"}, said));
    return;
  }
  const options = COMPARED.variants.map((variant, place) =>
    [variant, `${DATA.variants[variant].label} (${shown(COMPARED.means[place])})`]);
  const ranked = COMPARED.variants.map((_, place) => place).sort((a, b) => COMPARED.means[b] - COMPARED.means[a]);
  choose(find("first"), options, COMPARED.variants[ranked[1] ?? 0]);
  choose(find("second"), options, COMPARED.variants[ranked[0]]);
  for (const id of ["first", "second", "which"]) find(id).addEventListener("change", drawComparison);
  find("compare-note").textContent =
    `Paired bootstrap, ${COMPARED.draws.toLocaleString("en-US")} draws of ${COMPARED.records.toLocaleString("en-US")} `
    + `test records; a record's score is its own ${COMPARED.metric}, averaged over seeds. It says whether these trained `
    + "models differ on other records of the kind; what other seeds would do is in the table, as spread."
    + (COMPARED.others ? ` ${COMPARED.others} runs were tested on other records and are left out.` : "");
  drawComparison();
}
