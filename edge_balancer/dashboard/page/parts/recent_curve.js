/** The net load of a house over the last hours: what the controller remembers, and every reading since. */
import { texts } from "../texts.js";
import { chart } from "./chart.js";

const SILENT_S = 900;
const MOST_POINTS = 2_000;

/** Gives { node, set({t, p}), add(t, p) }; seconds and watts, null where nothing was heard. */
export function recentCurve() {
  const recent = { t: [], p: [] };
  const curve = chart({
    title: texts.house.recent,
    unit: "kW",
    decimals: 2,
    height: 220,
    series: [{ name: texts.houses.columns.p, colour: "--accent", fill: 0.08 }],
  });

  /** Meters report less often than the memory has steps: the line joins what they said, and breaks where they were silent. */
  function draw() {
    const [t, p] = [[], []];
    for (const [index, at] of recent.t.entries()) {
      if (recent.p[index] === null) {
        continue;
      }
      if (t.length && at - t.at(-1) > SILENT_S) {
        t.push(t.at(-1) + 1);
        p.push(null);
      }
      t.push(at);
      p.push(recent.p[index] / 1000);
    }
    curve.setData([t, p]);
  }

  return {
    node: curve.node,
    set({ t, p }) {
      recent.t = [...t];
      recent.p = [...p];
      draw();
    },
    add(t, p) {
      if (typeof p !== "number" || typeof t !== "number" || !(t > (recent.t.at(-1) ?? -Infinity))) {
        return;
      }
      recent.t.push(t);
      recent.p.push(p);
      if (recent.t.length > MOST_POINTS) {
        recent.t.shift();
        recent.p.shift();
      }
      draw();
    },
  };
}
