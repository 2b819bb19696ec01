/** Moves as they are listed: when, from where to where, and how they went. */
import { h } from "../core/dom.js";
import { badge, outcomeLevel, phase } from "./marks.js";
import { duration } from "../core/format.js";
import { texts } from "../texts.js";

/** From where to where: `read()` gives [from, to]. */
export function track(read) {
  return h(
    "span",
    { class: "track" },
    phase(() => read()[0]),
    " → ",
    phase(() => read()[1]),
  );
}

/** `read()` gives { state, took_s? }. */
export function moveOutcome(read) {
  return badge(() => {
    const { state = "unknown", took_s: took } = read() ?? {};
    const word = texts.outcomes[state] ?? texts.words(state);
    return { level: outcomeLevel(state), word: typeof took === "number" ? texts.took(word, duration(took)) : word };
  });
}
