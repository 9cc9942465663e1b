// Ticks choose sweeps of one task, whose incumbents the next page lays over one another.

const overlay = document.getElementById("overlay");
const ticked = new Map(); // tasks by sweep
const boxes = () => [...overlay.elements].filter(({ type }) => type === "checkbox");

function tick({ value, checked, dataset }) {
  if (checked) ticked.set(value, dataset.task);
  else ticked.delete(value);
}

function showTicks() {
  for (const name of ticked.keys()) if (!boxes().some(({ value }) => value === name)) ticked.delete(name);
  const [task] = ticked.values();
  for (const box of boxes()) {
    box.checked = ticked.has(box.value);
    box.disabled = task !== undefined && box.dataset.task !== task;
  }
  overlay.hidden = !ticked.size;
  overlay.querySelector("b").textContent = `${ticked.size} ${ticked.size === 1 ? "sweep" : "sweeps"} ticked`;
}

document.addEventListener("change", ({ target }) => {
  if (target.form !== overlay) return;
  tick(target);
  showTicks();
});
overlay.addEventListener("reset", (event) => {
  event.preventDefault();
  ticked.clear();
  showTicks();
});
document.addEventListener("renewed", showTicks);
boxes().forEach(tick);
showTicks();
