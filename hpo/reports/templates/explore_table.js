// Key figures, the legend of the curves, and the table of configs.

function keyFigures() {
  const ranked = byScore(land.ids);
  const best = ranked[0];
  const top = cell(best).score;
  const runs = land.ids.length * land.seeds.length;
  const below = (config) =>
    land.ids.filter((other) => cell(other).score < cell(config).score).length / Math.max(1, land.ids.length - 1);
  const near = land.ids.filter((config) => cell(config).score >= top - 0.05 * (land.range[1] - land.range[0])).length;
  const lost = land.ids.reduce((sum, config) => sum + cell(config).lost, 0);
  const spread = (config) => (land.seeds.length > 1 ? ` ± ${score(cell(config).score_std)}` : "");
  const seeds = land.seeds.length > 1 ? `, mean ± std over ${land.seeds.length} seeds` : ", one seed";
  at("key-figures").replaceChildren(
    ...[
      ["Best config", score(top), spread(best), `config ${best}${seeds}`],
      ...(land.default === null
        ? []
        : [
            [
              "Default config",
              score(cell(land.default).score),
              spread(land.default),
              `above ${percent(below(land.default))} of the other configs`,
            ],
          ]),
      ["Configs near the best", percent(near / land.ids.length), "", "within 5 % of the return range"],
      ["Diverged runs", percent(lost / runs), "", `${lost} of ${runs} by this fidelity`],
    ].map(([label, value, spread, note]) =>
      element(
        "div",
        {},
        element("dt", {}, label),
        element("dd", { class: "value" }, value, element("span", { class: "spread" }, spread)),
        element("dd", { class: "note" }, note),
      ),
    ),
  );
}

// Which curve is whose; a button takes a picked config away.
function keys(chosen) {
  const key = ([config, mark]) => {
    const label = labelOf(config, mark);
    const removes = mark.startsWith("picked");
    const line = element("i", { style: `border-color: var(--${colors[marks.indexOf(mark)]})` });
    const note = element("span", { class: "muted" }, score(cell(config).score));
    return removes
      ? element(
          "button",
          { type: "button", "aria-label": `remove ${label}`, onclick: () => pick(config) },
          line,
          label,
          note,
        )
      : element("span", {}, line, label, note);
  };
  const hint = element("span", { class: "muted" }, `up to ${MOST_PICKED} more: click points, or numbers in the table`);
  at("picked").replaceChildren(...[...chosen].map(key), ...(state.picked.length ? [] : [hint]));
  const kept = byScore(land.ids.filter(isKept));
  const middle = kept[Math.floor(kept.length / 2)];
  at("near-best").textContent = kept.length
    ? `The median of those kept is ${score(cell(middle).score)}.`
    : "The filters keep none.";
}

function configTable(kept, chosen) {
  const columns = ["config", ...OUTCOMES, "diverged", ...land.hyperparameters.map(({ name }) => name)];
  const keyOf = (config, name) =>
    name === "config" ? config : name === "diverged" ? cell(config).lost : valueOf(config, name);
  const isText = (name) => land.specs.get(name)?.choices?.some((choice) => typeof choice !== "number") ?? false;
  const order = (a, b) => (typeof a === "number" ? a - b : String(a).localeCompare(String(b)));
  const ranked = byScore(kept);
  const keyed = ranked.filter((config) => keyOf(config, state.sort) !== null);
  keyed.sort((a, b) => (state.descending ? -1 : 1) * order(keyOf(a, state.sort), keyOf(b, state.sort)));
  const direction = (name) => (name === state.sort ? (state.descending ? "descending" : "ascending") : null);
  const isTuned = (name) => land.specs.has(name) && !land.specs.get(name).isOutcome;
  const heading = (name) =>
    element(
      "th",
      { scope: "col", class: isText(name) ? "text" : false, "aria-sort": direction(name) },
      element(
        "button",
        { type: "button", class: isTuned(name) ? "name" : false, onclick: () => sortConfigs(name) },
        name,
      ),
    );
  const text = (config, name) =>
    OUTCOMES.includes(name)
      ? score(cell(config)[name])
      : name === "diverged"
        ? lostWords(config)
        : written(valueOf(config, name));
  const line = (config) => {
    const mark = chosen.get(config);
    const label = mark && !mark.startsWith("picked") ? ` ${labelOf(config, mark)}` : "";
    const button = element(
      "button",
      {
        type: "button",
        "aria-pressed": String(state.picked.includes(config)),
        "aria-label": `config ${config}${label}`,
      },
      String(config),
    );
    const note = element(
      "span",
      { style: mark ? `color: var(--${colors[marks.indexOf(mark)]})` : null },
      mark ? label || " ●" : "",
    );
    return element(
      "tr",
      { "data-config": config, class: cell(config).lost ? "lost" : false },
      element("td", {}, button, note),
      ...columns.slice(1).map((name) => element("td", { class: isText(name) ? "text" : false }, text(config, name))),
    );
  };
  at("configs").tHead.replaceChildren(element("tr", {}, ...columns.map(heading)));
  at("configs").tBodies[0].replaceChildren(
    ...keyed.map(line),
    ...ranked.filter((config) => keyOf(config, state.sort) === null).map(line),
  );
}

function lostWords(config) {
  const { lost } = cell(config);
  const word = land.status[config] === "failed" ? "failed" : "diverged";
  return lost ? `${lost} of ${land.seeds.length} ${word}` : "–";
}

function sortConfigs(name) {
  state.descending = state.sort === name ? !state.descending : land.specs.get(name)?.isOutcome === true;
  state.sort = name;
  update();
  [...at("configs").tHead.rows[0].cells].find((heading) => heading.textContent === name).firstChild.focus();
}
