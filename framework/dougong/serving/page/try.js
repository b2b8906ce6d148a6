"use strict";
// A form made of the fields that the model takes, and what it answers.

const find = (id) => document.getElementById(id);
let fields = [];

function addText(box, field) {
  const number = box.querySelectorAll("textarea").length + 1;
  const id = `field-${field.name}-${number}`;
  const label = field.several ? `${field.name} ${number}` : field.name;
  const area = element("textarea", {id, "data-field": field.name, rows: 3});
  const more = box.querySelector("button");
  const parts = [element("label", {for: id}, label), area];
  if (more) more.before(...parts); else box.append(...parts);
  return area;
}

function addField(field) {
  const box = element("div");
  find("fields").append(box);
  addText(box, field);
  if (!field.several) return;
  const more = element("button", {type: "button", class: "small"}, "One more");
  more.addEventListener("click", () => addText(box, field).focus());
  box.append(more);
}

function areas(name) {
  return [...document.querySelectorAll("textarea")].filter((area) => area.dataset.field === name);
}

function record() {
  const given = fields.map((field) => {
    const texts = areas(field.name).map((area) => area.value);
    return [field.name, field.several ? texts.filter((text, place) => text || place === 0) : texts[0]];
  });
  return Object.fromEntries(given);
}

/** A value in words: a piece of a text with its place, an object as its names and values. */
function words(value) {
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return value.map(words).join("; ");
  const {text, start, end, ...others} = value;
  const place = Number.isInteger(start) && start >= 0 ? ` (${start}–${end ?? start + [...text].length})` : "";
  const named = Object.entries(others).map(([name, item]) => `${name} ${words(item)}`);
  return [...(text === undefined ? [] : [`“${text}”${place}`]), ...named].join(", ");
}

function show(value, place) {
  if (Array.isArray(value) && value.length) {
    return element("dd", {}, element("ul", {}, ...value.map((item) => element("li", {}, words(item)))));
  }
  return element("dd", place === 0 ? {class: "main"} : {}, Array.isArray(value) ? "none" : words(value));
}

function showAnswer(asked, answer, milliseconds) {
  find("status").textContent = `Answered in ${milliseconds.toFixed(0)} ms.`;
  const given = fields.map((field) => field.name);
  const found = Object.entries(answer).filter(([name]) => !given.includes(name));
  find("marked").replaceChildren(...markedTexts(asked, Object.fromEntries(found)));
  find("found").replaceChildren(
    ...found.flatMap(([name, value], place) => [element("dt", {}, name), show(value, place)]));
  find("raw").hidden = false;
  find("raw").querySelector("pre").textContent = JSON.stringify(answer, null, 1);
}

function showError(message, key) {
  find("status").textContent = message;
  find("status").className = "failed";
  find("marked").replaceChildren();
  find("found").replaceChildren();
  find("raw").hidden = true;
  areas(key).forEach((area) => area.setAttribute("aria-invalid", "true"));
}

async function ask(event) {
  event.preventDefault();
  if (find("ask").disabled) return;
  const asked = record();
  find("ask").disabled = true;
  find("status").className = "";
  find("status").textContent = "Asking …";
  document.querySelectorAll("textarea").forEach((area) => area.removeAttribute("aria-invalid"));
  const begun = performance.now();
  try {
    const response = await fetch("predict", {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(asked)});
    const answer = await response.json();
    if (response.ok) showAnswer(asked, answer, performance.now() - begun);
    else showError(answer.error, answer.key);
  } catch {
    showError("The server does not answer.");
  } finally {
    find("ask").disabled = false;
  }
}

async function start() {
  const model = await (await fetch("model")).json();
  fields = model.fields.filter((field) => field.required);
  find("about").textContent = `${model.task}, Dougong ${model.version}`;
  fields.forEach(addField);
  find("form").addEventListener("submit", ask);
  find("form").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) find("form").requestSubmit();
  });
  document.querySelector("textarea").focus();
  document.documentElement.dataset.ready = "";
}

start().catch(() => showError("The server does not answer."));
