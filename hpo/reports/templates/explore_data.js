// What the page holds: landscapes, and their scores at a fidelity.

const { landscapes, first, marks, colors } = JSON.parse(document.getElementById("data").textContent);
const OUTCOMES = ["score", "score_std", "score_worst"];
const MOST_PICKED = marks.length - 2;
const isTouch = matchMedia("(pointer: coarse)").matches;
const state = {
  landscape: first,
  x: "",
  y: "",
  point: 0,
  filters: {},
  picked: [],
  seeds: true,
  sort: "score",
  descending: true,
};
let land;
let rows;
let hovered = null;

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

// A landscape with `table[config][point]`: score, its spread and its worst over the seeds, and how many runs were lost.
function prepared(data) {
  const worst = data.range[0];
  data.table ??= data.returns.map((curves) =>
    data.steps.map((_, point) =>
      summary(
        curves.map((curve) => curve[point]),
        worst,
      ),
    ),
  );
  data.specs ??= new Map(data.hyperparameters.map((spec) => [spec.name, spec]));
  for (const name of OUTCOMES)
    data.specs.set(name, { name, choices: null, lower: data.low, upper: data.high, isOutcome: true });
  data.ids ??= span(data.returns.length);
  return data;
}

function summary(returns, worst) {
  const scores = returns.map((value) => value ?? worst);
  const center = mean(scores);
  const spread = Math.sqrt(mean(scores.map((value) => (value - center) ** 2)));
  return {
    score: center,
    score_std: spread,
    score_worst: Math.min(...scores),
    lost: returns.filter((value) => value === null).length,
  };
}

const cell = (config) => land.table[config][state.point];
const valueOf = (config, name) => (land.specs.get(name).isOutcome ? cell(config)[name] : land.configs[name][config]);
const byScore = (configs) => [...configs].sort((a, b) => cell(b).score - cell(a).score || a - b);
const isKept = (config) =>
  Object.entries(state.filters).every(([name, filter]) => passes(valueOf(config, name), filter));

function passes(value, { low = null, high = null, choices = null }) {
  if (value === null) return false;
  return choices ? choices.includes(value) : (low === null || value >= low) && (high === null || value <= high);
}

// The configs that are marked everywhere, with their mark: the best, the default, and those picked.
function marked() {
  const best = byScore(land.ids)[0];
  const chosen = new Map([[best, "best"]]);
  if (land.default !== null && land.default !== best) chosen.set(land.default, "default");
  state.picked.forEach((config, i) => {
    if (!chosen.has(config)) chosen.set(config, marks[2 + i]);
  });
  return chosen;
}

function labelOf(config, mark) {
  if (mark === "best") return config === land.default ? "best and default" : "best";
  return mark === "default" ? "default" : `config ${config}`;
}

// Whether a config stands beside an axis of numbers, as it does not use the hyperparameter.
const isBeside = (config, name) => !land.specs.get(name).choices && valueOf(config, name) === null;
