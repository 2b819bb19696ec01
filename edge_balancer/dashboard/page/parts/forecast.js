/** The forecast behind a decision: the neutral current of the coming hours, with and without the moves, as steps. */
import { h, svg } from "../core/dom.js";
import { amps, duration } from "../core/format.js";
import { texts } from "../texts.js";
import { round } from "./scale.js";

const WIDTH = 600;
const HEIGHT = 140;

export function forecastChart(blocks) {
  const minutes = blocks.reduce((sum, block) => sum + block.minutes, 0);
  const top = round(Math.max(1, ...blocks.flatMap((block) => [block.neutral_before_a, block.neutral_after_a])));
  const path = (key) => {
    let at = 0;
    return blocks
      .map((block, index) => {
        const y = (HEIGHT * (1 - block[key] / top)).toFixed(1);
        const from = ((WIDTH * at) / minutes).toFixed(1);
        at += block.minutes;
        return `${index ? "L" : "M"}${from} ${y}H${((WIDTH * at) / minutes).toFixed(1)}`;
      })
      .join("");
  };
  const mean = (key) => blocks.reduce((sum, block) => sum + block[key] * block.minutes, 0) / minutes;
  return h(
    "figure",
    { class: "chart forecast" },
    h(
      "figcaption",
      null,
      texts.decisions.forecastSummary(
        duration(minutes * 60),
        amps(mean("neutral_before_a")),
        amps(mean("neutral_after_a")),
      ),
    ),
    h(
      "div",
      { class: "legend", "aria-hidden": "true" },
      h(
        "span",
        { class: "legend-item" },
        h("span", { class: "swatch dashed", vars: { "--swatch": "var(--muted)" } }),
        texts.decisions.without,
      ),
      h(
        "span",
        { class: "legend-item" },
        h("span", { class: "swatch", vars: { "--swatch": "var(--accent)" } }),
        texts.decisions.with,
      ),
    ),
    h("div", { class: "forecast-top note", "aria-hidden": "true" }, amps(top, 0)),
    svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", class: "steps" },
      svg("path", { d: `M0 ${HEIGHT}H${WIDTH}`, class: "ground" }),
      svg("path", { d: path("neutral_before_a"), class: "without" }),
      svg("path", { d: path("neutral_after_a"), class: "with" }),
    ),
    h(
      "div",
      { class: "forecast-ends note", "aria-hidden": "true" },
      h("span", null, texts.decisions.nowWord),
      h("span", null, texts.decisions.in(duration(minutes * 60))),
    ),
  );
}
