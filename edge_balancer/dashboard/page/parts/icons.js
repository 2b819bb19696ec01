/** The few drawings of the page, as paths on a grid of 24. Decoration only: words always stand beside them. */
import { bind, svg } from "../core/dom.js";

const PATHS = {
  ok: "M4.5 12.5 10 18 19.5 6.5",
  warn: "M12 3.5 22 20.5H2Z M12 10v5 M12 17.6v.4",
  fail: "M8 2.5h8L21.5 8v8L16 21.5H8L2.5 16V8Z M12 7v6.5 M12 16.6v.4",
  unknown: "M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19Z M8 12h8",
  now: "M3 13h4l2.5-8 5 15 2.5-7h4",
  history: "M3.5 12a8.5 8.5 0 1 0 2.5-6 M3.5 3.5V8H8 M12 7.5V12l3 2",
  houses: "M3.5 11.5 12 4l8.5 7.5 M6 10v10h12V10",
  decisions: "M5 5.5h9 M5 12h14 M5 18.5h6 M16 3l3 2.5L16 8",
  alerts: "M6 17V11a6 6 0 0 1 12 0v6l1.5 2h-15Z M10 21.5h4",
  feeder: "M3 6h18 M3 12h18 M3 18h18 M8 6v6 M16 12v6",
  commissioning: "M5 4.5h14v16H5Z M8.5 12.5l2.5 2.5 4.5-5.5 M9 3v3 M15 3v3",
  more: "M5 12h.1 M12 12h.1 M19 12h.1",
  display: "M12 3a9 9 0 1 0 0 18Z M12 3a9 9 0 0 1 0 18",
  person: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z M4.5 20.5c1-4 4-5.5 7.5-5.5s6.5 1.5 7.5 5.5",
  lock: "M6 11h12v9.5H6Z M8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  close: "M6 6l12 12 M18 6 6 18",
};

/** `name` may be a function: the drawing then changes in place. */
export function icon(name, extra = "") {
  const path = svg("path", null);
  const read = typeof name === "function" ? name : () => name;
  bind(read, (now) => path.setAttribute("d", PATHS[now] ?? ""));
  return svg("svg", { class: `icon ${extra}`.trim(), viewBox: "0 0 24 24", "aria-hidden": "true" }, path);
}
