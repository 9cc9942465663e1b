// Selected trials: a click on one selects it or not, a box selects those in it; figures, table and address show them.

const selected = new Set();
const MOST_NAMED = 12;

function select(trials) {
  selected.clear();
  for (const trial of trials) selected.add(trial);
  return showSelection();
}

const toggle = (trial) => select(selected.has(trial) ? [...selected].filter((it) => it !== trial) : [...selected, trial]);

function showSelection() {
  for (const row of document.querySelectorAll("tr[data-trial]"))
    row.setAttribute("aria-selected", selected.has(Number(row.dataset.trial)));
  const bar = document.getElementById("selection");
  bar.hidden = !selected.size;
  const trials = [...selected].sort((a, b) => a - b);
  bar.querySelector("b").textContent = `${trials.length} ${trials.length === 1 ? "trial" : "trials"} selected`;
  bar.querySelector("span").replaceChildren(...trials.slice(0, MOST_NAMED).flatMap((trial) => [named(trial), " "]));
  if (trials.length > MOST_NAMED) bar.querySelector("span").append("…");
  history.replaceState(null, "", trials.length ? `#trials=${trials}` : location.pathname + location.search);
  return choose("selected", trials);
}

// The name of a trial, on pages with a page per trial a link to it.
function named(trial) {
  const { url } = document.getElementById("selection").dataset;
  const name = document.createElement(url ? "a" : "span");
  if (url) name.href = `${url}/${trial}`;
  name.textContent = trial;
  return name;
}

function readSelection() {
  const trials = new URLSearchParams(location.hash.slice(1)).get("trials") ?? "";
  return select(trials.split(",").filter((part) => /^\d+$/.test(part)).map(Number));
}

// The trials of the marks of a figure whose centres are within a box, in px of the window.
function trialsWithin(plot, { left, top, right, bottom }) {
  const view = views.get(plot);
  const { x, y } = plot.querySelector(".marks").getBoundingClientRect();
  const trials = new Set();
  const walk = (item, dx, dy) => {
    for (const mark of item.items ?? []) {
      for (const each of mark.items) {
        const [px, py] = [(each.x ?? 0) + dx, (each.y ?? 0) + dy]; // groups of lines have no place of their own
        if (mark.marktype === "group") walk(each, px, py);
        else if (each.datum?.trial !== undefined && left <= px && px <= right && top <= py && py <= bottom)
          trials.add(each.datum.trial);
      }
    }
  };
  const [[dx, dy], padding] = [view.origin(), view.padding()];
  walk(view.scenegraph().root.items[0], x + dx + padding.left, y + dy + padding.top);
  return trials;
}

// A box is drawn with the mouse only: a finger scrolls the page.
function startBox({ target, pointerType, button, clientX, clientY }) {
  const plot = target.closest?.(".plot[data-figure]");
  if (!plot || pointerType !== "mouse" || button !== 0 || target.closest("details")) return;
  const band = document.createElement("div");
  band.className = "band";
  let box;
  const ignore = (event) => event.stopPropagation();
  const move = (event) => {
    const [left, right] = [clientX, event.clientX].sort((a, b) => a - b);
    const [top, bottom] = [clientY, event.clientY].sort((a, b) => a - b);
    if (!box && Math.max(right - left, bottom - top) < 5) return;
    event.preventDefault();
    box = { left, top, right, bottom };
    const px = (value) => `${value}px`;
    Object.assign(band.style, { left: px(left), top: px(top), width: px(right - left), height: px(bottom - top) });
    document.body.append(band);
  };
  const end = (event) => {
    removeEventListener("pointermove", move);
    band.remove();
    if (!box) return;
    select(event.shiftKey ? [...selected, ...trialsWithin(plot, box)] : trialsWithin(plot, box));
    document.addEventListener("click", ignore, { capture: true });
    setTimeout(() => document.removeEventListener("click", ignore, { capture: true })); // of the same release
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end, { once: true });
}

document.addEventListener("drawn", ({ target }) =>
  views.get(target).addEventListener("click", (_, item) => {
    if (item?.datum?.trial !== undefined) toggle(item.datum.trial);
  }),
);
document.addEventListener("pointerdown", startBox);
document.addEventListener("click", ({ target }) => {
  const row = target.closest("tr[data-trial]");
  if (row && !target.closest("a") && !String(getSelection())) toggle(Number(row.dataset.trial));
  if (target.closest("#selection button")) select([]);
});
document.addEventListener("keydown", ({ key }) => key === "Escape" && selected.size && select([]));
addEventListener("hashchange", readSelection);
