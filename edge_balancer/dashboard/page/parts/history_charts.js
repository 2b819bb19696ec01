/** The charts of the history: neutral current, power of the phases, voltages, imbalance, on one axis of time. */
import { amps, kilowatts, percent, volts } from "../core/format.js";
import { texts } from "../texts.js";
import { chart } from "./chart.js";
import { PHASES } from "./phase_bars.js";

function make(onZoom, moves) {
  const marks = () => moves().map((move) => ({ t: move.t, colour: `--${move.to.toLowerCase()}` }));
  const common = { onZoom, sync: "history" };
  const perPhase = (suffix = "") => PHASES.map((name) => ({ name: name + suffix, colour: `--${name.toLowerCase()}` }));
  return [
    {
      title: texts.history.neutral,
      unit: amps,
      keys: ["i_n", "i_n_max"],
      made: chart({
        ...common,
        title: texts.history.neutral,
        unit: "A",
        decimals: 1,
        height: 200,
        marks,
        series: [
          { name: texts.history.mean, colour: "--accent", width: 2 },
          { name: texts.history.highest, colour: "--accent", opacity: 0.45, width: 1 },
        ],
        bands: [{ series: [2, 1], colour: "--accent" }],
      }),
    },
    {
      title: texts.history.power,
      unit: kilowatts,
      keys: ["p_l1", "p_l2", "p_l3"],
      scale: 0.001,
      made: chart({ ...common, title: texts.history.power, unit: "kW", decimals: 1, height: 200, series: perPhase() }),
    },
    {
      title: texts.history.voltage,
      unit: volts,
      keys: ["v_max_l1", "v_max_l2", "v_max_l3", "v_min_l1", "v_min_l2", "v_min_l3"],
      made: chart({
        ...common,
        title: texts.history.voltage,
        unit: "V",
        decimals: 1,
        height: 200,
        series: [
          ...perPhase(` ${texts.history.high}`),
          ...perPhase(` ${texts.history.low}`).map((one) => ({ ...one, dash: [4, 3] })),
        ],
        limits: (low, high) => [low, high],
      }),
    },
    {
      title: texts.history.imbalance,
      unit: percent,
      keys: ["imbalance"],
      made: chart({
        ...common,
        title: texts.history.imbalance,
        unit: "%",
        decimals: 0,
        height: 200,
        series: [{ name: texts.now.imbalance, colour: "--accent" }],
      }),
    },
  ];
}

/** Mean and greatest of a series, in words for those who do not see the chart. */
function summary(values, unit) {
  const found = (values ?? []).filter((value) => typeof value === "number");
  if (!found.length) {
    return texts.history.nothing;
  }
  const mean = found.reduce((sum, value) => sum + value, 0) / found.length;
  return texts.history.summary(unit(mean), unit(Math.min(...found)), unit(Math.max(...found)));
}

/**
 * `onZoom(from, to)` when somebody has drawn a stretch, `moves()` gives the moves to mark. Gives { nodes, show }; `show` takes what
 * the server said and the stretch that was asked for.
 */
export function historyCharts(onZoom, moves) {
  const charts = make(onZoom, moves);
  return {
    nodes: charts.map((one) => one.made.node),
    show({ t, series }, wanted) {
      for (const { keys, scale = 1, made, title, unit } of charts) {
        const columns = keys.map((key) =>
          t.map((_, index) => {
            const value = series[key]?.[index];
            return typeof value === "number" ? value * scale : null;
          }),
        );
        made.setData([t, ...columns], wanted);
        made.describe(
          `${title}. ${summary(
            keys.flatMap((key) => series[key] ?? []),
            unit,
          )}`,
        );
      }
    },
  };
}
