/**
 * The alerts that stand, as cards that keep their places, and above them the line behind which newer ones wait.
 *
 * Who acknowledges has a finger over a button: until the list is asked for anew, or nobody has been at the page for a while, nothing
 * comes, goes or changes its height there.
 */
import { Keyed, h, onClose } from "../core/dom.js";
import { moment } from "../core/format.js";
import { nobodyThere } from "../core/presence.js";
import { gravity, may, standingAlerts, state } from "../core/state.js";
import { Still } from "../core/still.js";
import { texts } from "../texts.js";
import { badge, severityLevel } from "./marks.js";
import { acknowledge, silence } from "./orders.js";

/** The controller carries out what it has taken within its next turn; after so long nobody should wait for it any more. */
const ANSWER_MS = 15_000;
const kind = (key) => key.split("/")[0];
/** Another episode, or a graver one: nobody has read it yet. */
const unread = (listed, now) => now.since !== listed.since || gravity(now) < gravity(listed);
/** Of an episode that is over, the next one of its key waits behind the line. */
const isOver = (row) => row.over || row.now.since !== row.listed.since;
const signOf = (alert) => ({ level: severityLevel(alert.severity), word: texts.alerts.severity[alert.severity] });
const OVER = { level: "unknown", word: texts.alerts.states.resolved };
const NO_SIGN = { level: "unknown", word: "" };

/** Acknowledgements that are on their way: what the controller has taken is done only when the stream says so. */
class Acknowledgements {
  #sent = new Map();
  #troubles = new Map();
  #waits = new Set();
  #changed;

  constructor(changed) {
    this.#changed = changed;
  }

  isSent({ key, now }) {
    return now.state === "active" && this.#sent.get(key) === now.since;
  }

  /** What went wrong with the last one of this alert; empty where nothing did. */
  trouble(key) {
    return this.#troubles.get(key) ?? "";
  }

  async give({ key, now }) {
    this.#sent.set(key, now.since);
    this.#troubles.delete(key);
    this.#changed();
    try {
      await acknowledge(now);
      const wait = setTimeout(() => {
        this.#waits.delete(wait);
        this.#giveUp(key, now.since);
      }, ANSWER_MS);
      this.#waits.add(wait);
    } catch (problem) {
      this.#sent.delete(key);
      this.#troubles.set(key, problem.message);
      this.#changed();
    }
  }

  /** Forgets those that have been carried out, or whose episode is over. */
  tidy() {
    for (const [key, since] of this.#sent) {
      const alert = state.alerts.get(key);
      if (alert?.state !== "active" || alert.since !== since) {
        this.#sent.delete(key);
      }
    }
    for (const key of this.#troubles.keys()) {
      if (state.alerts.get(key)?.state !== "active") {
        this.#troubles.delete(key);
      }
    }
  }

  close() {
    this.#waits.forEach(clearTimeout);
  }

  #giveUp(key, since) {
    if (this.#sent.get(key) === since) {
      this.#sent.delete(key);
      this.#troubles.set(key, texts.alerts.unanswered);
      this.#changed();
    }
  }
}

/** What has come to an alert since its card was drawn, in a place of its own: the sentence above keeps its length. */
function word(row, sent) {
  const { now, listed } = row;
  if (isOver(row)) {
    return texts.alerts.over;
  }
  if (row.renewed) {
    return texts.alerts.worse;
  }
  const added = now.text.startsWith(listed.text) ? now.text.slice(listed.text.length).trim() : "";
  return sent.trouble(row.key) || added || "\u00a0";
}

function alertCard(read, sent) {
  const isOpen = () => !isOver(read()) && !read().renewed && read().now.state === "active";
  const action = () => {
    if (isOver(read())) {
      return texts.alerts.states.resolved;
    }
    if (sent.isSent(read())) {
      return texts.alerts.sending;
    }
    return read().now.state === "active" ? texts.alerts.acknowledge : texts.alerts.acknowledged;
  };
  return h(
    "li",
    { class: () => (isOver(read()) ? "card alert-card over" : "card alert-card") },
    h(
      "div",
      { class: "alert-head" },
      badge(() => (isOver(read()) ? OVER : signOf(read().now))),
      h("span", { class: "note" }, () => texts.alerts.since(moment(read().listed.since))),
      h("code", null, () => read().key),
    ),
    h(
      "p",
      { class: "sentence" },
      h("strong", null, () => texts.alerts.first(read().listed.text)),
      " ",
      () => texts.alerts.rest(read().listed.text),
    ),
    h(
      "div",
      { class: "group" },
      h(
        "button",
        {
          type: "button",
          class: "quiet-button",
          disabled: () => !may("operator") || !isOpen() || sent.isSent(read()),
          onclick: () => sent.give(read()),
        },
        action,
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
      h(
        "p",
        { class: "note alert-word", "aria-live": "polite" },
        h("span", { class: "clamp-2" }, () => word(read(), sent)),
      ),
    ),
  );
}

function newsLine(still, showAll) {
  const worst = () => still.newer[0];
  return h(
    "div",
    { class: "news", role: "status" },
    h(
      "button",
      {
        type: "button",
        class: () => `quiet-button news-line ${worst() ? severityLevel(worst().severity) : "none"}`,
        disabled: () => !worst() && still.over === 0,
        onclick: showAll,
      },
      h("span", null, () =>
        worst() || still.over === 0 ? texts.decisions.newer(still.newer.length) : texts.alerts.putAway(still.over),
      ),
      h(
        "span",
        { hidden: () => !worst() },
        badge(() => (worst() ? signOf(worst()) : NO_SIGN)),
      ),
      // The line on top of the page has it read out by itself.
      h("span", { class: "note ellipsis", "aria-hidden": "true" }, () =>
        worst() ? texts.alerts.first(worst().text) : texts.alerts.newerHere,
      ),
    ),
  );
}

/** To be called within a `live`; `changed` is called when something is to be shown. Gives { nodes, show }. */
export function alertCards(changed) {
  const still = new Still((alert) => alert.key, unread);
  const sent = new Acknowledgements(changed);
  const list = h("ul", { class: "alert-list", tabindex: "-1", "aria-label": texts.now.alerts });
  const cards = new Keyed(list, (read) => alertCard(read, sent));
  let known = false;
  onClose(() => {
    sent.close();
    cards.close();
  });
  const showAll = () => {
    still.take(standingAlerts());
    changed();
    scrollTo(0, 0);
    // The line has nothing to press any more; Tab goes on with the first card.
    list.focus({ preventScroll: true });
  };
  return {
    nodes: [
      newsLine(still, showAll),
      h("p", { class: "empty card", hidden: () => still.rows.length > 0 }, () => {
        if (!state.status) {
          return texts.waiting;
        }
        return still.newer.length ? texts.alerts.above : texts.now.noAlerts;
      }),
      list,
    ],
    /** Takes in what the stream has said. */
    show() {
      const standing = standingAlerts();
      if (known ? nobodyThere() : state.status) {
        known = true;
        still.take(standing);
      } else {
        still.see(standing);
      }
      sent.tidy();
      cards.sync(still.rows, (row) => row.key);
    },
  };
}
