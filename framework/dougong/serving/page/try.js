"use strict";
// A form made of the fields that the model takes, and what it answers.

const find = (id) => document.getElementById(id);
let fields = [];

function addText(box, field) {
  const number = box.querySelectorAll("textarea").length + 1;
  const id = `field-${field.name}-${number}`;
  const label = field.several ? `${field.name} ${number}` : field.name + (field.required ? "" : " (may be left out)");
  const area = element("textarea", {id, "data-field": field.name, rows: field.required ? 3 : 1});
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
    const filled = texts.filter((text, place) => text || place === 0);
    return field.required || texts[0] ? [field.name, field.several ? filled : texts[0]] : null;
  });
  return Object.fromEntries(given.filter(Boolean));
}

function show(value, place) {
  const items = Array.isArray(value) ? value : [];
  if (items.length && items.every((item) => typeof item === "object")) {
    return element("dd", {}, element("ul", {}, ...items.map((item) => element("li", {}, JSON.stringify(item)))));
  }
  const text = Array.isArray(value) && !items.length ? "none" : typeof value === "string" ? value : JSON.stringify(value);
  return element("dd", place === 0 ? {class: "main"} : {}, text);
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
  fields = model.fields;
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
