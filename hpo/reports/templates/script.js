const figures = JSON.parse(document.getElementById("figures").textContent);

function draw(plot) {
  return paint(plot, figures[plot.dataset.figure]);
}

function drawAll() {
  document.querySelectorAll(".plot").forEach(draw);
}

function switchFigure(button) {
  const plot = document.getElementById(button.dataset.plot);
  for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
  plot.dataset.figure = button.dataset.figure;
  draw(plot);
}

// A group is shown or hidden wherever it is drawn.
function toggleGroup(button) {
  const shown = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(shown));
  const member = (trace) => trace.legendgroup === button.dataset.group;
  for (const figure of Object.values(figures)) figure.data.filter(member).forEach((trace) => { trace.visible = shown; });
  document.querySelectorAll(".plot").forEach((plot) => { if (figures[plot.dataset.figure].data.some(member)) draw(plot); });
}

function compare(a, b) {
  const numeric = !isNaN(a) && !isNaN(b);
  return numeric ? Number(a) - Number(b) : a.localeCompare(b);
}

function sortBy(button) {
  const heading = button.parentElement, body = heading.closest("table").tBodies[0], column = heading.cellIndex;
  const order = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  const key = (row) => row.cells[column].dataset.key, sign = order === "ascending" ? 1 : -1;
  const [known, missing] = [[], []];
  for (const row of body.rows) (key(row) === undefined ? missing : known).push(row);
  known.sort((a, b) => sign * compare(key(a), key(b)));
  body.append(...known, ...missing);
  for (const other of heading.parentElement.children) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
}

document.querySelectorAll("button[data-figure]").forEach((button) => button.addEventListener("click", () => switchFigure(button)));
document.querySelectorAll("button[data-group]").forEach((button) => button.addEventListener("click", () => toggleGroup(button)));
document.querySelectorAll("#trials th button").forEach((button) => button.addEventListener("click", () => sortBy(button)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
matchMedia("print").addEventListener("change", () => document.querySelectorAll(".plot").forEach((plot) => Plotly.Plots.resize(plot)));
drawAll();
