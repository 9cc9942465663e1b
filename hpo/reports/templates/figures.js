"use strict";
const drawing = JSON.parse(document.getElementById("drawing").textContent);
const darkGround = matchMedia("(prefers-color-scheme: dark)");
const views = new Map(); // what is drawn, by its element
const hidden = new Set(); // groups that are drawn nowhere
const chosen = {}; // values of the parameters that the page has set

// A figure with what all figures share: the size of their place, their configuration, the colours of the ground in force.
function complete(figure) {
  const colors = Object.entries(drawing.colors[darkGround.matches ? "dark" : "light"]);
  const params = colors.map(([name, value]) => ({ name, value }));
  const config = { ...drawing.config, params, font: getComputedStyle(document.body).fontFamily };
  const text = JSON.stringify(figure);
  const named = Object.entries(drawing.tables).filter(([name]) => text.includes(`"name":"${name}"`));
  const datasets = { ...figure.datasets, ...structuredClone(Object.fromEntries(named)) };
  return { width: "container", height: "container", ...figure, config, datasets };
}

async function draw(plot, figure = drawing.figures[plot.dataset.figure]) {
  views.get(plot)?.finalize();
  const actions = { export: true, source: false, compiled: false, editor: false };
  const tooltip = { theme: darkGround.matches ? "dark" : "light" };
  const fixed = { mode: "vega-lite", renderer: drawing.renderer, ast: true };
  const options = { ...fixed, actions, tooltip, downloadFileName: plot.dataset.figure };
  const { view } = await vegaEmbed(plot, complete(figure), options);
  views.set(plot, view);
  for (const [name, value] of Object.entries(chosen)) await signal(name, value, [view]);
  plot.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
  return view;
}

// One after the other, so that the first can be seen while others are drawn.
async function drawAll() {
  for (const plot of document.querySelectorAll(".plot[data-figure]")) {
    await draw(plot);
    await new Promise((next) => setTimeout(next));
  }
  document.body.classList.remove("drawing");
}

// Whether a figure has a parameter ("signals") or a table ("data") of this name.
function has(view, kind, name) {
  const named = (other) => other === name;
  const none = () => false;
  return name in (view.getState({ signals: none, data: none, [kind]: named })[kind] ?? {});
}

// Gives a parameter a value in every figure that has it, and in those that are drawn later.
function choose(name, value) {
  chosen[name] = value;
  return signal(name, value);
}

function signal(name, value, figures = [...views.values()]) {
  return Promise.all(
    figures.filter((view) => has(view, "signals", name)).map((view) => view.signal(name, value).runAsync()),
  );
}

function switchFigure(button) {
  const plot = document.getElementById(button.dataset.plot);
  for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
  plot.dataset.figure = button.dataset.figure;
  return draw(plot);
}

function toggleGroup(button) {
  const isShown = button.getAttribute("aria-pressed") !== "true";
  const { group } = button.dataset;
  for (const twin of document.querySelectorAll("[data-group]"))
    if (twin.dataset.group === group) twin.setAttribute("aria-pressed", String(isShown));
  isShown ? hidden.delete(group) : hidden.add(group);
  return choose("hidden", [...hidden]);
}

// Sorts a table by a column. Rows without a key come last either way.
function sortTable(table, column, order) {
  const sign = order === "ascending" ? 1 : -1;
  const key = (row) => row.cells[column].dataset.key;
  const compare = (a, b) => (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
  const rows = [...table.tBodies[0].rows];
  const keyed = rows.filter((row) => key(row) !== undefined);
  keyed.sort((a, b) => sign * compare(key(a), key(b)));
  table.tBodies[0].append(...keyed, ...rows.filter((row) => key(row) === undefined));
  [...table.tHead.rows[0].cells].forEach((heading, i) =>
    i === column ? heading.setAttribute("aria-sort", order) : heading.removeAttribute("aria-sort"),
  );
}

// Copies the command beside a button; on pages that may not use the clipboard, by selecting it.
async function copy(button) {
  const command = button.parentElement.querySelector(".command");
  getSelection().selectAllChildren(command);
  try {
    await navigator.clipboard.writeText(command.textContent.trim());
  } catch {
    document.execCommand("copy");
  }
  button.textContent = "copied";
  setTimeout(() => button.replaceChildren("copy"), 1500);
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  const heading = button?.closest("th");
  if (button?.matches(".copy")) copy(button);
  if (button?.dataset.figure) switchFigure(button);
  if (button?.dataset.group) toggleGroup(button);
  if (heading)
    sortTable(heading.closest("table"), heading.cellIndex, heading.ariaSort === "ascending" ? "descending" : "ascending");
});
matchMedia("print").addEventListener("change", () => views.forEach((view) => view.resize().runAsync()));
