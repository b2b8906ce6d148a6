"use strict";
// Pieces of the texts that an answer points to, wherever they are in it, marked in the texts.

/** The text that a span is of: one of the passages, or the record's only text. */
function textOf(record, span) {
  const texts = Object.values(record).filter((value) => typeof value === "string");
  const passages = Object.values(record).find(Array.isArray);
  if (passages) return passages[span.passage ?? 0];
  return texts.length === 1 ? texts[0] : undefined;
}

/** All spans of an answer: {text, start, end, label}, positions in code points as Dougong counts them. */
function spansIn(record, value, names = []) {
  if (Array.isArray(value)) return value.flatMap((item) => spansIn(record, item, names));
  if (value === null || typeof value !== "object") return [];
  if (typeof value.text === "string" && value.text && Number.isInteger(value.start) && value.start >= 0) {
    const text = textOf(record, value);
    const end = value.start + [...value.text].length;
    const there = text !== undefined && [...text].slice(value.start, end).join("") === value.text;
    return there ? [{text, start: value.start, end, label: names.join(" · ")}] : [];
  }
  const own = [value.type, value.role, value.predicate].filter((name) => typeof name === "string");
  return Object.entries(value).flatMap(([key, item]) => spansIn(record, item, [
    ...(own.length ? own : names), ...(own.length && !["span", "arguments", "slots"].includes(key) ? [key] : [])]));
}

/** A text with its spans as marks, each followed by its label. */
function marked(text, spans) {
  const points = [...text];
  const cuts = [...new Set([0, points.length, ...spans.flatMap((span) => [span.start, span.end])])];
  cuts.sort((one, other) => one - other);
  const paragraph = element("p", {class: "text"});
  cuts.slice(1).forEach((end, index) => {
    const piece = points.slice(cuts[index], end).join("");
    const inside = spans.some((span) => span.start < end && span.end > cuts[index]);
    paragraph.append(inside ? element("mark", {}, piece) : piece);
    const labels = new Set(spans.filter((span) => span.end === end).map((span) => span.label).filter(Boolean));
    if (labels.size) paragraph.append(element("span", {class: "tag"}, [...labels].join(", ")));
  });
  return paragraph;
}

/** The texts of a record that an answer points into. */
function markedTexts(record, answer) {
  const spans = spansIn(record, answer);
  return [...new Set(spans.map((span) => span.text))].map(
    (text) => marked(text, spans.filter((span) => span.text === text)));
}
