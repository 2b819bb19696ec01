/** The three phases: load to the right of zero, solar to the left, the net as a line; and each phase's voltages in their band. */
import { h } from "../core/dom.js";
import { NONE, amps, count, kilowatts, number, volts } from "../core/format.js";
import { state } from "../core/state.js";
import { texts } from "../texts.js";
import { badge, fact, phase } from "./marks.js";
import { Scale } from "./scale.js";

export const PHASES = ["L1", "L2", "L3"];
/** Where zero stands on the bar, as a share of its length; the rest is for load, the left for solar. */
const ZERO = 0.4;
const of = (name) => state.phases?.[name];

const scale = new Scale(1000);

/** Fits the common scale to what the phases show now, W. */
export function fitPhases() {
  let greatest = 0;
  for (const name of PHASES) {
    const now = of(name);
    if (now) {
      greatest = Math.max(
        greatest,
        now.load_w ?? 0,
        ((now.solar_w ?? now.export_w ?? 0) * (1 - ZERO)) / ZERO,
        now.p,
        -now.p,
      );
    }
  }
  scale.fit(greatest);
}

/** Watts as a share of the bar's whole length. */
const share = (watts) => Math.max(-ZERO, Math.min(1 - ZERO, ((watts ?? 0) / scale.top) * (1 - ZERO))).toFixed(4);

export function phaseBar(name) {
  const load = () => of(name)?.load_w;
  const solar = () => of(name)?.solar_w ?? of(name)?.export_w;
  const net = () => of(name)?.p;
  return h(
    "div",
    { class: `phase-row ${name.toLowerCase()}` },
    h(
      "h3",
      null,
      phase(() => name),
    ),
    h(
      "div",
      { class: "bar", "aria-hidden": "true" },
      h("div", { class: "bar-load", vars: { "--share": () => share(load()) } }),
      h("div", { class: "bar-solar", vars: { "--share": () => share(solar()) } }),
      h("div", { class: "bar-zero" }),
      h("div", { class: "bar-net", vars: { "--share": () => (of(name) ? share(net()) : "-2") } }),
    ),
    h(
      "dl",
      { class: "figures" },
      fact(texts.phases.load, () => kilowatts(load())),
      fact(texts.phases.solar, () => kilowatts(solar())),
      fact(texts.phases.net, () => kilowatts(net()), "strong"),
      fact(texts.phases.current, () => amps(of(name)?.i)),
      fact(texts.phases.houses, () => count(of(name)?.houses)),
    ),
  );
}

/** The ends of the scale, in words below the bars. */
export function barScale() {
  const end = (watts) => kilowatts(watts, scale.top < 10_000 ? 1 : 0);
  return h(
    "div",
    { class: "bar-scale", "aria-hidden": "true" },
    h("span", null, () => `${texts.phases.solar} ${end((scale.top * ZERO) / (1 - ZERO))}`),
    h("span", { class: "scale-centre", vars: { "--at": "40%" } }, "0"),
    h("span", { class: "scale-end" }, () => `${texts.phases.load} ${end(scale.top)}`),
  );
}

/** Room beyond the limits on both sides, as a share of the band between them. */
const BEYOND = 0.12;
const NEAR = 0.06;

function at(value) {
  const feeder = state.status?.feeder;
  if (typeof value !== "number" || !feeder) {
    return null;
  }
  const band = feeder.v_high - feeder.v_low;
  return Math.max(0, Math.min(1, (value - feeder.v_low + BEYOND * band) / (band * (1 + 2 * BEYOND))));
}

function judge(name) {
  const { v_min: low, v_max: high } = of(name) ?? {};
  const feeder = state.status?.feeder;
  if (typeof low !== "number" || typeof high !== "number" || !feeder) {
    return { level: "unknown", word: texts.voltage.unknown };
  }
  if (high > feeder.v_high) {
    return { level: "fail", word: texts.voltage.high };
  }
  if (low < feeder.v_low) {
    return { level: "fail", word: texts.voltage.low };
  }
  const near = NEAR * (feeder.v_high - feeder.v_low);
  if (high > feeder.v_high - near || low < feeder.v_low + near) {
    return { level: "warn", word: texts.voltage.near };
  }
  return { level: "ok", word: texts.voltage.fine };
}

export function voltageBand(name) {
  const low = () => at(of(name)?.v_min);
  const high = () => at(of(name)?.v_max);
  const mean = () => at(of(name)?.v_mean);
  return h(
    "div",
    { class: `volt-row ${name.toLowerCase()}` },
    h(
      "h3",
      null,
      phase(() => name),
    ),
    h(
      "div",
      { class: "band", "aria-hidden": "true" },
      h("div", {
        class: "band-range",
        vars: {
          "--from": () => (low() ?? 0).toFixed(4),
          "--size": () => Math.max(0, (high() ?? 0) - (low() ?? 0)).toFixed(4),
        },
      }),
      h("div", { class: "band-mean", vars: { "--share": () => (mean() ?? -1).toFixed(4) } }),
    ),
    h(
      "dl",
      { class: "figures" },
      fact(texts.voltage.lowest, () => volts(of(name)?.v_min)),
      fact(texts.voltage.mean, () => volts(of(name)?.v_mean), "strong"),
      fact(texts.voltage.highest, () => volts(of(name)?.v_max)),
    ),
    badge(() => judge(name)),
  );
}

export function bandScale() {
  const limit = (key) => () => (state.status ? `${number(state.status.feeder[key], 0)}\u202fV` : NONE);
  return h(
    "div",
    { class: "band-scale", "aria-hidden": "true" },
    ["v_low", "v_high"].map((key) =>
      h(
        "span",
        {
          class: "scale-centre",
          vars: { "--at": () => `${(100 * (at(state.status?.feeder[key]) ?? 0)).toFixed(2)}%` },
        },
        limit(key),
      ),
    ),
  );
}
