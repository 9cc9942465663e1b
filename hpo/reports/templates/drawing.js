"use strict";
const touch = matchMedia("(pointer: coarse)").matches;
const options = {
  responsive: true, displaylogo: false, displayModeBar: touch ? false : "hover",
  modeBarButtons: [["toImage", "resetScale2d"]],
  toImageButtonOptions: { format: "svg", filename: "figure" },
};

// Colours in figures are names of CSS custom properties, which differ between light and dark.
function painted(value, key, style) {
  if (Array.isArray(value)) return value;
  if (typeof value === "string") return /color$/.test(key) && value.startsWith("--") ? style.getPropertyValue(value).trim() : value;
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, painted(item, name, style)]));
}

function paint(plot, figure) {
  const style = getComputedStyle(document.documentElement);
  const data = figure.data.map((trace) => painted(trace, "", style)), layout = painted(figure.layout, "", style);
  layout.font.family = layout.hoverlabel.font.family = getComputedStyle(document.body).fontFamily;
  if (touch) for (const axis of [layout.xaxis, layout.yaxis]) axis.fixedrange = true;  // a finger scrolls the page
  layout.dragmode = touch ? false : layout.dragmode ?? "zoom";
  return Plotly.react(plot, data, layout, options);
}
