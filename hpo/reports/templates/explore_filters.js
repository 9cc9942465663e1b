// Filters, their form, and the command line that chooses the same configs.

function filterForm() {
  const names = ["score", ...land.hyperparameters.map(({ name }) => name)];
  at("filters").replaceChildren(
    ...names.map((name) => {
      const { choices, lower, upper, isOutcome } = land.specs.get(name);
      const legend = element("legend", { class: isOutcome ? false : "name" }, name);
      const bounds = () =>
        element("div", { class: "bounds" }, bound(name, "low", lower), "to", bound(name, "high", upper));
      const box = (choice) =>
        element(
          "label",
          {},
          element("input", { type: "checkbox", checked: true, onchange: (event) => choose(name, event.target) }),
          written(choice),
        );
      return element(
        "fieldset",
        { "data-name": name },
        legend,
        choices ? element("div", { class: "choices" }, ...choices.map(box)) : bounds(),
      );
    }),
  );
}

function bound(name, side, placeholder) {
  const words = side === "low" ? "at least" : "at most";
  const hint = land.specs.get(name).isOutcome ? score(placeholder) : written(placeholder);
  return element("input", {
    type: "text",
    inputmode: "decimal",
    "data-side": side,
    "aria-label": `${name} ${words}`,
    placeholder: hint,
    onchange: (event) => bind(name, side, event.target),
  });
}

function bind(name, side, input) {
  const text = input.value.trim().replace("\u2212", "-");
  const value = text === "" ? null : Number(text);
  input.setAttribute("aria-invalid", String(Number.isNaN(value)));
  if (!Number.isNaN(value)) setFilter(name, { ...state.filters[name], [side]: value });
}

function choose(name, input) {
  const boxes = [...input.closest("fieldset").querySelectorAll("input")];
  const { choices } = land.specs.get(name);
  const chosen = choices.filter((_, i) => boxes[i].checked);
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
    const filter = state.filters[fieldset.dataset.name] ?? {};
    const { choices } = land.specs.get(fieldset.dataset.name);
    [...fieldset.querySelectorAll("input")].forEach((input, i) => {
      if (choices) input.checked = !filter.choices || filter.choices.includes(choices[i]);
      else if (Number(input.value || NaN) !== filter[input.dataset.side])
        input.value = filter[input.dataset.side] ?? "";
    });
  }
}

function chips(kept) {
  const between = ({ low = null, high = null, choices }) =>
    choices
      ? choices.map(written).join(", ") || "none"
      : low === null
        ? `≤ ${written(high)}`
        : high === null
          ? `≥ ${written(low)}`
          : `${written(low)} … ${written(high)}`;
  const filters = Object.entries(state.filters);
  const remove = ([name, filter]) =>
    element(
      "button",
      { type: "button", "aria-label": `remove the filter on ${name}`, onclick: () => setFilter(name, null) },
      `${name} ${between(filter)}`,
    );
  const clear = element(
    "button",
    {
      type: "button",
      class: "reset",
      onclick: () => {
        state.filters = {};
        update();
      },
    },
    "remove all filters",
  );
  at("count").textContent = filters.length
    ? `${kept.length} of ${land.ids.length} configs`
    : `${land.ids.length} configs`;
  at("chips").replaceChildren(...filters.map(remove), ...(filters.length > 1 ? [clear] : []));
}

// A condition in pandas' query language, as `arl landscape query --where` takes it.
function condition([name, { low = null, high = null, choices }]) {
  const column = /^[A-Za-z_]\w*$/.test(name) ? name : `\`${name}\``;
  const literal = (value) =>
    typeof value === "boolean"
      ? value
        ? "True"
        : "False"
      : typeof value === "string"
        ? `'${value.replace(/[\\']/g, "\\$&")}'`
        : String(value);
  if (choices)
    return choices.length === 1
      ? `${column} == ${literal(choices[0])}`
      : `${column} in [${choices.map(literal).join(", ")}]`;
  return [low === null ? null : `${column} >= ${low}`, high === null ? null : `${column} <= ${high}`]
    .filter(Boolean)
    .join(" and ");
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
