/** Alerts: what stands, who has seen it, what contacts are not told of, and what is over. */
import { Keyed, h, live, onClose } from "../core/dom.js";
import { dateTime, moment } from "../core/format.js";
import { get } from "../core/api.js";
import { may, standingAlerts, state } from "../core/state.js";
import { badge, card, severityLevel } from "../parts/marks.js";
import { acknowledge, endSilence, needsRole, silence } from "../parts/orders.js";
import { texts } from "../texts.js";

const STEP = 20;
/** The controller carries out what it has taken within its next turn; after so long nobody should wait for it any more. */
const ANSWER_MS = 15_000;
const kind = (key) => key.split("/")[0];

export function open() {
  let past = [];
  let next = null;
  let unreadable = 0;
  let loaded = false;
  let trouble = "";
  let pastRows;
  let standing;
  let silenceRows;
  /** Alerts whose acknowledgement is on its way: key -> since when the alert stands. */
  const sent = new Map();
  const waits = [];

  async function told(work) {
    try {
      await work();
      trouble = "";
    } catch (problem) {
      trouble = problem.message;
    }
    show();
  }
  /** An alert that has come anew is another one. */
  const isSent = (alert) => alert.state === "active" && sent.get(alert.key) === alert.since;
  async function giveAcknowledgement(alert) {
    sent.set(alert.key, alert.since);
    show();
    try {
      await acknowledge(alert);
    } catch (problem) {
      sent.delete(alert.key);
      throw problem;
    }
    waits.push(setTimeout(() => giveUp(alert), ANSWER_MS));
  }
  function giveUp(alert) {
    if (isSent(state.alerts.get(alert.key) ?? {})) {
      sent.delete(alert.key);
      trouble = texts.alerts.unanswered(alert.key);
      show();
    }
  }
  const loadPast = (before) =>
    told(async () => {
      const answer = await get(["alerts", "history"], { limit: STEP, before });
      past = before ? [...past, ...answer.items] : answer.items;
      next = answer.next;
      unreadable = (before ? unreadable : 0) + answer.unreadable;
      pastRows.sync(past, (one) => `${one.key} ${one.t} ${one.state}`);
    });

  function alertRow(read) {
    const isOpen = () => read().state === "active";
    return h(
      "li",
      { class: "card alert-card" },
      h(
        "div",
        { class: "alert-head" },
        badge(() => ({ level: severityLevel(read().severity), word: texts.alerts.severity[read().severity] })),
        h("span", { class: "note" }, () => texts.alerts.since(moment(read().since))),
        h("code", null, () => read().key),
      ),
      h(
        "p",
        { class: "sentence" },
        h("strong", null, () => texts.alerts.first(read().text)),
        " ",
        () => texts.alerts.rest(read().text),
      ),
      h(
        "div",
        { class: "group" },
        h(
          "button",
          {
            type: "button",
            class: "quiet-button",
            disabled: () => !may("operator") || !isOpen() || isSent(read()),
            onclick: () => told(() => giveAcknowledgement(read())),
          },
          () =>
            isSent(read()) ? texts.alerts.sending : isOpen() ? texts.alerts.acknowledge : texts.alerts.acknowledged,
        ),
        h(
          "button",
          {
            type: "button",
            class: "quiet-button",
            disabled: () => !may("operator"),
            onclick: () => silence(kind(read().key)),
          },
          texts.alerts.silenceKind,
        ),
      ),
    );
  }

  const view = live(() => {
    const list = h("ul", { class: "alert-list" });
    standing = new Keyed(list, alertRow);
    const quiet = h("ul", { class: "rows plain" });
    silenceRows = new Keyed(quiet, (read) =>
      h(
        "li",
        { class: "silence" },
        h("code", null, () => read().keys),
        h("span", { class: "note" }, () => texts.alerts.until(dateTime(read().until), read().by)),
        h(
          "button",
          {
            type: "button",
            class: "quiet-button",
            disabled: () => !may("operator"),
            onclick: () => told(() => endSilence(read().keys)),
          },
          texts.alerts.endSilence,
        ),
      ),
    );
    const over = h("tbody");
    pastRows = new Keyed(over, (read) =>
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
    onClose(() => {
      waits.forEach(clearTimeout);
      standing.close();
      silenceRows.close();
      pastRows.close();
    });
    return h(
      "div",
      { class: "alerts" },
      h("div", { class: "back" }, needsRole("operator")),
      h("p", { class: "trouble", role: "alert", hidden: () => !trouble }, () => trouble),
      h("p", { class: "empty card", hidden: () => state.alerts.size > 0 }, () =>
        state.status ? texts.now.noAlerts : texts.waiting,
      ),
      list,
      // Both at once, when both are known: what comes late must not push away what is being read.
      h("div", { hidden: () => !loaded }, [
        card(
          texts.alerts.silences,
          "",
          h("p", { class: "note" }, texts.alerts.silenceMeaning),
          h("p", { class: "empty", hidden: () => quiet.childElementCount > 0 }, texts.alerts.noSilences),
          quiet,
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
        ),
        card(
          texts.alerts.past,
          "",
          h("p", { class: "empty", hidden: () => over.childElementCount > 0 }, () => texts.alerts.noPast),
          h("p", { class: "note", hidden: () => unreadable === 0 }, () => texts.unreadable(unreadable)),
          h(
            "div",
            {
              class: "scroll-x",
              tabindex: "0",
              role: "region",
              "aria-label": texts.alerts.past,
              hidden: () => over.childElementCount === 0,
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
          h(
            "button",
            {
              type: "button",
              class: "quiet-button",
              hidden: () => next === null || next === undefined,
              onclick: () => loadPast(next),
            },
            texts.decisions.older,
          ),
        ),
      ]),
    );
  });
  const show = () => {
    standing.sync(standingAlerts(), (alert) => alert.key);
    silenceRows.sync(state.silences, (one) => one.keys);
    for (const [key, since] of sent) {
      if (state.alerts.get(key)?.since !== since) {
        sent.delete(key);
      }
    }
    view.update();
  };
  show();
  loadPast().then(() => {
    loaded = true;
    view.update();
  });
  return {
    title: texts.views.alerts,
    node: view.node,
    close: view.close,
    update({ topics }) {
      if (
        topics.has("alerts") ||
        topics.has("silences") ||
        topics.has("session") ||
        (topics.has("status") && !loaded)
      ) {
        show();
      }
    },
  };
}
