// The state of the page, its address, and its controls.

function address() {
  const parts = new URLSearchParams({ landscape: land.name, x: state.x, y: state.y, point: state.point + 1 });
  if (state.picked.length) parts.set("configs", state.picked.join(","));
  if (!state.seeds) parts.set("seeds", "0");
  if (state.sort !== "score" || !state.descending) parts.set("sort", (state.descending ? "-" : "") + state.sort);
  for (const [name, { low, high, choices }] of Object.entries(state.filters))
    parts.set(`in.${name}`, JSON.stringify(choices ?? [low, high]));
  return `#${parts}`;
}

// What an address does not say is as at first; what does not fit the landscape is dropped.
function readAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const named = landscapes.findIndex(({ name }) => name === parts.get("landscape"));
  state.landscape = named < 0 ? first : named;
  land = prepared(landscapes[state.landscape]);
  state.point = Number(parts.get("point") ?? land.steps.length) - 1;
  [state.x, state.y] = [parts.get("x"), parts.get("y")];
  state.picked = (parts.get("configs") ?? "").split(",").filter(Boolean).map(Number);
  state.seeds = parts.get("seeds") !== "0";
  const sort = parts.get("sort") ?? "-score";
  [state.sort, state.descending] = [sort.replace(/^-/, ""), sort.startsWith("-")];
  const filters = [...parts].filter(([key]) => key.startsWith("in.")).map(([key, text]) => [key.slice(3), text]);
  state.filters = Object.fromEntries(filters.map(([name, text]) => [name, parsed(name, text)]));
  fit();
  return show();
}

function parsed(name, text) {
  try {
    const values = JSON.parse(text);
    if (!Array.isArray(values)) return null;
    return land.specs.get(name)?.choices ? { choices: values } : { low: values[0] ?? null, high: values[1] ?? null };
  } catch {
    return null;
  }
}

// Drops what the landscape does not have: axes, filters, configs.
function fit() {
  const names = land.hyperparameters.map(({ name }) => name);
  const total = (name) => land.importance[name].at(-1) ?? 0;
  const ranked = [...names].sort((a, b) => total(b) - total(a));
  if (!names.includes(state.x)) state.x = ranked[0];
  if (![...names, "score"].includes(state.y)) state.y = ranked.find((name) => name !== state.x) ?? "score";
  if (!(state.point in land.steps)) state.point = land.steps.length - 1;
  state.picked = [...new Set(state.picked)].filter((config) => land.ids.includes(config)).slice(0, MOST_PICKED);
  if (!columns().includes(state.sort)) [state.sort, state.descending] = ["score", true];
  const isBound = (value) => value === null || Number.isFinite(value);
  const fits = (spec, { low, high, choices }) =>
    spec.choices ? choices?.every((it) => spec.choices.includes(it)) : !choices && isBound(low) && isBound(high);
  for (const [name, filter] of Object.entries(state.filters))
    if (!filter || !land.specs.has(name) || !fits(land.specs.get(name), filter)) delete state.filters[name];
}

// After another landscape: the controls that depend on it, then everything.
function show() {
  const names = land.hyperparameters.map(({ name }) => name);
  const option = (name) => html`<option value="${name}">${name}</option>`;
  at("landscape").value = state.landscape;
  at("x").innerHTML = html`${names.map(option)}`;
  at("y").innerHTML = html`${[...names, "score"].map(option)}`;
  at("point").max = land.steps.length;
  const points = plural(land.steps.length, "evaluation point");
  const size = `${plural(land.ids.length, "config")} × ${plural(land.seeds.length, "seed")} × ${points}`;
  at("made").textContent = `${size}, made with ${land.made}`;
  at("seeds").hidden = at("several-seeds").hidden = land.seeds.length === 1;
  at("single-seed").hidden = land.seeds.length > 1;
  filterForm();
  updatePage();
  return drawFigures().then(redraw);
}

function set(chosen) {
  Object.assign(state, chosen);
  updatePage();
  redraw();
}

function updatePage() {
  const kept = land.ids.filter(isKept);
  const chosen = marked();
  const steps = land.stepWords[state.point];
  [at("x").value, at("y").value, at("point").value] = [state.x, state.y, state.point + 1];
  at("fidelity").textContent = `${steps} env steps, point ${state.point + 1} of ${land.steps.length}`;
  at("point").setAttribute("aria-valuetext", `${steps} env steps`);
  for (const button of document.querySelectorAll("[data-seeds]"))
    button.setAttribute("aria-pressed", (button.dataset.seeds === "1") === state.seeds);
  document.title = `${land.name} · landscape`;
  at("plane").setAttribute("aria-label", `${kept.length} configs over ${state.x} and ${state.y}, coloured by score`);
  keyFigures();
  keys(kept, chosen);
  chips(kept);
  fillFilters();
  configTable(kept, chosen);
  at("command").innerHTML = html`${command().map((word) => html`<span>${word}</span> `)}`;
  history.replaceState(null, "", address());
}

function pick(config) {
  const without = state.picked.filter((other) => other !== config);
  set({ picked: without.length < state.picked.length ? without : [...state.picked, config].slice(-MOST_PICKED) });
}

function change({ target }) {
  if (target.closest("#filters")) return takeFilter(target);
  if (target.id === "landscape") {
    state.landscape = Number(target.value);
    land = prepared(landscapes[state.landscape]);
    fit();
    return show();
  }
  state[target.id] = target.value; // an axis of the plane
  updatePage();
  return drawPlane().then(redraw);
}

function click({ target }) {
  const button = target.closest("button");
  const { pick: picked, filter, seeds } = button?.dataset ?? {};
  const config = target.closest("#configs tr")?.dataset.config;
  if (filter !== undefined) setFilter(filter, null);
  else if (picked ?? config) pick(Number(picked ?? config));
  else if (seeds) set({ seeds: seeds === "1" });
  else if (button?.matches(".reset")) set({ filters: {} });
  else if (button?.closest("#configs th")) {
    [state.sort, state.descending] = [button.textContent, button.parentElement.ariaSort === "descending"];
    history.replaceState(null, "", address()); // the table is sorted already
  }
  if (config && button) at("configs").querySelector(`[data-config="${config}"] button`)?.focus();
}

function listen() {
  document.addEventListener("change", (event) => event.target.id !== "point" && change(event));
  document.addEventListener("click", click);
  document.addEventListener("submit", (event) => event.preventDefault());
  at("point").addEventListener("input", ({ target }) => set({ point: Number(target.value) - 1 }));
  const body = at("configs").tBodies[0];
  body.addEventListener("mouseover", ({ target }) => hover(Number(target.closest("tr").dataset.config)));
  body.addEventListener("mouseleave", () => hover(null));
  addEventListener("pointerup", takeBox);
  addEventListener("hashchange", readAddress);
  darkGround.addEventListener("change", show);
}

readAddress();
listen();
at("filtering").open = innerWidth > 820 || Object.keys(state.filters).length > 0;
