/** Decisions: each in one sentence, newest first; older ones are fetched on request. */
import { Keyed, h, live, onClose, onUpdate } from "../core/dom.js";
import { amps, moment } from "../core/format.js";
import { get } from "../core/api.js";
import { link } from "../core/router.js";
import { state } from "../core/state.js";
import { badge, outcomeLevel } from "../parts/marks.js";
import { moveNow } from "../parts/orders.js";
import { texts } from "../texts.js";

const STEP = 20;

/** The outcome of a decision as a whole: the worst of its moves. */
export function outcome(decision) {
  if (!decision.commanded) {
    return {
      level: "unknown",
      word: decision.trigger === "request" ? texts.decisions.refused : texts.decisions.advised,
    };
  }
  const states = (decision.outcomes ?? []).map(moveNow);
  if (!states.length) {
    return { level: "unknown", word: texts.decisions.open };
  }
  const rank = { fail: 0, warn: 1, unknown: 2, ok: 3 };
  const worst = [...states].sort((a, b) => rank[outcomeLevel(a)] - rank[outcomeLevel(b)])[0];
  return { level: outcomeLevel(worst), word: texts.outcomes[worst] ?? texts.words(worst) };
}

export function open() {
  let older = [];
  let next;
  let trouble = "";
  let rows;

  async function more() {
    try {
      const answer = await get(["decisions"], { limit: next ? STEP : 2 * STEP, before: next });
      const known = new Set(older.map((one) => one.id));
      older = [...older, ...answer.items.filter((one) => !known.has(one.id))].sort((a, b) => b.t - a.t);
      next = answer.next;
      trouble = "";
    } catch (problem) {
      trouble = problem.message;
    }
    show();
  }
  function show() {
    const fresh = new Set(state.decisions.map((one) => one.id));
    rows.sync([...state.decisions, ...older.filter((one) => !fresh.has(one.id))], (one) => one.id);
    view.update();
  }

  const view = live(() => {
    const list = h("ol", { class: "decision-list" });
    rows = new Keyed(list, (read) =>
      h(
        "li",
        { class: "card" },
        h(
          "div",
          { class: "decision-head" },
          h("span", { class: "note" }, () => moment(read().t)),
          badge(() => outcome(read())),
          h("span", { class: "note number" }, () =>
            texts.decisions.step(amps(read().neutral_before_a, 0), amps(read().neutral_after_a, 0)),
          ),
        ),
        h("p", { class: "sentence" }, () => read().text),
        h(
          "a",
          { href: () => link("decisions", read().id), "aria-label": () => texts.decisions.detailOf(moment(read().t)) },
          texts.decisions.detail,
        ),
      ),
    );
    onUpdate(() => {});
    onClose(() => rows.close());
    return h(
      "div",
      { class: "decisions" },
      h("p", { class: "note" }, texts.decisions.intro),
      h("p", { class: "empty", hidden: () => state.decisions.length + older.length > 0 }, () =>
        state.status ? texts.now.noDecision : texts.waiting,
      ),
      list,
      h("p", { class: "trouble", hidden: () => !trouble }, () => trouble),
      h(
        "button",
        {
          type: "button",
          class: "quiet-button",
          hidden: () => next === null || state.decisions.length + older.length === 0,
          onclick: more,
        },
        texts.decisions.older,
      ),
    );
  });
  show();
  return {
    title: texts.views.decisions,
    node: view.node,
    close: view.close,
    update({ topics }) {
      if (topics.has("decisions") || topics.has("commands")) {
        show();
      }
    },
  };
}
