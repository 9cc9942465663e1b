// What the page holds: landscapes, and their scores at a fidelity.

const { landscapes, first, marks, colors } = JSON.parse(document.getElementById("data").textContent);
const OUTCOMES = ["score", "score_std", "score_worst"];
const MOST_PICKED = marks.length - 2;
const isTouch = matchMedia("(pointer: coarse)").matches;
const state = {}; // what is chosen: all that the address of the page holds
let land;
let rows;
let hovered = null;

const at = (id) => document.getElementById(id);
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const score = (value) => value.toFixed(land.decimals).replace("-", "\u2212");
const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)}\u00a0%`;

// Four significant digits; whole numbers in full.
function written(value) {
  if (value === null) return "–";
  return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : String(value);
}

// The HTML of a template. Its values are text and never markup, unless they are HTML that this function made.
class Html extends String {}
function html(parts, ...values) {
  const escaped = (value) => String(value).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const text = (value) => (value instanceof Html ? value : Array.isArray(value) ? value.map(text).join("") : escaped(value));
  return new Html(String.raw({ raw: parts }, ...values.map(text)));
}

// A landscape with `table[config][point]`: score, its spread and its worst over the seeds, and how many runs were lost.
function prepared(data) {
  const cellOf = (curves, point) => summary(curves.map((curve) => curve[point]), data.range[0]);
  data.table ??= data.returns.map((curves) => data.steps.map((_, point) => cellOf(curves, point)));
  data.ids ??= data.returns.map((_, config) => config);
  data.specs ??= new Map(data.hyperparameters.map((spec) => [spec.name, spec]));
  for (const name of OUTCOMES) data.specs.set(name, { name, lower: data.low, upper: data.high, isOutcome: true });
  return data;
}

function summary(returns, worst) {
  const scores = returns.map((value) => value ?? worst);
  const center = mean(scores);
  const score_std = Math.sqrt(mean(scores.map((value) => (value - center) ** 2)));
  const lost = returns.filter((value) => value === null).length;
  return { score: center, score_std, score_worst: Math.min(...scores), lost };
}

const cell = (config) => land.table[config][state.point];
const valueOf = (config, name) => (land.specs.get(name).isOutcome ? cell(config)[name] : land.configs[name][config]);
const byScore = (configs) => [...configs].sort((a, b) => cell(b).score - cell(a).score || a - b);
const isKept = (config) => Object.entries(state.filters).every(([name, it]) => passes(valueOf(config, name), it));

// A filter has choices, or two bounds of which one may be null.
function passes(value, { low, high, choices }) {
  if (value === null) return false;
  return choices ? choices.includes(value) : (low === null || value >= low) && (high === null || value <= high);
}

function isOpen(name, { low, high, choices }) {
  return choices ? choices.length === land.specs.get(name).choices.length : low === null && high === null;
}

// The configs that are marked everywhere, with their mark: the best, the default, and those picked.
function marked() {
  const chosen = new Map([[byScore(land.ids)[0], "best"]]);
  const others = [[land.default, "default"], ...state.picked.map((config, i) => [config, marks[2 + i]])];
  for (const [config, mark] of others) if (config !== null && !chosen.has(config)) chosen.set(config, mark);
  return chosen;
}

function labelOf(config, mark) {
  if (mark === "best") return config === land.default ? "best and default" : "best";
  return mark === "default" ? "default" : `config ${config}`;
}

const colorOf = (mark) => `var(--${colors[marks.indexOf(mark)]})`;

// Whether a config stands beside an axis of numbers, as it does not use the hyperparameter.
const isBeside = (config, name) => !land.specs.get(name).choices && valueOf(config, name) === null;
