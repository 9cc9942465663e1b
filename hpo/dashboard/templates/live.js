// Keeps the page up to date: asks for it again, and takes over what is new in it.

let version;

function goOn(first, seconds) {
  version = first;
  setTimeout(look, 1000 * seconds);
}

async function look() {
  const start = performance.now();
  let seconds = 15;
  try {
    if (!document.hidden) seconds = await refresh();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // the server is gone, perhaps for a moment
  }
  goOn(version, Math.max(seconds, (performance.now() - start) / 1000)); // so that the server rests as long as it works
}

// Returns the seconds until the next question.
async function refresh() {
  const answer = await fetch(location.pathname + location.search, { headers: { "If-None-Match": `"${version}"` } });
  if (answer.status === 304) return secondsOf(document);
  if (answer.status === 503) return secondsOf(document); // the store is locked, perhaps for a moment
  if (!answer.ok) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const isLike = (selector) => fresh.querySelectorAll(selector).length === document.querySelectorAll(selector).length;
  if (!isLike("[data-live]") || !isLike(".plot")) return location.reload();
  version = answer.headers.get("ETag").replaceAll('"', "");
  takeOver(fresh);
  return secondsOf(fresh);
}

const secondsOf = (page) => Number(page.body.dataset.seconds);

function takeOver(fresh) {
  const pairs = [...document.querySelectorAll("[data-live]")].map((old, i) => [old, fresh.querySelectorAll("[data-live]")[i]]);
  for (const [old, now] of pairs) {
    if (old.innerHTML !== now.innerHTML) old.replaceChildren(...now.childNodes);
    old.hidden = now.hidden;
  }
  takeFigures(JSON.parse(fresh.getElementById("drawing").textContent));
  for (const heading of document.querySelectorAll("th[aria-sort]"))
    sortTable(heading.closest("table"), heading.cellIndex, heading.ariaSort);
  for (const button of document.querySelectorAll("[data-group]"))
    button.setAttribute("aria-pressed", !hidden.has(button.dataset.group));
  document.dispatchEvent(new Event("renewed"));
}

// New rows go into the figures as they are; a figure that is another one is drawn anew.
function takeFigures({ figures, tables }) {
  for (const [name, rows] of Object.entries(tables)) if (rows.length) drawing.tables[name] = rows;
  const changed = Object.keys(figures).filter((name) => JSON.stringify(figures[name]) !== JSON.stringify(drawing.figures[name]));
  Object.assign(drawing.figures, figures);
  for (const [plot, view] of [...views].filter(([plot]) => plot.offsetParent)) // those that are not hidden
    if (changed.includes(plot.dataset.figure)) draw(plot);
    else fill(view);
}

function fill(view, names = Object.keys(drawing.tables)) {
  for (const name of names) if (has(view, "data", name)) view.data(name, structuredClone(drawing.tables[name]));
  return view.runAsync();
}
