const { landscapes, first, marks, colors } = JSON.parse(document.getElementById("data").textContent);
const OUTCOMES = ["score", "score_std", "score_worst"], MOST_PICKED = marks.length - 2;
const isTouch = matchMedia("(pointer: coarse)").matches;
const state = { landscape: first, x: "", y: "", point: 0, filters: {}, picked: [], seeds: true, sort: "score", descending: true };
let land, rows, hovered = null;

const at = (id) => document.getElementById(id);
const span = (length) => Array.from({ length }, (_, i) => i);
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const score = (value) => value.toFixed(land.decimals).replace("-", "\u2212");
const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)}\u00a0%`;

// Four significant digits; whole numbers in full.
function written(value) {
  if (value === null) return "–";
  return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : String(value);
}

// Text is never markup: elements take it as text.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// ---- the landscape at a fidelity

// A landscape with `table[config][point]`: score, its spread and its worst over the seeds, and how many runs were lost.
function prepared(data) {
  const worst = data.range[0];
  data.table ??= data.returns.map((curves) => data.steps.map((_, point) => summary(curves.map((curve) => curve[point]), worst)));
  data.specs ??= new Map(data.hyperparameters.map((spec) => [spec.name, spec]));
  for (const name of OUTCOMES) data.specs.set(name, { name, choices: null, lower: data.low, upper: data.high, isOutcome: true });
  data.ids ??= span(data.returns.length);
  return data;
}

function summary(returns, worst) {
  const scores = returns.map((value) => value ?? worst), center = mean(scores);
  const spread = Math.sqrt(mean(scores.map((value) => (value - center) ** 2)));
  return { score: center, score_std: spread, score_worst: Math.min(...scores), lost: returns.filter((value) => value === null).length };
}

const cell = (config) => land.table[config][state.point];
const valueOf = (config, name) => land.specs.get(name).isOutcome ? cell(config)[name] : land.configs[name][config];
const byScore = (configs) => [...configs].sort((a, b) => cell(b).score - cell(a).score || a - b);
const isKept = (config) => Object.entries(state.filters).every(([name, filter]) => passes(valueOf(config, name), filter));

function passes(value, { low = null, high = null, choices = null }) {
  if (value === null) return false;
  return choices ? choices.includes(value) : (low === null || value >= low) && (high === null || value <= high);
}

// The configs that are marked everywhere, with their mark: the best, the default, and those picked.
function marked() {
  const best = byScore(land.ids)[0], found = new Map([[best, "best"]]);
  if (land.default !== null && land.default !== best) found.set(land.default, "default");
  state.picked.forEach((config, i) => { if (!found.has(config)) found.set(config, marks[2 + i]); });
  return found;
}

function labelOf(config, mark) {
  if (mark === "best") return config === land.default ? "best and default" : "best";
  return mark === "default" ? "default" : `config ${config}`;
}

// Whether a config stands beside an axis of numbers, as it does not use the hyperparameter.
const isBeside = (config, name) => !land.specs.get(name).choices && valueOf(config, name) === null;

// ---- tables of the figures

// A row per config, the best last and so on top. Choices are text; jitter spreads them evenly, differently on both axes.
function configRows(chosen) {
  return byScore(land.ids).reverse().map((config) => {
    const { score: value, score_std, lost } = cell(config), spread = land.seeds.length > 1 ? ` ± ${score(score_std)}` : "";
    const row = { config, score: value, lost, kept: isKept(config), mark: chosen.get(config) ?? null, words: score(value) + spread };
    if (lost) row.words += `, ${lostWords(config)}`;
    row.jitter_x = (config * (Math.sqrt(5) - 1) / 2 + 0.5) % 1;
    row.jitter_y = (config * Math.SQRT2 + 0.5) % 1;
    row.spread_x = isBeside(config, state.x) ? 16 * (row.jitter_x - 0.5) : 0;
    row.spread_y = isBeside(config, state.y) ? 16 * (row.jitter_y - 0.5) : 0;
    land.hyperparameters.forEach(({ name, choices }, i) => {
      const own = land.configs[name][config];
      row[`value${i}`] = choices ? String(own ?? "inactive") : own;
      row[`text${i}`] = written(own);
    });
    return row;
  });
}

function curveRows() {
  return rows.flatMap(({ config, mark, kept }) => {
    const means = land.steps.map((env_steps, point) => ({ config, mark, env_steps, return: land.table[config][point].score, kind: "mean" }));
    if (!mark) return kept ? means : means.map((row) => ({ ...row, kind: "left out" }));
    return [...means, ...(state.seeds ? land.returns[config].flatMap((curve, seed) => seedRows(config, mark, curve, seed)) : [])];
  });
}

// A seed's curve up to the point at which its run diverges, and a cross there.
function seedRows(config, mark, curve, seed) {
  const alive = curve.flatMap((value, point) => value === null ? [] : [{ config, mark, seed, env_steps: land.steps[point], return: value, kind: "seed" }]);
  const ends = alive.length && curve.at(-1) === null ? [{ ...alive.at(-1), kind: "end" }] : [];
  return [...alive, ...ends];
}

function lineRows() {
  return rows.flatMap(({ config, mark, kept, score: value }) => {
    const line = { config, mark, kept, score: value };
    const along = land.hyperparameters.map(({ name, places }) => ({ ...line, axis: name, place: places[config] }));
    return [...along, { ...line, axis: "score", place: (value - land.low) / (land.high - land.low) }];
  });
}

// ---- figures

const parameters = () => ({
  low: land.low, high: land.high, lowest: land.returnAxis[0], highest: land.returnAxis[1], last: land.steps.at(-1), step: land.steps[state.point],
  lane_x: land.ids.some((config) => isBeside(config, state.x)), lane_y: land.ids.some((config) => isBeside(config, state.y)),
});

async function drawFigure(plot, figure) {
  const values = parameters(), params = figure.params.map((param) => param.name in values ? { ...param, value: values[param.name] } : param);
  listenTo(await draw(plot, { ...figure, params }));
}

function drawFigures() {
  const { curves, points, distribution, importance, parallel } = drawing.figures;
  const others = { curves: land.steps.length === 1 ? points : curves, distribution, importance, parallel };
  at("parallel").style.minWidth = `${92 * (land.hyperparameters.length + 1)}px`;
  at("importance").style.minWidth = `${150 + 38 * land.steps.length}px`;
  fillTables();
  return Promise.all([drawPlane(), ...Object.entries(others).map(([name, figure]) => drawFigure(at(name), figure))]);
}

// The plane with the axes that are chosen. A box drawn on it becomes filters when the pointer is released.
function drawPlane() {
  const { plane } = drawing.figures, encoding = { ...land.axes.x[state.x], ...land.axes.y[state.y], tooltip: land.tooltip };
  const params = plane.params.filter(({ name }) => !isTouch || name !== "box");  // a finger scrolls the page
  return drawFigure(at("plane"), { ...plane, encoding, params });
}

function listenTo(view) {
  const configOf = (item) => item?.datum?.config ?? null;
  view.addEventListener("click", (event, item) => { if (configOf(item) !== null) pick(configOf(item)); });
  view.addEventListener("mouseover", (event, item) => hover(configOf(item)));
  view.addEventListener("mouseout", () => hover(null));
}

function fillTables() {
  rows = configRows(marked());
  const importance = land.hyperparameters.flatMap(({ name }) => land.steps.map((env_steps, point) => ({ hyperparameter: name, env_steps, share: land.importance[name][point] })));
  drawing.tables = { configs: rows, curves: curveRows(), lines: lineRows(), ticks: land.ticks, importance };
}

// The figures as they are, with new tables.
function redraw() {
  fillTables();
  for (const view of views.values()) {
    for (const name of Object.keys(drawing.tables)) if (has(view, "data", name)) view.data(name, structuredClone(drawing.tables[name]));
    if (has(view, "signals", "step")) view.signal("step", land.steps[state.point]);
    view.runAsync();
  }
}

// The config under the pointer, in the ink's colour on every figure.
function hover(config) {
  if (config === hovered) return;
  hovered = config;
  requestAnimationFrame(() => { if (config === hovered) signal("hovered", config); });
}

// A box on the plane bounds both its hyperparameters, to three digits; a side beyond the axis is open.
function takeBox() {
  const view = views.get(at("plane")), box = isTouch ? {} : view?.signal("box") ?? {};
  const sides = [state.x, state.y].map((name, i) => [name, box[land.axes[i ? "y" : "x"][name][i ? "y" : "x"].field]]);
  if (sides.every(([, range]) => range === undefined)) return;
  for (const [name, range] of sides) {
    const filter = range && filterOf(land.specs.get(name), range);
    if (filter === null) delete state.filters[name];
    else if (filter) state.filters[name] = filter;
  }
  drawPlane();  // without the box: the filters say what it was
  update();
}

function filterOf({ choices, lower, upper }, range) {
  if (choices) {
    const chosen = choices.filter((choice) => range.includes(String(choice)));  // inactive is no choice
    return chosen.length < choices.length ? { choices: chosen } : null;
  }
  const [low, high] = [Math.min(...range), Math.max(...range)];
  const filter = { low: low <= lower ? null : Number(low.toPrecision(3)), high: high >= upper ? null : Number(high.toPrecision(3)) };
  return filter.low === null && filter.high === null ? null : filter;
}

// ---- the rest of the page

function keyFigures() {
  const ranked = byScore(land.ids), best = ranked[0], top = cell(best).score, runs = land.ids.length * land.seeds.length;
  const below = (config) => land.ids.filter((other) => cell(other).score < cell(config).score).length / Math.max(1, land.ids.length - 1);
  const near = land.ids.filter((config) => cell(config).score >= top - 0.05 * (land.range[1] - land.range[0])).length;
  const lost = land.ids.reduce((sum, config) => sum + cell(config).lost, 0);
  const spread = (config) => land.seeds.length > 1 ? ` ± ${score(cell(config).score_std)}` : "";
  const seeds = land.seeds.length > 1 ? `, mean ± std over ${land.seeds.length} seeds` : ", one seed";
  at("key-figures").replaceChildren(...[
    ["Best config", score(top), spread(best), `config ${best}${seeds}`],
    ...(land.default === null ? [] : [["Default config", score(cell(land.default).score), spread(land.default), `above ${percent(below(land.default))} of the other configs`]]),
    ["Configs near the best", percent(near / land.ids.length), "", "within 5 % of the return range"],
    ["Diverged runs", percent(lost / runs), "", `${lost} of ${runs} by this fidelity`],
  ].map(([label, value, spread, note]) => element("div", {}, element("dt", {}, label),
    element("dd", { class: "value" }, value, element("span", { class: "spread" }, spread)), element("dd", { class: "note" }, note))));
}

// Which curve is whose; a button takes a picked config away.
function keys(chosen) {
  const key = ([config, mark]) => {
    const label = labelOf(config, mark), removes = mark.startsWith("picked");
    const line = element("i", { style: `border-color: var(--${colors[marks.indexOf(mark)]})` });
    const note = element("span", { class: "muted" }, score(cell(config).score));
    return removes ? element("button", { type: "button", "aria-label": `remove ${label}`, onclick: () => pick(config) }, line, label, note)
      : element("span", {}, line, label, note);
  };
  const hint = element("span", { class: "muted" }, `up to ${MOST_PICKED} more: click points, or numbers in the table`);
  at("picked").replaceChildren(...[...chosen].map(key), ...(state.picked.length ? [] : [hint]));
  const kept = byScore(land.ids.filter(isKept)), middle = kept[Math.floor(kept.length / 2)];
  at("near-best").textContent = kept.length ? `The median of those kept is ${score(cell(middle).score)}.` : "The filters keep none.";
}

function configTable(kept, chosen) {
  const columns = ["config", ...OUTCOMES, "diverged", ...land.hyperparameters.map(({ name }) => name)];
  const keyOf = (config, name) => name === "config" ? config : name === "diverged" ? cell(config).lost : valueOf(config, name);
  const isText = (name) => land.specs.get(name)?.choices?.some((choice) => typeof choice !== "number") ?? false;
  const order = (a, b) => typeof a === "number" ? a - b : String(a).localeCompare(String(b));
  const ranked = byScore(kept), keyed = ranked.filter((config) => keyOf(config, state.sort) !== null);
  keyed.sort((a, b) => (state.descending ? -1 : 1) * order(keyOf(a, state.sort), keyOf(b, state.sort)));
  const direction = (name) => name === state.sort ? (state.descending ? "descending" : "ascending") : null;
  const isTuned = (name) => land.specs.has(name) && !land.specs.get(name).isOutcome;
  const heading = (name) => element("th", { scope: "col", class: isText(name) ? "text" : false, "aria-sort": direction(name) },
    element("button", { type: "button", class: isTuned(name) ? "name" : false, onclick: () => sortConfigs(name) }, name));
  const text = (config, name) => OUTCOMES.includes(name) ? score(cell(config)[name]) : name === "diverged" ? lostWords(config) : written(valueOf(config, name));
  const line = (config) => {
    const mark = chosen.get(config), label = mark && !mark.startsWith("picked") ? ` ${labelOf(config, mark)}` : "";
    const button = element("button", { type: "button", "aria-pressed": String(state.picked.includes(config)), "aria-label": `config ${config}${label}` }, String(config));
    const note = element("span", { style: mark ? `color: var(--${colors[marks.indexOf(mark)]})` : null }, mark ? (label || " ●") : "");
    return element("tr", { "data-config": config, class: cell(config).lost ? "lost" : false }, element("td", {}, button, note),
      ...columns.slice(1).map((name) => element("td", { class: isText(name) ? "text" : false }, text(config, name))));
  };
  at("configs").tHead.replaceChildren(element("tr", {}, ...columns.map(heading)));
  at("configs").tBodies[0].replaceChildren(...keyed.map(line), ...ranked.filter((config) => keyOf(config, state.sort) === null).map(line));
}

function lostWords(config) {
  const { lost } = cell(config), word = land.status[config] === "failed" ? "failed" : "diverged";
  return lost ? `${lost} of ${land.seeds.length} ${word}` : "–";
}

function sortConfigs(name) {
  state.descending = state.sort === name ? !state.descending : land.specs.get(name)?.isOutcome === true;
  state.sort = name;
  update();
  [...at("configs").tHead.rows[0].cells].find((heading) => heading.textContent === name).firstChild.focus();
}

// ---- filters

function filterForm() {
  const names = ["score", ...land.hyperparameters.map(({ name }) => name)];
  at("filters").replaceChildren(...names.map((name) => {
    const { choices, lower, upper, isOutcome } = land.specs.get(name), legend = element("legend", { class: isOutcome ? false : "name" }, name);
    const bounds = () => element("div", { class: "bounds" }, bound(name, "low", lower), "to", bound(name, "high", upper));
    const box = (choice) => element("label", {}, element("input", { type: "checkbox", checked: true, onchange: (event) => choose(name, event.target) }), written(choice));
    return element("fieldset", { "data-name": name }, legend, choices ? element("div", { class: "choices" }, ...choices.map(box)) : bounds());
  }));
}

function bound(name, side, placeholder) {
  const words = side === "low" ? "at least" : "at most", hint = land.specs.get(name).isOutcome ? score(placeholder) : written(placeholder);
  return element("input", { type: "text", inputmode: "decimal", "data-side": side, "aria-label": `${name} ${words}`, placeholder: hint, onchange: (event) => bind(name, side, event.target) });
}

function bind(name, side, input) {
  const text = input.value.trim().replace("\u2212", "-"), value = text === "" ? null : Number(text);
  input.setAttribute("aria-invalid", String(Number.isNaN(value)));
  if (!Number.isNaN(value)) setFilter(name, { ...state.filters[name], [side]: value });
}

function choose(name, input) {
  const boxes = [...input.closest("fieldset").querySelectorAll("input")];
  const { choices } = land.specs.get(name), chosen = choices.filter((_, i) => boxes[i].checked);
  setFilter(name, chosen.length < choices.length ? { choices: chosen } : null);
}

function setFilter(name, filter) {
  const isOpen = !filter || (!filter.choices && (filter.low ?? null) === null && (filter.high ?? null) === null);
  if (isOpen) delete state.filters[name];
  else state.filters[name] = filter;
  update();
}

// Writes the filters into their form, but not over what is being typed.
function fillFilters() {
  for (const fieldset of at("filters").children) {
    const filter = state.filters[fieldset.dataset.name] ?? {}, { choices } = land.specs.get(fieldset.dataset.name);
    [...fieldset.querySelectorAll("input")].forEach((input, i) => {
      if (choices) input.checked = !filter.choices || filter.choices.includes(choices[i]);
      else if (Number(input.value || NaN) !== filter[input.dataset.side]) input.value = filter[input.dataset.side] ?? "";
    });
  }
}

function chips(kept) {
  const between = ({ low = null, high = null, choices }) => choices ? choices.map(written).join(", ") || "none"
    : low === null ? `≤ ${written(high)}` : high === null ? `≥ ${written(low)}` : `${written(low)} … ${written(high)}`;
  const filters = Object.entries(state.filters);
  const remove = ([name, filter]) => element("button", { type: "button", "aria-label": `remove the filter on ${name}`, onclick: () => setFilter(name, null) }, `${name} ${between(filter)}`);
  const clear = element("button", { type: "button", class: "reset", onclick: () => { state.filters = {}; update(); } }, "remove all filters");
  at("count").textContent = filters.length ? `${kept.length} of ${land.ids.length} configs` : `${land.ids.length} configs`;
  at("chips").replaceChildren(...filters.map(remove), ...(filters.length > 1 ? [clear] : []));
}

// ---- the command line

// A condition in pandas' query language, as `arl landscape query --where` takes it.
function condition([name, { low = null, high = null, choices }]) {
  const column = /^[A-Za-z_]\w*$/.test(name) ? name : `\`${name}\``;
  const literal = (value) => typeof value === "boolean" ? (value ? "True" : "False") : typeof value === "string" ? `'${value.replace(/[\\']/g, "\\$&")}'` : String(value);
  if (choices) return choices.length === 1 ? `${column} == ${literal(choices[0])}` : `${column} in [${choices.map(literal).join(", ")}]`;
  return [low === null ? null : `${column} >= ${low}`, high === null ? null : `${column} <= ${high}`].filter(Boolean).join(" and ");
}

function quoted(word) {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return /["$`\\!\n]/.test(word) ? `'${word.replace(/'/g, "'\\''")}'` : `"${word}"`;
}

function command() {
  const where = Object.entries(state.filters).map(condition).join(" and ");
  const point = state.point < land.steps.length - 1 ? ["--point", String(state.point + 1)] : [];
  return ["arl", "landscape", "query", quoted(land.name), ...(where ? ["--where", quoted(where)] : []), ...point];
}

// ---- state and its address

function address() {
  const parts = new URLSearchParams({ landscape: land.name, x: state.x, y: state.y, point: state.point + 1 });
  if (state.picked.length) parts.set("configs", state.picked.join(","));
  if (!state.seeds) parts.set("seeds", "0");
  if (state.sort !== "score" || !state.descending) parts.set("sort", (state.descending ? "-" : "") + state.sort);
  for (const [name, { low = null, high = null, choices }] of Object.entries(state.filters)) parts.set(`in.${name}`, JSON.stringify(choices ?? [low, high]));
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
  state.filters = Object.fromEntries([...parts].filter(([key]) => key.startsWith("in.")).map(([key, text]) => [key.slice(3), parsed(text)]));
  for (const [name, filter] of Object.entries(state.filters)) {
    if (Array.isArray(filter)) state.filters[name] = land.specs.get(name)?.choices ? { choices: filter } : { low: filter[0], high: filter[1] };
  }
  fit();
  return show();
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}

// Drops what the landscape does not have: axes, filters, configs.
function fit() {
  const names = land.hyperparameters.map(({ name }) => name), total = (name) => land.importance[name].at(-1) ?? 0;
  const ranked = [...names].sort((a, b) => total(b) - total(a)), isAxis = (name) => names.includes(name) || name === "score";
  if (!names.includes(state.x)) state.x = ranked[0];
  if (!isAxis(state.y)) state.y = ranked.find((name) => name !== state.x) ?? "score";
  state.point = Math.min(state.point, land.steps.length - 1);
  state.picked = [...new Set(state.picked)].filter((config) => land.ids.includes(config)).slice(0, MOST_PICKED);
  if (!land.specs.has(state.sort) && !["config", "diverged"].includes(state.sort)) [state.sort, state.descending] = ["score", true];
  const isNumber = (value) => value === null || Number.isFinite(value);
  const fits = (spec, filter) => spec && filter && (spec.choices ? filter.choices?.every((choice) => spec.choices.includes(choice))
    : !filter.choices && isNumber(filter.low ?? null) && isNumber(filter.high ?? null));
  for (const [name, filter] of Object.entries(state.filters)) if (!fits(land.specs.get(name), filter)) delete state.filters[name];
}

// ---- all of it

// After another landscape: the controls that depend on it, then everything.
function show() {
  const entries = land.hyperparameters.map(({ name }) => name), isSingle = land.seeds.length === 1;
  at("landscape").value = state.landscape;
  at("x").replaceChildren(...entries.map((name) => element("option", { value: name }, name)));
  at("y").replaceChildren(...[...entries, "score"].map((name) => element("option", { value: name }, name)));
  at("point").max = land.steps.length;
  at("made").textContent = `${plural(land.ids.length, "config")} × ${plural(land.seeds.length, "seed")} × ${plural(land.steps.length, "evaluation point")}, made with ${land.made}`;
  at("seeds").hidden = isSingle;
  at("lines").textContent = isSingle ? "One seed, so a line is a run; grey ones are the other configs kept by the filters. A line falls to the worst return where its run diverges."
    : "Thick lines are means over the seeds, thin lines are the seeds, grey ones the means of the other configs kept by the filters. A seed's line ends at a cross where its run diverges.";
  filterForm();
  updatePage();
  return drawFigures().then(redraw);
}

function update() {
  updatePage();
  redraw();
}

function updatePage() {
  const kept = land.ids.filter(isKept), chosen = marked(), steps = land.stepWords[state.point];
  [at("x").value, at("y").value, at("point").value] = [state.x, state.y, state.point + 1];
  at("fidelity").textContent = `${steps} env steps, point ${state.point + 1} of ${land.steps.length}`;
  at("point").setAttribute("aria-valuetext", `${steps} env steps`);
  for (const button of document.querySelectorAll("[data-seeds]")) button.setAttribute("aria-pressed", String((button.dataset.seeds === "1") === state.seeds));
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
  at("landscape").addEventListener("change", (event) => { state.landscape = Number(event.target.value); land = prepared(landscapes[state.landscape]); fit(); show(); });
  for (const id of ["x", "y"]) at(id).addEventListener("change", (event) => { state[id] = event.target.value; updatePage(); drawPlane().then(redraw); });
  at("point").addEventListener("input", (event) => { state.point = Number(event.target.value) - 1; update(); });
  for (const form of [at("controls"), at("filters")]) form.addEventListener("submit", (event) => event.preventDefault());
  document.querySelectorAll("[data-seeds]").forEach((button) => button.addEventListener("click", () => { state.seeds = button.dataset.seeds === "1"; update(); }));
  const body = at("configs").tBodies[0], rowOf = (event) => event.target.closest("tr");
  body.addEventListener("click", (event) => {
    const config = Number(rowOf(event).dataset.config), byButton = event.target.tagName === "BUTTON";
    pick(config);
    if (byButton) body.querySelector(`[data-config="${config}"] button`)?.focus();
  });
  body.addEventListener("mouseover", (event) => hover(Number(rowOf(event).dataset.config)));
  body.addEventListener("mouseleave", () => hover(null));
  addEventListener("pointerup", takeBox);
  at("copy").addEventListener("click", async () => {
    getSelection().selectAllChildren(at("command"));
    try { await navigator.clipboard.writeText(command().join(" ")); } catch { document.execCommand("copy"); }
    at("copy").textContent = "copied";
    setTimeout(() => { at("copy").textContent = "copy"; }, 1500);
  });
  addEventListener("hashchange", readAddress);
  darkGround.addEventListener("change", show);
}

readAddress();
listen();
at("filtering").open = innerWidth > 820 || Object.keys(state.filters).length > 0;
