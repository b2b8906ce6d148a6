// What a run's name opens: the command that makes it again, where it is, what it was made with.

/** Open or close the row below a run's. */
function toggleDetails(button, run) {
  const row = button.closest("tr");
  const open = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!open));
  if (open) {
    row.nextElementSibling.remove();
    return;
  }
  const cell = element("td", {colspan: row.children.length}, details(run));
  row.after(element("tr", {class: "details"}, cell));
}

function details(run) {
  const panel = element("div", {class: "panel"}, element("pre", {}, run.command), copyButton(run.command));
  if (run.error) panel.append(element("div", {class: "failed"}, run.error));
  if (run.problems.length) panel.append(element("div", {class: "interrupted"}, run.problems.join("; ")));
  const begun = new Date(run.started * 1000).toLocaleString();
  const facts = {folder: run.folder, started: begun, ...run.facts};
  panel.append(element("dl", {}, ...Object.entries(facts).map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value)))));
  return panel;
}

function copyButton(text) {
  const button = element("button", {type: "button"}, "Copy the command");
  button.style.justifySelf = "start";
  button.addEventListener("click", async () => {
    button.textContent = (await copied(text)) ? "Copied" : "Select it and copy by hand";
    setTimeout(() => { button.textContent = "Copy the command"; }, 2000);
  });
  return button;
}

/** Whether the browser let us copy: pages from disk may be refused. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
