// The tables of the figures, and what is drawn from them.

// A row per config, the best last and so on top. Choices are text; jitter spreads them evenly, differently on both axes.
function configRows(chosen) {
  const spread = (config, name, jitter) => (isBeside(config, name) ? 16 * (jitter - 0.5) : 0);
  const row = (config) => {
    const { score: value, score_std, lost } = cell(config);
    const std = land.seeds.length > 1 ? ` ± ${score(score_std)}` : "";
    const words = `${score(value)}${std}${lost ? `, ${lostWords(config)}` : ""}`;
    const [jitter_x, jitter_y] = [((config * (Math.sqrt(5) - 1)) / 2 + 0.5) % 1, (config * Math.SQRT2 + 0.5) % 1];
    const [spread_x, spread_y] = [spread(config, state.x, jitter_x), spread(config, state.y, jitter_y)];
    const places = { jitter_x, jitter_y, spread_x, spread_y };
    const values = land.hyperparameters.flatMap(({ name, choices }, i) => {
      const value = land.configs[name][config];
      return [[`value${i}`, choices ? String(value ?? "inactive") : value], [`text${i}`, written(value)]];
    });
    const mark = chosen.get(config) ?? null;
    return { config, score: value, lost, kept: isKept(config), mark, words, ...places, ...Object.fromEntries(values) };
  };
  return byScore(land.ids).reverse().map(row);
}

function curveRows() {
  return rows.flatMap(({ config, mark, kept }) => {
    const line = { config, mark, kind: mark || kept ? "mean" : "left out" };
    const means = land.steps.map((env_steps, i) => ({ ...line, env_steps, return: land.table[config][i].score }));
    const seeds = mark && state.seeds ? land.returns[config] : [];
    return [...means, ...seeds.flatMap((curve, seed) => seedRows(config, mark, curve, seed))];
  });
}

// A seed's curve up to the point at which its run diverges, and a cross there.
function seedRows(config, mark, curve, seed) {
  const alive = curve.flatMap((value, point) =>
    value === null ? [] : [{ config, mark, seed, env_steps: land.steps[point], return: value, kind: "seed" }],
  );
  const ends = alive.length && curve.at(-1) === null ? [{ ...alive.at(-1), kind: "end" }] : [];
  return [...alive, ...ends];
}

const parameters = () => ({
  low: land.low,
  high: land.high,
  lowest: land.returnAxis[0],
  highest: land.returnAxis[1],
  last: land.steps.at(-1),
  step: land.steps[state.point],
  lane_x: land.ids.some((config) => isBeside(config, state.x)),
  lane_y: land.ids.some((config) => isBeside(config, state.y)),
});

async function drawFigure(plot, figure) {
  const values = parameters();
  const params = figure.params.map((param) => (param.name in values ? { ...param, value: values[param.name] } : param));
  listenTo(await draw(plot, { ...figure, params }));
}

function drawFigures() {
  const { curves, points, distribution, importance } = drawing.figures;
  const others = { curves: land.steps.length === 1 ? points : curves, distribution, importance, parallel: land.parallel };
  at("parallel").style.minWidth = `${92 * (land.hyperparameters.length + 1)}px`;
  at("importance").style.minWidth = `${150 + 38 * land.steps.length}px`;
  fillTables();
  return Promise.all([drawPlane(), ...Object.entries(others).map(([name, figure]) => drawFigure(at(name), figure))]);
}

// The plane with the axes that are chosen. A box drawn on it becomes filters when the pointer is released.
function drawPlane() {
  const { plane } = drawing.figures;
  const encoding = { ...land.axes.x[state.x], ...land.axes.y[state.y], tooltip: land.tooltip };
  const params = plane.params.filter(({ name }) => !isTouch || name !== "box"); // a finger scrolls the page
  return drawFigure(at("plane"), { ...plane, encoding, params });
}

function listenTo(view) {
  const configOf = (item) => item?.datum?.config ?? null;
  view.addEventListener("click", (event, item) => {
    if (configOf(item) !== null) pick(configOf(item));
  });
  view.addEventListener("mouseover", (event, item) => hover(configOf(item)));
  view.addEventListener("mouseout", () => hover(null));
}

function fillTables() {
  rows = configRows(marked());
  const importance = land.hyperparameters.flatMap(({ name }) =>
    land.steps.map((env_steps, point) => ({ hyperparameter: name, env_steps, share: land.importance[name][point] })),
  );
  drawing.tables = { configs: rows, curves: curveRows(), importance };
}

// The figures as they are, with new tables.
function redraw() {
  fillTables();
  for (const view of views.values()) {
    for (const name of Object.keys(drawing.tables))
      if (has(view, "data", name)) view.data(name, structuredClone(drawing.tables[name]));
    if (has(view, "signals", "step")) view.signal("step", land.steps[state.point]);
    view.runAsync();
  }
}

// The config under the pointer, in the ink's colour on every figure.
function hover(config) {
  if (config === hovered) return;
  hovered = config;
  requestAnimationFrame(() => {
    if (config === hovered) signal("hovered", config);
  });
}

// A box on the plane bounds both its hyperparameters, to three digits; a side beyond the axis is open.
function takeBox() {
  const box = isTouch ? {} : (views.get(at("plane"))?.signal("box") ?? {});
  for (const axis of ["x", "y"]) {
    const range = box[land.axes[axis][state[axis]][axis].field];
    if (range) setFilter(state[axis], filterOf(land.specs.get(state[axis]), range));
  }
  if (Object.keys(box).length) drawPlane(); // without the box: the filters say what it was
}

function filterOf({ choices, lower, upper }, range) {
  if (choices) return { choices: choices.filter((choice) => range.includes(String(choice))) }; // inactive is no choice
  const [low, high] = [Math.min(...range), Math.max(...range)];
  const rounded = (bound, isOpen) => (isOpen ? null : Number(bound.toPrecision(3)));
  return { low: rounded(low, low <= lower), high: rounded(high, high >= upper) };
}
