// The state of the page, its address, and its controls.

function address() {
  const parts = new URLSearchParams({ landscape: land.name, x: state.x, y: state.y, point: state.point + 1 });
  if (state.picked.length) parts.set("configs", state.picked.join(","));
  if (!state.seeds) parts.set("seeds", "0");
  if (state.sort !== "score" || !state.descending) parts.set("sort", (state.descending ? "-" : "") + state.sort);
  for (const [name, { low = null, high = null, choices }] of Object.entries(state.filters))
    parts.set(`in.${name}`, JSON.stringify(choices ?? [low, high]));
  return `#${parts}`;
}

// What an address does not say is as at first; what does not fit the landscape is dropped.
function readAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const named = landscapes.findIndex(({ name }) => name === parts.get("landscape"));
  state.landscape = named < 0 ? first : named;
  land = prepared(landscapes[state.landscape]);
  const point = Number(parts.get("point") ?? land.steps.length);
  state.point = Number.isInteger(point) && point >= 1 && point <= land.steps.length ? point - 1 : land.steps.length - 1;
  [state.x, state.y] = [parts.get("x"), parts.get("y")];
  state.picked = (parts.get("configs") ?? "").split(",").filter(Boolean).map(Number);
  state.seeds = parts.get("seeds") !== "0";
  const sort = parts.get("sort") ?? "-score";
  [state.sort, state.descending] = [sort.replace(/^-/, ""), sort.startsWith("-")];
  state.filters = Object.fromEntries(
    [...parts].filter(([key]) => key.startsWith("in.")).map(([key, text]) => [key.slice(3), parsed(text)]),
  );
  for (const [name, filter] of Object.entries(state.filters)) {
    if (Array.isArray(filter))
      state.filters[name] = land.specs.get(name)?.choices ? { choices: filter } : { low: filter[0], high: filter[1] };
  }
  fit();
  return show();
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// Drops what the landscape does not have: axes, filters, configs.
function fit() {
  const names = land.hyperparameters.map(({ name }) => name);
  const total = (name) => land.importance[name].at(-1) ?? 0;
  const ranked = [...names].sort((a, b) => total(b) - total(a));
  const isAxis = (name) => names.includes(name) || name === "score";
  if (!names.includes(state.x)) state.x = ranked[0];
  if (!isAxis(state.y)) state.y = ranked.find((name) => name !== state.x) ?? "score";
  state.point = Math.min(state.point, land.steps.length - 1);
  state.picked = [...new Set(state.picked)].filter((config) => land.ids.includes(config)).slice(0, MOST_PICKED);
  if (!land.specs.has(state.sort) && !["config", "diverged"].includes(state.sort))
    [state.sort, state.descending] = ["score", true];
  const isNumber = (value) => value === null || Number.isFinite(value);
  const fits = (spec, filter) =>
    spec &&
    filter &&
    (spec.choices
      ? filter.choices?.every((choice) => spec.choices.includes(choice))
      : !filter.choices && isNumber(filter.low ?? null) && isNumber(filter.high ?? null));
  for (const [name, filter] of Object.entries(state.filters))
    if (!fits(land.specs.get(name), filter)) delete state.filters[name];
}

// After another landscape: the controls that depend on it, then everything.
function show() {
  const entries = land.hyperparameters.map(({ name }) => name);
  const isSingle = land.seeds.length === 1;
  at("landscape").value = state.landscape;
  at("x").replaceChildren(...entries.map((name) => element("option", { value: name }, name)));
  at("y").replaceChildren(...[...entries, "score"].map((name) => element("option", { value: name }, name)));
  at("point").max = land.steps.length;
  at("made").textContent =
    `${plural(land.ids.length, "config")} × ${plural(land.seeds.length, "seed")} × ${plural(land.steps.length, "evaluation point")}, made with ${land.made}`;
  at("seeds").hidden = isSingle;
  at("single-seed").hidden = !isSingle;
  at("several-seeds").hidden = isSingle;
  filterForm();
  updatePage();
  return drawFigures().then(redraw);
}

function update() {
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
    button.setAttribute("aria-pressed", String((button.dataset.seeds === "1") === state.seeds));
  document.title = `${land.name} · landscape`;
  at("plane").setAttribute("aria-label", `${kept.length} configs over ${state.x} and ${state.y}, coloured by score`);
  keyFigures();
  keys(chosen);
  chips(kept);
  fillFilters();
  configTable(kept, chosen);
  at("command").replaceChildren(...command().flatMap((word) => [element("span", {}, word), " "]));
  history.replaceState(null, "", address());
}

function pick(config) {
  const without = state.picked.filter((other) => other !== config);
  state.picked = without.length < state.picked.length ? without : [...state.picked, config].slice(-MOST_PICKED);
  update();
}

function listen() {
  at("landscape").addEventListener("change", (event) => {
    state.landscape = Number(event.target.value);
    land = prepared(landscapes[state.landscape]);
    fit();
    show();
  });
  for (const id of ["x", "y"])
    at(id).addEventListener("change", (event) => {
      state[id] = event.target.value;
      updatePage();
      drawPlane().then(redraw);
    });
  at("point").addEventListener("input", (event) => {
    state.point = Number(event.target.value) - 1;
    update();
  });
  for (const form of [at("controls"), at("filters")])
    form.addEventListener("submit", (event) => event.preventDefault());
  document.querySelectorAll("[data-seeds]").forEach((button) =>
    button.addEventListener("click", () => {
      state.seeds = button.dataset.seeds === "1";
      update();
    }),
  );
  const body = at("configs").tBodies[0];
  const rowOf = (event) => event.target.closest("tr");
  body.addEventListener("click", (event) => {
    const config = Number(rowOf(event).dataset.config);
    const byButton = event.target.tagName === "BUTTON";
    pick(config);
    if (byButton) body.querySelector(`[data-config="${config}"] button`)?.focus();
  });
  body.addEventListener("mouseover", (event) => hover(Number(rowOf(event).dataset.config)));
  body.addEventListener("mouseleave", () => hover(null));
  addEventListener("pointerup", takeBox);
  at("copy").addEventListener("click", async () => {
    getSelection().selectAllChildren(at("command"));
    try {
      await navigator.clipboard.writeText(command().join(" "));
    } catch {
      document.execCommand("copy");
    }
    at("copy").textContent = "copied";
    setTimeout(() => {
      at("copy").textContent = "copy";
    }, 1500);
  });
  addEventListener("hashchange", readAddress);
  darkGround.addEventListener("change", show);
}

readAddress();
listen();
at("filtering").open = innerWidth > 820 || Object.keys(state.filters).length > 0;
