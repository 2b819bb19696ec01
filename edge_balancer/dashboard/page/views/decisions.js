/** Decisions: each in one sentence, newest first; older ones are fetched on request. */
import { Keyed, h, live, onClose } from "../core/dom.js";
import { amps, moment } from "../core/format.js";
import { get } from "../core/api.js";
import { link } from "../core/router.js";
import { state } from "../core/state.js";
import { badge, outcomeLevel } from "../parts/marks.js";
import { moveNow } from "../parts/orders.js";
import { sentence } from "../parts/sentence.js";
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
  /** What stands in the list. Newer ones wait behind a button: a list that jumps while one reads it helps nobody. */
  const listed = new Map();
  let next;
  let unreadable = 0;
  let trouble = "";
  let rows;

  const waiting = () => state.decisions.filter((one) => !listed.has(one.id));
  function take(decisions) {
    for (const one of decisions) {
      listed.set(one.id, one);
    }
  }
  function show() {
    const first = listed.size === 0;
    take(state.decisions.filter((one) => first || listed.has(one.id)));
    rows.sync(
      [...listed.values()].sort((a, b) => b.t - a.t),
      (one) => one.id,
    );
    view.update();
  }
  function showNew() {
    take(state.decisions);
    show();
  }
  async function more() {
    try {
      const answer = await get(["decisions"], { limit: next ? STEP : 2 * STEP, before: next });
      take(answer.items.filter((one) => !listed.has(one.id)));
      next = answer.next;
      unreadable += answer.unreadable;
      trouble = "";
    } catch (problem) {
      trouble = problem.message;
    }
    show();
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
        h("p", { class: "sentence" }, () => sentence(read())),
        h(
          "a",
          { href: () => link("decisions", read().id), "aria-label": () => texts.decisions.detailOf(moment(read().t)) },
          texts.decisions.detail,
        ),
      ),
    );
    onClose(() => rows.close());
    return h(
      "div",
      { class: "decisions" },
      h(
        "div",
        { class: "decisions-top" },
        h("p", { class: "note" }, texts.decisions.intro),
        h(
          "button",
          { type: "button", class: "quiet-button", disabled: () => waiting().length === 0, onclick: showNew },
          () => texts.decisions.newer(waiting().length),
        ),
      ),
      h("p", { class: "empty", hidden: () => listed.size > 0 }, () =>
        state.status ? texts.now.noDecision : texts.waiting,
      ),
      list,
      h("p", { class: "note", hidden: () => unreadable === 0 }, () => texts.unreadable(unreadable)),
      h("p", { class: "trouble", hidden: () => !trouble }, () => trouble),
      h(
        "button",
        {
          type: "button",
          class: "quiet-button",
          hidden: () => next === null || listed.size === 0,
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
