"use strict";
const drawing = JSON.parse(document.getElementById("drawing").textContent);
const darkGround = matchMedia("(prefers-color-scheme: dark)");
const views = new Map(); // what is drawn, by its element
const hidden = new Set(); // groups that are drawn nowhere

// A figure with what all figures share: their configuration, and the colours of the ground in force.
function complete(figure) {
  const colors = Object.entries(drawing.colors[darkGround.matches ? "dark" : "light"]);
  const params = colors.map(([name, value]) => ({ name, value }));
  const config = { ...drawing.config, params, font: getComputedStyle(document.body).fontFamily };
  return { ...figure, config, datasets: { ...figure.datasets, ...structuredClone(drawing.tables) } };
}

async function draw(plot, figure = drawing.figures[plot.dataset.figure]) {
  views.get(plot)?.finalize();
  const actions = { export: true, source: false, compiled: false, editor: false };
  const tooltip = { theme: darkGround.matches ? "dark" : "light" };
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    ast: true,
    actions,
    tooltip,
    downloadFileName: plot.dataset.figure,
  };
  const { view } = await vegaEmbed(plot, complete(figure), options);
  views.set(plot, view);
  if (hidden.size) await signal("hidden", [...hidden], [view]);
  return view;
}

function drawAll() {
  return Promise.all([...document.querySelectorAll(".plot[data-figure]")].map((plot) => draw(plot)));
}

// Whether a figure has a parameter ("signals") or a table ("data") of this name.
function has(view, kind, name) {
  const named = (other) => other === name;
  const none = () => false;
  return name in (view.getState({ signals: none, data: none, [kind]: named })[kind] ?? {});
}

// Gives a parameter a value in every figure that has it.
function signal(name, value, chosen = [...views.values()]) {
  return Promise.all(
    chosen.filter((view) => has(view, "signals", name)).map((view) => view.signal(name, value).runAsync()),
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
  return signal("hidden", [...hidden]);
}

// Rows without a key come last either way.
function sortBy(button) {
  const heading = button.parentElement;
  const body = heading.closest("table").tBodies[0];
  const column = heading.cellIndex;
  const order = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  const key = (row) => row.cells[column].dataset.key;
  const sign = order === "ascending" ? 1 : -1;
  const compare = (a, b) => (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
  const rows = [...body.rows];
  const keyed = rows.filter((row) => key(row) !== undefined);
  keyed.sort((a, b) => sign * compare(key(a), key(b)));
  body.append(...keyed, ...rows.filter((row) => key(row) === undefined));
  for (const other of heading.parentElement.children) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
}

document
  .querySelectorAll("button[data-figure]")
  .forEach((button) => button.addEventListener("click", () => switchFigure(button)));
document
  .querySelectorAll("button[data-group]")
  .forEach((button) => button.addEventListener("click", () => toggleGroup(button)));
document
  .querySelectorAll("#trials th button")
  .forEach((button) => button.addEventListener("click", () => sortBy(button)));
matchMedia("print").addEventListener("change", () => views.forEach((view) => view.resize().runAsync()));
