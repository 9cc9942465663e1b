// What the surrogate says: importance, partial dependence, contours. It is fitted by the server, which takes seconds.

const SECONDS_BETWEEN = 20;
const base = location.pathname;
const axes = document.querySelector(".axes");
let asked = 0;

async function ask(what, parts = "") {
  const answer = await fetch(`${base}/${what}.json${parts}`);
  return answer.json();
}

async function showSurrogate() {
  asked = performance.now();
  const { error, tables, x, y, words } = await ask("surrogate");
  document.getElementById("surrogate").hidden = Boolean(error);
  document.getElementById("surrogate").classList.remove("pending");
  document.getElementById("no-surrogate").hidden = !error;
  document.getElementById("no-surrogate").textContent = error ? `No importance and no contours yet: ${error}.` : "";
  if (error) return;
  Object.assign(drawing.tables, tables);
  for (const place of document.querySelectorAll(".fitted")) place.textContent = words;
  await Promise.all([...views.values()].map((view) => fill(view, Object.keys(tables))));
  await draw(document.getElementById("importance")); // there are labels now that need room
  if (!drawing.figures.contour) [axes.x.value, axes.y.value] = [x, y];
  if (x !== y) await showContour();
}

async function showContour() {
  const plot = document.getElementById("contour");
  const parts = new URLSearchParams({ x: axes.x.value, y: axes.y.value });
  const { figure, cells, error } = await ask("contour", `?${parts}`);
  if (error) return;
  drawing.figures.contour = figure;
  drawing.tables.cells = cells;
  plot.dataset.figure = "contour";
  await draw(plot);
}

axes?.addEventListener("change", ({ target }) => {
  const [other] = [axes.x, axes.y].filter((select) => select !== target);
  if (other.value === target.value) other.selectedIndex = (other.selectedIndex + 1) % other.options.length;
  showContour();
});
document.addEventListener("renewed", () => {
  showSelection(); // in the new rows of the table
  if (axes && performance.now() - asked > 1000 * SECONDS_BETWEEN) showSurrogate();
});
