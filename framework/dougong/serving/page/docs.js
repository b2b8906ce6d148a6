"use strict";
// What openapi.json says, in words, with the commands to try it.

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function command(method, path, operation) {
  const body = operation.requestBody?.content["application/json"];
  const target = quoted(new URL(path.slice(1), document.baseURI).href);
  return body ? `curl --json ${quoted(JSON.stringify(body.example))} ${target}`
    : `curl ${method === "get" ? "" : `-X ${method.toUpperCase()} `}${target}`;
}

function shown(title, content) {
  const {schema, example} = content ?? {};
  const parts = example === undefined ? [] : [
    element("h3", {}, title), element("pre", {tabindex: "0"}, JSON.stringify(example, null, 1))];
  return schema && Object.keys(schema).length ? [...parts, element("details", {}, element("summary", {}, "Schema"),
    element("pre", {tabindex: "0"}, JSON.stringify(schema, null, 1)))] : parts;
}

function describe(path, method, operation) {
  const section = element("section", {}, element("h2", {}, element("code", {}, `${method.toUpperCase()} ${path}`)),
    element("p", {}, operation.summary));
  if (operation.description) section.append(element("p", {}, operation.description));
  section.append(element("pre", {tabindex: "0"}, command(method, path, operation)));
  const body = operation.requestBody;
  if (body) section.append(element("p", {}, body.description), ...shown("Record", body.content["application/json"]));
  section.append(...shown("Answer", operation.responses["200"]?.content?.["application/json"]));
  const others = Object.entries(operation.responses).filter(([, response]) => response.description);
  section.append(element("h3", {}, "Status"), element("dl", {}, ...others.flatMap(
    ([status, response]) => [element("dt", {}, status), element("dd", {}, response.description)])));
  return section;
}

async function start() {
  const all = await (await fetch("openapi.json")).json();
  document.getElementById("about").textContent = all.info.title;
  const sections = Object.entries(all.paths).flatMap(([path, methods]) => Object.entries(methods).map(
    ([method, operation]) => describe(path, method, operation)));
  document.getElementById("operations").append(...sections);
  document.documentElement.dataset.ready = "";
}

start().catch(() => {
  document.getElementById("status").textContent = "The server does not answer.";
});
