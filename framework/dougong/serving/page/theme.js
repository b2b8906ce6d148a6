"use strict";
// Light or dark as the system has it, unless it is chosen.

const NEXT = {automatic: "dark", dark: "light", light: "automatic"};
const system = matchMedia("(prefers-color-scheme: dark)");
let theme = "automatic";

function applyTheme() {
  document.documentElement.dataset.theme = theme === "automatic" ? (system.matches ? "dark" : "light") : theme;
  document.getElementById("theme").textContent = `Theme: ${theme}`;
}

document.getElementById("theme").addEventListener("click", () => {
  theme = NEXT[theme];
  applyTheme();
});
system.addEventListener("change", applyTheme);
applyTheme();

/** An element with attributes and children; texts stay texts, whatever is in them. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
