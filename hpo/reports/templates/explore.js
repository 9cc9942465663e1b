const { layout: baseLayout, landscapes, first } = JSON.parse(document.getElementById("data").textContent);
const MAX_PICKED = 4, LEVELS = 7, NUM_BINS = 30, MINUS = "\u2212", GOLDEN = (Math.sqrt(5) - 1) / 2;
const COLORS = { best: "--curve-1", default: "--curve-2", picked: ["--curve-3", "--curve-4", "--curve-5", "--curve-6"] };
const OUTCOMES = ["score", "score_std", "score_worst"];
const state = { landscape: first, x: "", y: "", point: 0, filters: {}, picked: [], seeds: true, sort: "score", descending: true };
let land, hovered = null, isPressed = false;

const at = (id) => document.getElementById(id);
const last = (list) => list[list.length - 1];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const span = (length) => Array.from({ length }, (_, i) => i);

// Text from a file is never markup: elements take it as text, and what plotly would read as markup is escaped.
const escaped = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function vector(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Four significant digits; whole numbers below a billion in full.
function written(value) {
  if (value === null) return "–";
  if (typeof value !== "number") return String(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return String(value);
  if (size >= 1e3 && size < 1e9) return value.toFixed(1);
  const short = Number(value.toPrecision(4));
  return size >= 1e-4 && size < 1e9 ? String(short) : short.toExponential().replace("e+", "e");
}

const score = (value) => value.toFixed(land.decimals).replace("-", MINUS);

// Such as 12.3 k: three significant digits with an SI prefix.
function counted(value, digits = 3) {
  const [size, prefix] = [[1e9, "\u00a0G"], [1e6, "\u00a0M"], [1e3, "\u00a0k"], [1, ""]].find(([size]) => value >= size) ?? [1, ""];
  return Number((value / size).toPrecision(digits)) + prefix;
}

// ---- data

// A landscape with what is computed from it: `table[config][point]`, its columns, and the range of its scores.
function prepared(data) {
  if (data.table) return data;
  const worst = data.range[0], configs = span(data.returns.length);
  data.table = data.returns.map((curves) => data.steps.map((_, point) => summary(curves.map((curve) => curve[point]), worst)));
  const means = data.table.flatMap((points) => points.map((row) => row.score));
  data.low = Math.min(...means), data.high = Math.max(...means);
  if (data.low === data.high) data.low -= 1, data.high += 1;
  data.known = new Map(data.hyperparameters.map((known) => [known.name, known]));
  for (const name of OUTCOMES) data.known.set(name, { name, choices: null, log: false, lower: data.low, upper: data.high, outcome: true });
  data.ids = configs;
  return data;
}

function summary(returns, worst) {
  const scores = returns.map((value) => value ?? worst), center = mean(scores);
  return {
    score: center, score_std: Math.sqrt(mean(scores.map((value) => (value - center) ** 2))), score_worst: Math.min(...scores),
    lost: returns.filter((value) => value === null).length,
  };
}

const row = (config) => land.table[config][state.point];
const valueOf = (config, name) => land.known.get(name).outcome ? row(config)[name] : land.configs[name][config];
const byScore = (configs) => [...configs].sort((a, b) => row(b).score - row(a).score || a - b);
const meanCurve = (config) => land.table[config].map((cell) => cell.score);
const isKept = (config) => Object.entries(state.filters).every(([name, filter]) => passes(valueOf(config, name), filter));

function passes(value, { low = null, high = null, choices = null }) {
  if (value === null) return false;
  return choices ? choices.includes(value) : (low === null || value >= low) && (high === null || value <= high);
}

// ---- axes

// How values of a hyperparameter stand on an axis: `place` gives their position, `value` the way back.
// Choices are spread by up to half of `spread` to either side, so that points do not hide each other: evenly, as multiples
// of an irrational number modulo 1 are, and differently on axes of different `ratio`.
function axisOf(name, { numTicks = 6, spread = 0.5, ratio = GOLDEN } = {}) {
  const known = land.known.get(name), jitter = (config) => spread * (((config * ratio + 0.5) % 1) - 0.5);
  let place, low, high, ticks, value = (position) => position;
  if (known.choices) {
    [low, high] = [-0.5, known.choices.length - 0.5];
    place = (config) => known.choices.indexOf(valueOf(config, name)) + jitter(config);
    ticks = known.choices.map((choice, i) => [i, shortened(written(choice))]);
  } else {
    const to = known.log ? Math.log10 : Number;
    if (known.log) value = (position) => 10 ** position;
    [low, high] = [to(known.lower), to(known.upper)];
    place = (config) => to(valueOf(config, name));
    const at = known.log ? roundLogs(low, high, numTicks) : roundNumbers(low, high, numTicks, known.integer), labels = at.map(written);
    const inPowers = known.log && labels.some((label) => label.includes("e"));  // one notation for all of them
    ticks = at.map((tick, i) => [to(tick), inPowers ? tick.toExponential().replace("e+", "e") : labels[i].replace(/^-/, MINUS)]);
  }
  const length = high - low, inactive = low - 0.14 * length;
  const isEver = !known.outcome && land.configs[name].includes(null);
  if (isEver) ticks = [[inactive, "inactive"], ...ticks];
  return {
    known, low, high, ticks, value, inactive: isEver ? inactive : null,
    place: (config) => valueOf(config, name) === null ? inactive + 0.1 * length * jitter(config) : place(config),
    range: [isEver ? inactive - 0.06 * length : low - (known.choices ? 0.1 : 0.03 * length), high + (known.choices ? 0.1 : 0.03 * length)],
  };
}

const planeAxes = () => [axisOf(state.x), axisOf(state.y, { ratio: Math.SQRT2 })];
const shortened = (text) => text.length <= 14 ? text : text.slice(0, 13) + "…";

function roundNumbers(low, high, num, integer) {
  const rough = (high - low) / num, power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].map((digit) => digit * power).find((size) => size >= rough);
  if (integer) step = Math.max(1, Math.round(step));
  const first = Math.ceil(low / step - 1e-9);
  return span(Math.floor(high / step + 1e-9) - first + 1).map((i) => Number(((first + i) * step).toPrecision(12)));
}

// The finest of four sets of round numbers between powers of ten that has few enough in that range.
function roundLogs(low, high, num) {
  let ticks = [];
  for (const [step, digits] of [[1, [1, 2, 5]], [1, [1, 3]], [1, [1]], [2, [1]]]) {
    const powers = span(Math.ceil((high - low) / step) + 2).map((i) => step * (Math.floor(low / step) + i));
    ticks = powers.flatMap((power) => digits.map((digit) => Number(`${digit}e${power}`)));
    ticks = ticks.filter((tick) => low - 1e-9 <= Math.log10(tick) && Math.log10(tick) <= high + 1e-9);
    if (ticks.length <= num) break;
  }
  return ticks;
}

const shown = (axis, title) => ({
  title: { text: escaped(title), standoff: 8, font: { size: 13 } }, range: axis.range, fixedrange: true, tickangle: 0,
  tickvals: axis.ticks.map(([position]) => position), ticktext: axis.ticks.map(([, text]) => escaped(text)),
});

function layoutOf(x, y, more = {}) {
  const layout = structuredClone(baseLayout);
  Object.assign(layout.xaxis, x);
  Object.assign(layout.yaxis, y);
  return Object.assign(layout, more);
}

// ---- figures

const colorOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const shade = (value) => `--scale-${Math.min(LEVELS - 1, Math.max(0, Math.floor(LEVELS * (value - land.low) / (land.high - land.low))))}`;
const title = (name) => land.known.get(name).outcome ? "score (mean episode return)" : name;

// The configs that are marked everywhere: the best, the default, and those picked.
function marked() {
  const best = byScore(land.ids)[0];
  const all = [
    { config: best, color: COLORS.best, symbol: "star", label: best === land.default ? "best and default" : "best" },
    ...(land.default === null ? [] : [{ config: land.default, color: COLORS.default, symbol: "diamond", label: "default" }]),
    ...state.picked.map((config, i) => ({ config, color: COLORS.picked[i], symbol: "circle-open", label: `config ${config}` })),
  ];
  return all.filter((mark, i) => all.findIndex((other) => other.config === mark.config) === i);
}

function hoverText(config) {
  const { score: value, score_std, lost } = row(config);
  const lines = land.hyperparameters.filter(({ name }) => land.configs[name][config] !== null)
    .map(({ name }) => escaped(`${name}  ${written(land.configs[name][config])}`));
  const lostText = lost ? [`${lost} of ${land.seeds.length} runs diverged`] : [];
  return [`<b>config ${config}</b>  ${score(value)} ± ${score(score_std)}`, ...lostText, ...lines].join("<br>");
}

function scatterFigure(kept) {
  const [x, y] = planeAxes();
  const points = (configs, marker, more = {}) => ({
    type: "scatter", mode: "markers", x: configs.map(x.place), y: configs.map(y.place), customdata: configs,
    text: configs.map(hoverText), hovertemplate: "%{text}<extra></extra>", marker, cliponaxis: false, ...more,
  });
  const worstFirst = byScore(kept).reverse(), keptSet = new Set(kept);
  const scale = span(LEVELS).map((i) => [i / (LEVELS - 1), colorOf(`--scale-${i}`)]);
  const data = [
    points(land.ids.filter((config) => !keptSet.has(config)), { size: 5, color: "--dim" }),
    points(worstFirst, {
      size: 9, color: worstFirst.map((config) => row(config).score), colorscale: scale, cmin: land.low, cmax: land.high,
      line: { width: 0.7, color: "--outline" },
    }),
    points(kept.filter((config) => row(config).lost), { size: 6, symbol: "x-thin-open", color: "--bad", line: { width: 1.4, color: "--bad" } }, { hoverinfo: "skip", hovertemplate: null }),
    ...marked().map(({ config, color, symbol }) => points([config], {
      symbol, color, size: symbol === "circle-open" ? 15 : symbol === "star" ? 15 : 12,
      line: symbol === "circle-open" ? { width: 2.5, color } : { width: 1.2, color: "--ground" },
    })),
    points([], { symbol: "circle-open", size: 17, color: "--ink", line: { width: 2, color: "--ink" } }, { hoverinfo: "skip", hovertemplate: null }),
  ];
  return { data, layout: layoutOf(shown(x, title(state.x)), shown(y, title(state.y)), { dragmode: "select", selections: [], shapes: [...lanes(x, y), ...box(x, y)] }) };
}

// Dotted lines beside the lanes of configs in which the hyperparameter of an axis is inactive.
function lanes(x, y) {
  const line = { color: "--rule", width: 1, dash: "dot" }, edge = (axis) => axis.inactive + 0.07 * (axis.high - axis.low);
  const across = { type: "line", x0: edge(x), x1: edge(x), yref: "paper", y0: 0, y1: 1, line, layer: "below" };
  const along = { type: "line", y0: edge(y), y1: edge(y), xref: "paper", x0: 0, x1: 1, line, layer: "below" };
  return [x.inactive !== null ? across : null, y.inactive !== null ? along : null].filter(Boolean).map(withColor);
}

// The part of the plane that the filters of both axes keep.
function box(x, y) {
  const side = (axis) => {
    const { low = null, high = null } = state.filters[axis.known.name] ?? {}, to = axis.known.log ? Math.log10 : Number;
    return axis.known.choices ? null : [low === null ? axis.low : to(low), high === null ? axis.high : to(high)];
  };
  const [across, along] = [side(x), side(y)];
  if (!(state.filters[state.x] && across) && !(state.filters[state.y] && along)) return [];
  const [x0, x1] = across ?? [x.low, x.high], [y0, y1] = along ?? [y.low, y.high];
  return [withColor({ type: "rect", x0, x1, y0, y1, line: { color: "--muted", width: 1, dash: "dash" }, layer: "below" })];
}

// Shapes are lists, which `painted` leaves alone.
const withColor = (shape) => ({ ...shape, line: { ...shape.line, color: colorOf(shape.line.color) } });

// Curves of several runs as one trace with gaps: one trace per curve would make the page slow.
function joined(curves, config, color, width, more = {}) {
  const x = curves.flatMap(() => [...land.steps, null]), y = curves.flatMap((curve) => [...curve, null]);
  const single = land.steps.length === 1;
  return { type: "scatter", mode: single ? "markers" : "lines", x, y, customdata: x.map((_, i) => Array.isArray(config) ? config[Math.floor(i / (land.steps.length + 1))] : config),
    line: { width, color }, marker: { size: 2 + 2 * width, color }, hovertemplate: "<b>config %{customdata}</b>  %{y:.5~r}<extra></extra>", ...more };
}

function ends(config, color) {
  const found = land.returns[config].map((curve) => curve.findLastIndex((value) => value !== null))
    .map((point, seed) => [point, seed]).filter(([point]) => point >= 0 && point < land.steps.length - 1);
  return {
    type: "scatter", mode: "markers", x: found.map(([point]) => land.steps[point]), y: found.map(([point, seed]) => land.returns[config][seed][point]),
    hoverinfo: "skip", marker: { symbol: "x-thin-open", size: 8, color, line: { width: 1.6, color: "--bad" } },
  };
}

function curvesOf({ config, color }, isHovered = false) {
  const seeds = joined(land.returns[config], config, color, 1, { opacity: 0.4, hoverinfo: "skip", hovertemplate: null, visible: state.seeds });
  const crosses = { ...ends(config, "--bad"), visible: state.seeds };
  const line = joined([meanCurve(config)], config, color, isHovered ? 3.5 : 2.5, isHovered ? { hoverinfo: "skip", hovertemplate: null } : {});
  return [seeds, crosses, line];
}

function curvesFigure(kept) {
  const marks = marked(), isMarked = new Set(marks.map(({ config }) => config));
  const others = kept.filter((config) => !isMarked.has(config));
  const low = Math.min(land.low, land.range[0]), high = Math.max(land.high, land.range[1]), margin = 0.04 * (high - low);
  const data = [
    joined(others.map(meanCurve), others, "--thin", 1),
    ...[...marks].reverse().flatMap((mark) => curvesOf(mark)),
    ...curvesOf({ config: 0, color: "--ink" }, true).map((trace) => ({ ...trace, visible: false })),  // the hovered one's place
  ];
  const x = { title: { text: "env steps", standoff: 8, font: { size: 13 } }, range: [0, 1.03 * last(land.steps)] };
  const y = { title: { text: "episode return", standoff: 8, font: { size: 13 } }, range: [low - margin, high + margin] };
  const now = { type: "line", x0: land.steps[state.point], x1: land.steps[state.point], yref: "paper", y0: 0, y1: 1, line: { color: "--muted", width: 1, dash: "dot" }, layer: "below" };
  return { data, layout: layoutOf(x, y, { shapes: [withColor(now)] }) };
}

function distributionFigure(kept) {
  const width = (land.high - land.low) / NUM_BINS, bins = span(NUM_BINS);
  const binOf = (config) => Math.min(NUM_BINS - 1, Math.floor((row(config).score - land.low) / width));
  const heights = (configs) => configs.reduce((counts, config) => { counts[binOf(config)] += 1; return counts; }, bins.map(() => 0));
  const middle = (i) => land.low + (i + 0.5) * width;
  const text = bins.map((i) => `${score(land.low + i * width)} to ${score(land.low + (i + 1) * width)}`);
  const bars = (configs, more) => ({
    type: "bar", x: bins.map(middle), y: heights(configs).map((height) => height || null), text, textposition: "none", hovertemplate: "%{text}<br>%{y} configs<extra></extra>", width: 0.9 * width, ...more,
  });
  const marks = marked().filter(({ label }) => label === "default" || label.startsWith("best"));
  const lines = marks.map(({ config, color }) => withColor({ type: "line", x0: row(config).score, x1: row(config).score, yref: "paper", y0: 0, y1: 1, line: { color, width: 2, dash: color === COLORS.best ? "solid" : "dash" } }));
  const all = bars(land.ids, { marker: { color: "--bar" } });
  const chosen = bars(kept, { marker: { color: bins.map((i) => colorOf(shade(middle(i)))), line: { width: 0.7, color: "--outline" } } });
  const x = { title: { text: "score (mean episode return)", standoff: 8, font: { size: 13 } }, range: [land.low - width, land.high + width] };
  const y = { title: { text: "configs", standoff: 8, font: { size: 13 } }, rangemode: "tozero" };
  return { data: kept.length < land.ids.length ? [all, chosen] : [chosen], layout: layoutOf(x, y, { barmode: "overlay", shapes: lines }) };
}

// Parallel coordinates are lines in SVG: their colours follow the scheme, and a change redraws them in a few milliseconds.
function drawParallel(kept) {
  const axes = [...land.hyperparameters.map(({ name }) => name), "score"].map((name) => ({ name, ...axisOf(name, { numTicks: 4, spread: 0.2 }) }));
  const plot = at("parallel"), width = Math.max(88 * axes.length, plot.parentElement.clientWidth), [top, bottom, height] = [44, 384, 396];
  const across = (i) => 10 + i * (width - 76) / (axes.length - 1);
  const along = ({ range: [low, high] }, position) => bottom - (position - low) / (high - low) * (bottom - top);
  parallelPoints = { xs: axes.map((_, i) => across(i)), ys: land.ids.map((config) => axes.map((axis) => along(axis, axis.place(config)))), kept };
  const keptSet = new Set(kept), levels = span(LEVELS).map((i) => `--scale-${i}`);
  const lines = (configs, color, more) => vector("path", { d: configs.map(parallelPath).join(""), style: `stroke: var(${color})`, ...more });
  const label = (x, y, text, more) => vector("text", { x, y, ...more }, text);
  plot.replaceChildren(vector("svg", { width, height },
    lines(land.ids.filter((config) => !keptSet.has(config)), "--dim", { class: "faint" }),
    ...levels.map((level) => lines(kept.filter((config) => shade(row(config).score) === level), level)),
    ...axes.flatMap((_, i) => vector("line", { x1: across(i), x2: across(i), y1: top, y2: bottom })),
    ...marked().reverse().map(({ config, color }) => lines([config], color, { class: "marked" })),
    lines([], "--ink", { class: "marked", id: "parallel-hovered" }),
    ...axes.flatMap((axis, i) => axis.ticks.map(([position, text]) => label(across(i) + 5, along(axis, position) + 4, text, { class: "tick" }))),
    ...axes.flatMap(({ name }, i) => broken(name).map((part, k, parts) => label(across(i) - 4, top - 10 - 14 * (parts.length - 1 - k), part, { class: "axis" })))));
}

let parallelPoints;
const parallelPath = (config) => "M" + parallelPoints.ys[config].map((y, i) => `${parallelPoints.xs[i].toFixed(1)},${y.toFixed(1)}`).join("L");

// The config whose line passes nearest to a place, if one does within a few px.
function configNear(x, y) {
  const { xs, ys, kept } = parallelPoints, right = Math.min(xs.length - 1, Math.max(1, xs.findIndex((next) => next >= x)));
  const share = (x - xs[right - 1]) / (xs[right] - xs[right - 1]);
  const distance = (config) => Math.abs(ys[config][right - 1] * (1 - share) + ys[config][right] * share - y);
  const nearest = kept.reduce((a, b) => a === null || distance(b) < distance(a) ? b : a, null);
  return nearest !== null && distance(nearest) < 6 ? nearest : null;
}

// A long name on two lines, broken after an underscore near its middle.
function broken(name) {
  const places = [...name].flatMap((letter, i) => letter === "_" ? [i + 1] : []);
  if (name.length < 12 || !places.length) return [shortened(name)];
  const middle = places.reduce((a, b) => Math.abs(b - name.length / 2) < Math.abs(a - name.length / 2) ? b : a);
  return [shortened(name.slice(0, middle)), shortened(name.slice(middle))];
}

// ---- the rest of the page

function keyFigures() {
  const ranked = byScore(land.ids), best = ranked[0], top = row(best).score;
  const below = (known) => land.ids.filter((config) => row(config).score < row(known).score).length / Math.max(1, land.ids.length - 1);
  const near = land.ids.filter((config) => row(config).score >= top - 0.05 * (land.range[1] - land.range[0])).length;
  const runs = land.ids.length * land.seeds.length, lost = land.ids.reduce((sum, config) => sum + row(config).lost, 0);
  const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)}\u00a0%`;
  const spread = (config) => land.seeds.length > 1 ? ` ± ${score(row(config).score_std)}` : "";
  const seeds = land.seeds.length > 1 ? `, mean ± std over ${land.seeds.length} seeds` : ", one seed";
  at("key-figures").replaceChildren(...[
    ["Best config", score(top), spread(best), `config ${best}${seeds}`],
    ...(land.default === null ? [] : [["Default config", score(row(land.default).score), spread(land.default), `above ${percent(below(land.default))} of the other configs`]]),
    ["Configs near the best", percent(near / land.ids.length), "", "within 5 % of the return range"],
    ["Diverged runs", percent(lost / runs), "", `${lost} of ${runs} by this fidelity`],
  ].map(([label, value, spread, note]) => element("div", {}, element("dt", {}, label),
    element("dd", { class: "value" }, value, element("span", { class: "spread" }, spread)), element("dd", { class: "note" }, note))));
}

function legends(kept) {
  const mark = (color, label, more = {}) => element("span", {}, element("i", { style: `border-color: var(${color})`, ...more }), label);
  const note = (config) => element("span", { class: "muted" }, score(row(config).score));
  at("picked").replaceChildren(
    ...marked().map(({ config, color, label }) => label.startsWith("config")
      ? element("button", { type: "button", "aria-label": `remove ${label}`, onclick: () => pick(config) }, ...mark(color, label).childNodes, note(config))
      : element("span", {}, ...mark(color, label).childNodes, note(config))),
    state.picked.length ? "" : element("span", { class: "muted" }, `up to ${MAX_PICKED} more: click points, or numbers in the table`));
  const shape = (content, label) => element("span", {}, vector("svg", { viewBox: "0 0 14 14", "aria-hidden": true }, vector(...content)), label);
  const lost = kept.some((config) => row(config).lost), isDefaultBest = byScore(land.ids)[0] === land.default;
  const isDefaultApart = land.default !== null && !isDefaultBest;
  at("marks").replaceChildren(...[
    shape(["path", { fill: "var(--curve-1)", d: "M7 .8 8.9 5l4.6.4L10 8.5l1 4.5-4-2.4L3 13l1-4.5L.5 5.4 5.1 5z" }], isDefaultBest ? "best and default" : "best"),
    isDefaultApart ? shape(["path", { fill: "var(--curve-2)", d: "M7 1l6 6-6 6-6-6z" }], "default") : null,
    lost ? shape(["path", { stroke: "var(--bad)", "stroke-width": 1.6, d: "m3.2 3.2 7.6 7.6m0-7.6-7.6 7.6" }], "some runs diverged") : null,
    kept.length < land.ids.length ? shape(["circle", { cx: 7, cy: 7, r: 3, fill: "var(--dim)" }], "left out by a filter") : null,
  ].filter(Boolean));
  at("bars").replaceChildren(...[
    mark(COLORS.best, isDefaultBest ? "best and default" : "best"), isDefaultApart ? mark(COLORS.default, "default", { class: "dashed" }) : null,
    kept.length < land.ids.length ? element("span", {}, element("i", { class: "plain", style: "background: var(--bar)" }), "left out by a filter") : null,
  ].filter(Boolean));
  const middle = byScore(kept)[Math.floor(kept.length / 2)];
  at("near-best").replaceChildren(element("b", {}, "Configs by score at the chosen fidelity."), kept.length ? ` The median of those kept is ${score(row(middle).score)}.` : " The filters keep none.");
  at("scale-low").textContent = score(land.low);
  at("scale-high").textContent = score(land.high);
}

function importanceTable() {
  const now = (point) => point === state.point ? "now" : false;
  const names = land.hyperparameters.map(({ name }) => name), shareOf = (name) => land.importance[name][state.point] ?? -1;
  names.sort((a, b) => shareOf(b) - shareOf(a));
  const cell = (share, point) => {
    if (share === null) return element("td", { class: now(point) }, "–");
    return element("td", { class: now(point), style: `background: rgba(var(--heat), ${(0.75 * share).toFixed(3)})` }, (100 * share).toFixed(0));
  };
  at("importance").replaceChildren(
    element("thead", {}, element("tr", {}, element("th", { scope: "col", class: "text" }, "env steps"),
      ...land.steps.map((steps, point) => element("th", { scope: "col", class: now(point), title: String(steps) }, counted(steps, 2).replace("\u00a0", ""))))),
    element("tbody", {}, ...names.map((name) => element("tr", {}, element("th", { scope: "row", class: "name", title: name }, name), ...land.importance[name].map(cell)))));
}

function configTable(kept) {
  const marks = new Map(marked().map((mark) => [mark.config, mark]));
  const columns = ["config", ...OUTCOMES, "diverged", ...land.hyperparameters.map(({ name }) => name)];
  const keyOf = (config, name) => name === "config" ? config : name === "diverged" ? row(config).lost : valueOf(config, name);
  const isText = (name) => land.known.get(name)?.choices?.some((choice) => typeof choice !== "number") ?? false;
  const [known, missing] = [[], []];
  for (const config of byScore(kept)) (keyOf(config, state.sort) === null ? missing : known).push(config);
  const order = (a, b) => typeof a === "number" ? a - b : String(a).localeCompare(String(b));
  known.sort((a, b) => (state.descending ? -1 : 1) * order(keyOf(a, state.sort), keyOf(b, state.sort)));
  const heading = (name) => element("th", { scope: "col", class: isText(name) ? "text" : false, "aria-sort": name === state.sort ? (state.descending ? "descending" : "ascending") : null },
    element("button", { type: "button", class: land.known.get(name)?.outcome === undefined && land.known.has(name) ? "name" : false, onclick: () => sortBy(name) }, name));
  const text = (config, name) => OUTCOMES.includes(name) ? score(row(config)[name]) : name === "diverged" ? lostText(config) : written(valueOf(config, name));
  const line = (config) => {
    const mark = marks.get(config), label = mark && !mark.label.startsWith("config") ? ` ${mark.label}` : "";
    const button = element("button", { type: "button", "aria-pressed": String(state.picked.includes(config)), "aria-label": `config ${config}${label}` }, String(config));
    return element("tr", { "data-config": config, class: row(config).lost ? "lost" : false },
      element("td", {}, element("i", { style: `background: var(${shade(row(config).score)})` }), button, element("span", { style: mark ? `color: var(${mark.color})` : null }, mark ? (label || " ●") : "")),
      ...columns.slice(1).map((name) => element("td", { class: isText(name) ? "text" : false }, text(config, name))));
  };
  const [head, body] = [at("configs").tHead, at("configs").tBodies[0]];
  head.replaceChildren(element("tr", {}, ...columns.map(heading)));
  body.replaceChildren(...[...known, ...missing].map(line));
}

function lostText(config) {
  const { lost } = row(config), word = land.status[config] === "failed" ? "failed" : "diverged";
  return lost ? `${lost} of ${land.seeds.length} ${word}` : "–";
}

function sortBy(name) {
  state.descending = state.sort === name ? !state.descending : land.known.get(name)?.outcome === true;
  state.sort = name;
  update();
  [...at("configs").tHead.rows[0].cells].find((cell) => cell.textContent === name).firstChild.focus();
}

// ---- filters

function filterForm() {
  at("filters").replaceChildren(...["score", ...land.hyperparameters.map(({ name }) => name)].map((name) => {
    const known = land.known.get(name), legend = element("legend", { class: known.outcome ? false : "name" }, name);
    if (!known.choices) return element("fieldset", { "data-name": name }, legend, element("div", { class: "bounds" }, bound(name, "low", known.lower), "to", bound(name, "high", known.upper)));
    const boxes = known.choices.map((choice) => element("label", {}, element("input", { type: "checkbox", checked: true, onchange: (event) => choose(name, event.target) }), written(choice)));
    return element("fieldset", { "data-name": name }, legend, element("div", { class: "choices" }, ...boxes));
  }));
}

function bound(name, side, placeholder) {
  const words = side === "low" ? "at least" : "at most", hint = land.known.get(name).outcome ? score(placeholder) : written(placeholder);
  return element("input", { type: "text", inputmode: "decimal", "data-side": side, "aria-label": `${name} ${words}`, placeholder: hint, onchange: (event) => bind(name, side, event.target) });
}

function bind(name, side, input) {
  const text = input.value.trim().replace(MINUS, "-"), value = text === "" ? null : Number(text);
  input.setAttribute("aria-invalid", String(Number.isNaN(value)));
  if (!Number.isNaN(value)) setFilter(name, { ...state.filters[name], [side]: value });
}

function choose(name, input) {
  const boxes = [...input.closest("fieldset").querySelectorAll("input")];
  const { choices } = land.known.get(name), chosen = choices.filter((_, i) => boxes[i].checked);
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
    const filter = state.filters[fieldset.dataset.name] ?? {}, { choices } = land.known.get(fieldset.dataset.name);
    [...fieldset.querySelectorAll("input")].forEach((input, i) => {
      if (choices) input.checked = !filter.choices || filter.choices.includes(choices[i]);
      else if (Number(input.value || NaN) !== filter[input.dataset.side]) input.value = filter[input.dataset.side] ?? "";
    });
  }
}

// A box drawn on the landscape bounds both its hyperparameters, to three digits; a side beyond the axis is open.
function boxed({ x: [left, right], y: [bottom, top] }) {
  const filterOf = (name, from, to) => {
    const { known, value, low, high } = axisOf(name);
    if (known.choices) {
      const chosen = known.choices.filter((_, i) => from <= i + 0.25 && to >= i - 0.25);
      return chosen.length < known.choices.length ? { choices: chosen } : null;
    }
    return { low: from <= low ? null : Number(value(from).toPrecision(3)), high: to >= high ? null : Number(value(to).toPrecision(3)) };
  };
  const [across, along] = [filterOf(state.x, left, right), filterOf(state.y, bottom, top)];
  setFilter(state.x, across);
  if (state.y !== state.x) setFilter(state.y, along);
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
    if (Array.isArray(filter)) state.filters[name] = land.known.get(name)?.choices ? { choices: filter } : { low: filter[0], high: filter[1] };
  }
  fit();
  show();
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}

// Drops what the landscape does not have: axes, filters, configs.
function fit() {
  const names = land.hyperparameters.map(({ name }) => name), total = (name) => last(land.importance[name]) ?? 0;
  const ranked = [...names].sort((a, b) => total(b) - total(a)), isAxis = (name) => names.includes(name) || name === "score";
  if (!names.includes(state.x)) state.x = ranked[0];
  if (!isAxis(state.y)) state.y = ranked.find((name) => name !== state.x) ?? "score";
  state.point = Math.min(state.point, land.steps.length - 1);
  state.picked = [...new Set(state.picked)].filter((config) => land.ids.includes(config)).slice(0, MAX_PICKED);
  if (!land.known.has(state.sort) && !["config", "diverged"].includes(state.sort)) [state.sort, state.descending] = ["score", true];
  const isNumber = (value) => value === null || Number.isFinite(value);
  for (const [name, filter] of Object.entries(state.filters)) {
    const known = land.known.get(name);
    const isFit = known && filter && (known.choices ? filter.choices?.every((choice) => known.choices.includes(choice)) : !filter.choices && isNumber(filter.low ?? null) && isNumber(filter.high ?? null));
    if (!isFit) delete state.filters[name];
  }
}

// ---- drawing it all

// After another landscape: the controls that depend on it, then everything.
function show() {
  const entries = land.hyperparameters.map(({ name }) => name);
  at("landscape").value = state.landscape;
  at("x").replaceChildren(...entries.map((name) => element("option", { value: name }, name)));
  at("y").replaceChildren(...[...entries, "score"].map((name) => element("option", { value: name }, name)));
  at("point").max = land.steps.length;
  at("made").textContent = `${plural(land.ids.length, "config")} × ${plural(land.seeds.length, "seed")} × ${plural(land.steps.length, "evaluation point")}, made with ${land.made}`;
  at("seeds").hidden = land.seeds.length === 1;
  at("lines").textContent = land.seeds.length === 1 ? "One seed, so a line is a run; grey ones are the other configs kept by the filters. A line falls to the worst return where its run diverges."
    : "Thick lines are means over the seeds, thin lines are the seeds, grey ones the means of the other configs kept by the filters. A seed's line ends at a cross where its run diverges.";
  filterForm();
  update();
}

function update() {
  const kept = land.ids.filter(isKept), steps = counted(land.steps[state.point]);
  hovered = null;
  [at("x").value, at("y").value, at("point").value] = [state.x, state.y, state.point + 1];
  at("fidelity").textContent = `${steps} env steps, point ${state.point + 1} of ${land.steps.length}`;
  at("point").setAttribute("aria-valuetext", `${steps} env steps`);
  for (const button of document.querySelectorAll("[data-seeds]")) button.setAttribute("aria-pressed", String((button.dataset.seeds === "1") === state.seeds));
  document.title = `${land.name} · landscape`;
  at("scatter").setAttribute("aria-label", `${kept.length} configs over ${state.x} and ${state.y}, coloured by score`);
  at("curves").setAttribute("aria-label", "Episode return over env steps; the table below holds the scores");
  at("distribution").setAttribute("aria-label", "Number of configs by score");
  at("parallel").setAttribute("aria-label", "A line per config over all hyperparameters and the score");
  drawFigures(kept);  // first: it measures, which would lay out anew whatever was changed before
  keyFigures();
  legends(kept);
  chips(kept);
  fillFilters();
  importanceTable();
  configTable(kept);
  at("command").replaceChildren(...command().flatMap((word) => [element("span", {}, word), " "]));
  history.replaceState(null, "", address());
}

function drawFigures(kept) {
  paint(at("scatter"), scatterFigure(kept));
  paint(at("curves"), curvesFigure(kept));
  paint(at("distribution"), distributionFigure(kept));
  drawParallel(kept);
}

function pick(config) {
  const without = state.picked.filter((other) => other !== config);
  state.picked = without.length < state.picked.length ? without : [...state.picked, config].slice(-MAX_PICKED);
  update();
}

// The config under the pointer, in the ink's colour on every figure: only what is kept for it is drawn anew, once a frame.
function hover(config) {
  if (config === hovered) return;
  hovered = config;
  requestAnimationFrame(() => { if (config === hovered && !isPressed) drawHovered(config); });  // redrawn between press and release, a plot loses the click
}

function drawHovered(config) {
  const [x, y] = planeAxes(), ring = at("scatter").data.length - 1, first = at("curves").data.length - 3;
  Plotly.restyle("scatter", { x: [config === null ? [] : [x.place(config)]], y: [config === null ? [] : [y.place(config)]] }, [ring]);
  const traces = curvesOf({ config: config ?? 0, color: "--ink" }, true);
  Plotly.restyle("curves", {
    x: traces.map((trace) => trace.x), y: traces.map((trace) => trace.y), visible: traces.map((trace) => config !== null && trace.visible !== false),
  }, span(3).map((i) => first + i));
  at("parallel-hovered").setAttribute("d", config === null ? "" : parallelPath(config));
}

function listen() {
  at("landscape").addEventListener("change", (event) => { state.landscape = Number(event.target.value); land = prepared(landscapes[state.landscape]); fit(); show(); });
  for (const id of ["x", "y"]) at(id).addEventListener("change", (event) => { state[id] = event.target.value; update(); });
  at("point").addEventListener("input", (event) => { state.point = Number(event.target.value) - 1; update(); });
  for (const form of [at("controls"), at("filters")]) form.addEventListener("submit", (event) => event.preventDefault());
  document.querySelectorAll("[data-seeds]").forEach((button) => button.addEventListener("click", () => { state.seeds = button.dataset.seeds === "1"; update(); }));
  for (const id of ["scatter", "curves"]) {
    const configOf = (event) => event.points[0]?.customdata;
    at(id).on("plotly_click", (event) => { if (configOf(event) !== undefined) pick(configOf(event)); });
    at(id).on("plotly_hover", (event) => hover(configOf(event) ?? null));
    at(id).on("plotly_unhover", () => hover(null));
  }
  at("scatter").on("plotly_selected", (event) => { if (event?.range) boxed(event.range); });
  const body = at("configs").tBodies[0], rowOf = (event) => event.target.closest("tr");
  body.addEventListener("click", (event) => {
    const config = Number(rowOf(event).dataset.config), byButton = event.target.tagName === "BUTTON";
    pick(config);
    if (byButton) body.querySelector(`[data-config="${config}"] button`)?.focus();
  });
  body.addEventListener("mouseover", (event) => hover(Number(rowOf(event).dataset.config)));
  body.addEventListener("mouseleave", () => hover(null));
  const parallelConfig = (event) => {
    const { left, top } = at("parallel").getBoundingClientRect();
    return configNear(event.clientX - left, event.clientY - top);
  };
  at("parallel").addEventListener("mousemove", (event) => hover(parallelConfig(event)));
  at("parallel").addEventListener("mouseleave", () => hover(null));
  at("parallel").addEventListener("click", (event) => { const config = parallelConfig(event); if (config !== null) pick(config); });
  new ResizeObserver(() => drawParallel(land.ids.filter(isKept))).observe(at("parallel").parentElement);
  at("copy").addEventListener("click", async () => {
    getSelection().selectAllChildren(at("command"));
    try { await navigator.clipboard.writeText(command().join(" ")); } catch { document.execCommand("copy"); }
    at("copy").textContent = "copied";
    setTimeout(() => { at("copy").textContent = "copy"; }, 1500);
  });
  for (const [type, pressed] of [["pointerdown", true], ["pointerup", false], ["pointercancel", false]]) addEventListener(type, () => { isPressed = pressed; }, true);
  addEventListener("hashchange", readAddress);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", update);
}

readAddress();
listen();
at("filtering").open = innerWidth > 820 || Object.keys(state.filters).length > 0;
