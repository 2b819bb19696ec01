/** Whether somebody is at the page. A screen on a wall has a reader, but no finger that things could slide under. */

/** Longer than anybody holds still between reading a card and pressing its button. */
const AWAY_MS = 120_000;
const SIGNS = ["pointermove", "pointerdown", "touchmove", "wheel", "scroll", "keydown", "focusin", "pageshow"];

let seen = performance.now();
for (const sign of SIGNS) {
  addEventListener(sign, () => (seen = performance.now()), { capture: true, passive: true });
}

// Who comes back to a page that was hidden is there, before anything is touched.
document.addEventListener("visibilitychange", () => (seen = performance.now()));

/** Nothing was touched, typed or scrolled for two minutes. */
export function nobodyThere() {
  return performance.now() - seen > AWAY_MS;
}
