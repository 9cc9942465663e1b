// Filters, their form, and the command line that chooses the same configs.

function filterForm() {
  const field = (name) => {
    const { choices, lower, upper, isOutcome } = land.specs.get(name);
    const hint = isOutcome ? score : written;
    const bound = (side, words, value) =>
      html`<input type="text" inputmode="decimal" name="${side}" aria-label="${name} ${words}" placeholder="${hint(value)}">`;
    const box = (choice) => html`<label><input type="checkbox">${written(choice)}</label>`;
    const inputs = choices
      ? html`<div class="choices">${choices.map(box)}</div>`
      : html`<div class="bounds">${bound("low", "at least", lower)}to${bound("high", "at most", upper)}</div>`;
    return html`<fieldset data-name="${name}"><legend class="${isOutcome ? "" : "name"}">${name}</legend>${inputs}</fieldset>`;
  };
  at("filters").innerHTML = html`${["score", ...land.hyperparameters.map(({ name }) => name)].map(field)}`;
}

// Makes a filter of the inputs of a field; a bound that is no number changes nothing.
function takeFilter(input) {
  const fieldset = input.closest("fieldset");
  const { name } = fieldset.dataset;
  const { choices } = land.specs.get(name);
  const inputs = [...fieldset.elements];
  if (choices) return setFilter(name, { choices: choices.filter((_, i) => inputs[i].checked) });
  const bounds = inputs.map(({ value }) => (value.trim() ? Number(value.replace("\u2212", "-")) : null));
  inputs.forEach((each, i) => each.setAttribute("aria-invalid", Number.isNaN(bounds[i])));
  if (!bounds.some(Number.isNaN)) setFilter(name, { low: bounds[0], high: bounds[1] });
}

function setFilter(name, filter) {
  const { [name]: _, ...others } = state.filters;
  set({ filters: !filter || isOpen(name, filter) ? others : { ...others, [name]: filter } });
}

// Writes the filters into their form, but not over what is being typed.
function fillFilters() {
  for (const { dataset, elements } of at("filters").children) {
    const filter = state.filters[dataset.name] ?? {};
    const { choices } = land.specs.get(dataset.name);
    [...elements].forEach((input, i) => {
      if (choices) input.checked = !filter.choices || filter.choices.includes(choices[i]);
      else if (Number(input.value || NaN) !== filter[input.name]) input.value = filter[input.name] ?? "";
    });
  }
}

function chips(kept) {
  const between = ({ low, high, choices }) => {
    if (choices) return choices.map(written).join(", ") || "none";
    if (low === null) return `≤ ${written(high)}`;
    return high === null ? `≥ ${written(low)}` : `${written(low)} … ${written(high)}`;
  };
  const filters = Object.entries(state.filters);
  const chip = ([name, filter]) =>
    html`<button type="button" data-filter="${name}" aria-label="remove the filter on ${name}">${name} ${between(filter)}</button>`;
  const all = html`<button type="button" class="reset">remove all filters</button>`;
  const total = `${land.ids.length} configs`;
  at("count").textContent = filters.length ? `${kept.length} of ${total}` : total;
  at("chips").innerHTML = html`${filters.map(chip)}${filters.length > 1 ? all : ""}`;
}

// A condition in pandas' query language, as `arl landscape query --where` takes it.
function condition([name, { low, high, choices }]) {
  const column = /^[A-Za-z_]\w*$/.test(name) ? name : `\`${name}\``;
  const literal = (value) => {
    if (typeof value === "boolean") return value ? "True" : "False";
    return typeof value === "string" ? `'${value.replace(/[\\']/g, "\\$&")}'` : String(value);
  };
  if (choices?.length === 1) return `${column} == ${literal(choices[0])}`;
  if (choices) return `${column} in [${choices.map(literal).join(", ")}]`;
  const bounds = [low === null ? "" : `${column} >= ${low}`, high === null ? "" : `${column} <= ${high}`];
  return bounds.filter(Boolean).join(" and ");
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
