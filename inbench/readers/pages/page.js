"use strict";
// What every page has: its data, a way to make elements out of text, and the choice of light or dark.

const told = JSON.parse(document.getElementById("data").textContent);
const by = (id) => document.getElementById(id);

/** An element: attributes by name, children as elements or text. Nothing here reads markup out of data. */
function make(tag, attributes, ...children) {
  const vector = ["svg", "g", "line", "path", "text", "title", "circle"].includes(tag);
  const made = vector ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function startTheme() {
  const root = document.documentElement, button = by("theme"), system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  try { root.dataset.theme = localStorage.getItem("inbench-theme") || ""; } catch { /* no storage: the system's choice */ }
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("inbench-theme", root.dataset.theme); } catch { /* not kept, then */ }
    show();
  });
  system.addEventListener("change", show);
  show();
}

startTheme();
