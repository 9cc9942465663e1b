// Key figures, the legend of the curves, and the table of configs.

function keyFigures() {
  const [best] = byScore(land.ids);
  const several = land.seeds.length > 1;
  const seeds = several ? `, mean ± std over ${land.seeds.length} seeds` : ", one seed";
  const near = (config) => cell(config).score >= cell(best).score - 0.05 * (land.range[1] - land.range[0]);
  const [runs, lost] = [land.ids.length * land.seeds.length, land.ids.reduce((sum, config) => sum + cell(config).lost, 0)];
  const figures = [
    ["Best config", best, `config ${best}${seeds}`],
    ["Configs near the best", percent(land.ids.filter(near).length / land.ids.length), "within 5 % of the return range"],
    ["Diverged runs", percent(lost / runs), `${lost} of ${runs} by this fidelity`],
  ];
  if (land.default !== null) {
    const below = land.ids.filter((config) => cell(config).score < cell(land.default).score).length;
    const note = `above ${percent(below / Math.max(1, land.ids.length - 1))} of the other configs`;
    figures.splice(1, 0, ["Default config", land.default, note]);
  }
  const figure = ([label, value, note]) => {
    const isConfig = typeof value === "number";
    const spread = isConfig && several ? ` ± ${score(cell(value).score_std)}` : "";
    const words = isConfig ? score(cell(value).score) : value;
    return html`<div><dt>${label}</dt><dd class="value">${words}<span class="spread">${spread}</span></dd><dd class="note">${note}</dd></div>`;
  };
  at("key-figures").innerHTML = html`${figures.map(figure)}`;
}

// Which curve is whose; a button takes a picked config away.
function keys(kept, chosen) {
  const key = ([config, mark]) => {
    const label = labelOf(config, mark);
    const entry = html`<i style="border-color: ${colorOf(mark)}"></i>${label}<span class="muted">${score(cell(config).score)}</span>`;
    const isPicked = mark.startsWith("picked");
    return isPicked
      ? html`<button type="button" data-pick="${config}" aria-label="remove ${label}">${entry}</button>`
      : html`<span>${entry}</span>`;
  };
  const hint = html`<span class="muted">up to ${MOST_PICKED} more: click points, or numbers in the table</span>`;
  at("picked").innerHTML = html`${[...chosen].map(key)}${state.picked.length ? "" : hint}`;
  const middle = byScore(kept)[Math.floor(kept.length / 2)];
  at("near-best").textContent = kept.length
    ? `The median of those kept is ${score(cell(middle).score)}.`
    : "The filters keep none.";
}

const columns = () => ["config", ...OUTCOMES, "diverged", ...land.hyperparameters.map(({ name }) => name)];

function configTable(kept, chosen) {
  const [, ...names] = columns();
  const classOf = (name) => (land.specs.get(name)?.choices?.some((it) => typeof it !== "number") ? "text" : "");
  const isTuned = (name) => land.specs.get(name)?.isOutcome === undefined && name in land.configs;
  const heading = (name) =>
    html`<th scope="col" class="${classOf(name)}"><button type="button" class="${isTuned(name) ? "name" : ""}">${name}</button></th>`;
  const td = (config, name) => {
    const value = name === "diverged" ? cell(config).lost : valueOf(config, name);
    const text = name === "diverged" ? lostWords(config) : OUTCOMES.includes(name) ? score(value) : written(value);
    const key = value === null ? "" : html` data-key="${value}"`;
    return html`<td class="${classOf(name)}"${key}>${text}</td>`;
  };
  const line = (config) => {
    const mark = chosen.get(config);
    const label = mark && !mark.startsWith("picked") ? ` ${labelOf(config, mark)}` : "";
    const pressed = state.picked.includes(config);
    const note = mark ? html`<span style="color: ${colorOf(mark)}">${label || " ●"}</span>` : "";
    return html`<tr data-config="${config}" class="${cell(config).lost ? "lost" : ""}"><td data-key="${config}"><button type="button" aria-pressed="${pressed}" aria-label="config ${config}${label}">${config}</button>${note}</td>${names.map((name) => td(config, name))}</tr>`;
  };
  at("configs").tHead.innerHTML = html`<tr>${["config", ...names].map(heading)}</tr>`;
  at("configs").tBodies[0].innerHTML = html`${byScore(kept).map(line)}`;
  sortTable(at("configs"), columns().indexOf(state.sort), state.descending ? "descending" : "ascending");
}

function lostWords(config) {
  const { lost } = cell(config);
  const word = land.status[config] === "failed" ? "failed" : "diverged";
  return lost ? `${lost} of ${land.seeds.length} ${word}` : "–";
}
