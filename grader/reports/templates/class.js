"use strict";

const panels = [...document.querySelectorAll(".panel")];
const tabs = [...document.querySelectorAll(".tabs a")];
const tools = document.querySelector(".tools");
const search = tools.querySelector("input[type=search]");
const onlyMarked = tools.querySelector("input[type=checkbox]");

function show(id, focus) {
  const wanted = panels.some((panel) => panel.id === id) ? id : panels[0].id;
  panels.forEach((panel) => { panel.hidden = panel.id !== wanted; });
  tabs.forEach((tab) => {
    const chosen = tab.hash === "#" + wanted;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    if (chosen && focus) tab.focus();
  });
  tell();
}

function select(tab, focus) {
  history.replaceState(null, "", tab.hash);
  show(tab.hash.slice(1), focus);
}

function tell() {
  const rows = [...document.querySelectorAll(".panel:not([hidden]) .grid tbody tr")];
  const shown = rows.filter((row) => !row.hidden).length;
  tools.querySelector("output").value = shown < rows.length ? `${shown} of ${rows.length} shown` : "";
}

function filter() {
  const wanted = search.value.trim().toLowerCase();
  document.querySelectorAll(".grid tbody tr, .listed tbody tr").forEach((row) => {
    const found = row.cells[0].textContent.toLowerCase().includes(wanted);
    row.hidden = !found || (onlyMarked.checked && !row.closest(".listed") && !row.lastElementChild.textContent);
  });
  tell();
}

function compare(a, b) {
  const x = Number.parseFloat(a), y = Number.parseFloat(b);
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
}

function sort(head) {
  const body = head.closest("table").tBodies[0];
  const numeric = head.classList.contains("n");
  const before = head.getAttribute("aria-sort");
  const down = before === "none" ? numeric : before === "ascending";
  for (const other of head.parentElement.cells) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const text = (row) => row.cells[head.cellIndex].textContent;
  const missing = (value) => value === "" || value === "—";
  const rows = [...body.rows].map((row) => [text(row), row]);
  rows.sort(([a], [b]) => {
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    return (down ? -1 : 1) * (numeric ? compare(a, b) : a.localeCompare(b));
  });
  body.append(...rows.map(([, row]) => row));
}

document.querySelector(".tabs").setAttribute("role", "tablist");
tabs.forEach((tab, index) => {
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", tab.hash.slice(1));
  tab.addEventListener("click", (event) => { event.preventDefault(); select(tab, false); });
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) select(tabs[(index + step + tabs.length) % tabs.length], true);
    if (event.key === " ") { event.preventDefault(); select(tab, true); }
  });
});
panels.forEach((panel) => panel.setAttribute("role", "tabpanel"));
document.querySelectorAll(".grid thead th").forEach((head) => head.addEventListener("click", () => sort(head)));
search.addEventListener("input", filter);
onlyMarked.addEventListener("change", filter);
tools.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", () => show(location.hash.slice(1), false));
tools.hidden = false;
show(location.hash.slice(1), false);
