/** Alerts: what stands, who has seen it, what contacts are not told of, and what is over. */
import { Keyed, h, live, onClose } from "../core/dom.js";
import { dateTime } from "../core/format.js";
import { get } from "../core/api.js";
import { nobodyThere } from "../core/presence.js";
import { may, state } from "../core/state.js";
import { Still } from "../core/still.js";
import { alertCards } from "../parts/alert_cards.js";
import { badge, card, severityLevel } from "../parts/marks.js";
import { endSilence, needsRole, silence } from "../parts/orders.js";
import { texts } from "../texts.js";

const STEP = 20;

/** A silence that has ended keeps its row, a new one comes below the others: *End* never slides under a finger. */
function silencesCard(changed) {
  const still = new Still((one) => one.keys);
  const list = h("ul", { class: "rows plain" });
  let trouble = "";
  async function end(keys) {
    try {
      await endSilence(keys);
      trouble = "";
    } catch (problem) {
      trouble = problem.message;
    }
    changed();
  }
  const rows = new Keyed(list, (read) =>
    h(
      "li",
      { class: "silence" },
      h("code", null, () => read().key),
      h("span", { class: "note" }, () => texts.alerts.until(dateTime(read().now.until), read().now.by)),
      h(
        "button",
        {
          type: "button",
          class: "quiet-button",
          disabled: () => !may("operator") || read().over,
          onclick: () => end(read().key),
        },
        () => (read().over ? texts.alerts.silenceEnded : texts.alerts.endSilence),
      ),
    ),
  );
  onClose(() => rows.close());
  return {
    node: card(
      texts.alerts.silences,
      "silences",
      h("p", { class: "note" }, texts.alerts.silenceMeaning),
      h(
        "button",
        {
          type: "button",
          class: "quiet-button",
          disabled: () => !may("operator"),
          onclick: () => silence(""),
        },
        texts.alerts.silenceNew,
      ),
      h("p", { class: "trouble slot-1", role: "alert" }, () => trouble || "\u00a0"),
      h("p", { class: "empty", hidden: () => still.rows.length > 0 }, texts.alerts.noSilences),
      list,
    ),
    show() {
      still.see(state.silences);
      if (still.newer.length) {
        still.append(still.newer);
        still.see(state.silences);
      }
      rows.sync(still.rows, (row) => row.key);
    },
  };
}

/** As it was when the view was opened; older ones on request. */
function pastCard(changed) {
  let past = [];
  let next = null;
  let unreadable = 0;
  let trouble = "";
  const over = h("tbody");
  const rows = new Keyed(over, (read) =>
    h(
      "tr",
      null,
      h("td", null, () => dateTime(read().t)),
      h(
        "td",
        null,
        badge(() => ({ level: severityLevel(read().severity), word: texts.alerts.severity[read().severity] })),
      ),
      h("td", null, () => texts.alerts.states[read().state] ?? read().state),
      h(
        "td",
        null,
        h("div", { class: "wrap" }, () => texts.alerts.first(read().text)),
      ),
    ),
  );
  onClose(() => rows.close());
  async function load(before) {
    try {
      const answer = await get(["alerts", "history"], { limit: STEP, before });
      past = before ? [...past, ...answer.items] : answer.items;
      next = answer.next;
      unreadable = (before ? unreadable : 0) + answer.unreadable;
      trouble = "";
      rows.sync(past, (one) => `${one.key} ${one.t} ${one.state}`);
    } catch (problem) {
      trouble = problem.message;
    }
    changed();
  }
  return {
    load,
    node: card(
      texts.alerts.past,
      "",
      h("p", { class: "empty", hidden: () => past.length > 0 }, () => texts.alerts.noPast),
      h("p", { class: "note", hidden: () => unreadable === 0 }, () => texts.unreadable(unreadable)),
      h(
        "div",
        {
          class: "scroll-x",
          tabindex: "0",
          role: "region",
          "aria-label": texts.alerts.past,
          hidden: () => past.length === 0,
        },
        h(
          "table",
          { class: "table" },
          h(
            "thead",
            null,
            h(
              "tr",
              null,
              texts.alerts.columns.map((name) => h("th", { scope: "col" }, name)),
            ),
          ),
          over,
        ),
      ),
      h("p", { class: "trouble", role: "alert", hidden: () => !trouble }, () => trouble),
      h(
        "button",
        {
          type: "button",
          class: "quiet-button",
          hidden: () => next === null || next === undefined,
          onclick: () => load(next),
        },
        texts.decisions.older,
      ),
    ),
  };
}

export function open() {
  let loaded = false;
  let cards;
  let silences;
  let past;
  const show = () => {
    cards.show();
    silences.show();
    view.update();
  };
  const view = live(() => {
    cards = alertCards(() => show());
    silences = silencesCard(() => view.update());
    past = pastCard(() => view.update());
    return h(
      "div",
      { class: "alerts" },
      h("div", { class: "slot-1" }, needsRole("operator")),
      cards.nodes,
      // All at once, when all is known: what comes late must not push away what is being read.
      h("div", { hidden: () => !loaded || !state.status }, silences.node, past.node),
    );
  });
  show();
  past.load().then(() => {
    loaded = true;
    view.update();
  });
  return {
    title: texts.views.alerts,
    node: view.node,
    close: view.close,
    update({ topics }) {
      const told = ["alerts", "silences", "session"].some((topic) => topics.has(topic));
      if (told || (topics.has("status") && (!loaded || nobodyThere()))) {
        show();
      }
    },
  };
}
