/** Small signs that return in every view: a phase, a state (fine, attention, danger) with icon and word, a figure with its name. */
import { h } from "../core/dom.js";
import { icon } from "./icons.js";
import { NONE } from "../core/format.js";

const LEVELS = { ok: "fine", warn: "attention", fail: "danger", unknown: "quiet" };

/** `read()` gives { level: ok|warn|fail|unknown, word }. */
export function badge(read, extra = "") {
  return h(
    "span",
    { class: () => `badge ${LEVELS[read().level] ?? "quiet"} ${extra}` },
    icon(() => (read().level in LEVELS ? read().level : "unknown")),
    h("span", { class: "word" }, () => read().word),
  );
}

/** `read()` gives L1, L2, L3 or null, `whenNone()` what is said then. Colour and name together. */
export function phase(read, whenNone = () => NONE) {
  return h("span", { class: () => `phase ${(read() ?? "none").toLowerCase()}` }, () => read() ?? whenNone());
}

/** A name and its figure, in a `dl`. */
export function fact(name, read, extra = "") {
  return h("div", { class: `fact ${extra}`.trim() }, h("dt", null, name), h("dd", null, read));
}

export function card(title, extra, ...children) {
  return h("section", { class: `card ${extra}`.trim() }, h("h2", null, title), ...children);
}

export const severityLevel = (severity) => ({ critical: "fail", warning: "warn", info: "ok" })[severity] ?? "unknown";

/** How a move went, as a badge's level. */
export const outcomeLevel = (outcome) =>
  ({ verified: "ok", acknowledged: "ok", failed: "fail", timed_out: "fail", rejected: "warn", not_sent: "warn" })[
    outcome
  ] ?? "unknown";
