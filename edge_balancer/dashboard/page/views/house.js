/** One house: where it is, what it draws, what was done with it, and what may be done. */
import { Keyed, h, live, onClose } from "../core/dom.js";
import { count, dateTime, duration, kilowatts, moment, ohms, percent, volts } from "../core/format.js";
import { get } from "../core/api.js";
import { may, state } from "../core/state.js";
import { recentCurve } from "../parts/recent_curve.js";
import { card, fact, phase } from "../parts/marks.js";
import { moveOutcome, track } from "../parts/moves.js";
import { answerTo, moveHouse, needsRole, releaseHouse } from "../parts/orders.js";
import { PHASES } from "../parts/phase_bars.js";
import { houseBadge } from "../parts/words.js";
import { texts } from "../texts.js";

const REFRESH_MS = 60_000;

export function open(id) {
  const empty = { id };
  const house = () => state.houses.get(id) ?? empty;
  let moves = [];
  let asked = -Infinity;
  let trouble = "";
  let order = null;
  let curve;
  let moveRows;
  const abort = new AbortController();

  async function load() {
    asked = performance.now();
    try {
      const known = await get(["houses", id], {}, abort.signal);
      curve.set(known.recent);
      moves = known.moves ?? [];
      moveRows.sync(moves, (one) => one.command || String(one.t));
      trouble = "";
    } catch (problem) {
      if (problem.name === "AbortError") {
        return;
      }
      trouble = problem.status === 404 ? texts.house.unknown(id) : problem.message;
    }
    view.update();
  }
  async function move(target) {
    const taken = await moveHouse(house(), target);
    if (!taken) {
      return;
    }
    order = taken.order;
    view.update();
  }
  /** What became of the last order, from the decision that answers it. */
  function answer() {
    if (!order) {
      return "\u00a0";
    }
    const { decision, state: outcome } = answerTo(order);
    if (!decision) {
      return texts.house.waiting;
    }
    return outcome === "refused"
      ? decision.text
      : `${decision.text} ${texts.house.stands(texts.outcomes[outcome] ?? outcome)}`;
  }

  const view = live(() => {
    const list = h("tbody");
    moveRows = new Keyed(list, (read) =>
      h(
        "tr",
        null,
        h("td", null, () => dateTime(read().t)),
        h(
          "td",
          null,
          track(() => [read().from, read().to]),
        ),
        h(
          "td",
          null,
          moveOutcome(read),
          h("span", { class: "note" }, () => (read().reason ? ` ${read().reason}` : "")),
        ),
      ),
    );
    curve = recentCurve();
    onClose(() => abort.abort());
    return h(
      "div",
      { class: "house" },
      h("p", { class: "back" }, h("a", { href: "#/houses" }, texts.house.back)),
      h("p", { class: "trouble", hidden: () => !trouble }, () => trouble),
      h(
        "div",
        { class: "columns" },
        card(
          texts.house.now,
          "",
          h(
            "p",
            { class: "big-badge" },
            phase(
              () => house().phase,
              () => (house().three_phase ? texts.houses.all : "–"),
            ),
            " ",
            houseBadge(house),
          ),
          h(
            "dl",
            { class: "facts" },
            fact(texts.houses.columns.p, () => kilowatts(house().p, 2), "strong"),
            fact(texts.houses.columns.v, () => volts(house().v)),
            fact(texts.houses.columns.t, () => moment(house().t)),
            fact(texts.house.configured, () => house().configured_phase ?? "–"),
            fact(texts.house.moved24, () => count(house().operations_24h)),
            fact(texts.house.left, () => count(house().operations_left)),
            fact(texts.house.lastMove, () =>
              house().last_move
                ? texts.ago(moment(house().last_move), duration(state.status?.t - house().last_move))
                : texts.house.never,
            ),
            fact(texts.house.distance, () => ohms(house().distance_ohm)),
            fact(texts.house.kind, () => texts.house.kinds(house())),
            fact(texts.house.doubt, () => (house().doubt > 0 ? percent(house().doubt * 100) : texts.house.none)),
          ),
        ),
        card(
          texts.house.actions,
          "",
          // A lock that comes while somebody is about to press one of the buttons must not put another one there.
          h(
            "div",
            { class: "switch-word" },
            h("p", { class: "note locked", hidden: () => !house().locked }, () =>
              house().locked ? texts.house.locked(house().locked) : "",
            ),
            h("p", { hidden: () => Boolean(house().locked) }, () =>
              house().switchable === false ? texts.house.fixed : texts.house.moveTo,
            ),
          ),
          h(
            "div",
            { class: "group" },
            PHASES.map((name) =>
              h(
                "button",
                {
                  type: "button",
                  class: "quiet-button",
                  disabled: () => !may("operator") || !house().switchable || house().phase === name,
                  onclick: () => move(name),
                },
                texts.orders.moveAction(name),
              ),
            ),
          ),
          h("p", { class: "slot-3 sentence order-answer", role: "status" }, answer),
          h(
            "p",
            null,
            h(
              "button",
              {
                type: "button",
                class: "button danger",
                disabled: () => !may("admin") || !house().locked,
                onclick: () => releaseHouse(house()),
              },
              texts.orders.releaseAction,
            ),
          ),
          needsRole("operator"),
          h(
            "p",
            { class: "note", hidden: () => !house().locked || may("admin") || !may("operator") },
            texts.orders.needs.admin,
          ),
        ),
      ),
      h("div", { class: "card" }, curve.node),
      card(
        texts.house.moves,
        "",
        h("p", { class: "empty", hidden: () => list.childElementCount > 0 }, () =>
          asked > -Infinity ? texts.house.noMoves : texts.waiting,
        ),
        h(
          "div",
          {
            class: "scroll-x",
            tabindex: "0",
            role: "region",
            "aria-label": texts.house.moves,
            hidden: () => list.childElementCount === 0,
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
                texts.house.columns.map((name) => h("th", { scope: "col" }, name)),
              ),
            ),
            list,
          ),
        ),
      ),
    );
  });
  load();

  return {
    title: texts.house.title(id),
    node: view.node,
    close: view.close,
    update({ topics, houses }) {
      if (houses.has(id)) {
        curve.add(house().t, house().p);
      }
      if (
        houses.has(id) ||
        topics.has("session") ||
        topics.has("decisions") ||
        topics.has("commands") ||
        topics.has("roster")
      ) {
        view.update();
      }
      if (performance.now() - asked > REFRESH_MS) {
        load();
      }
    },
  };
}
