/** One decision with all that led to it: what triggered it, what was weighed, what the guard forbade, what came of it. */
import { h, live, onUpdate } from "../core/dom.js";
import { ampMinutes, amps, fullTime, kilowatts, number, percent, volts } from "../core/format.js";
import { link } from "../core/router.js";
import { state } from "../core/state.js";
import { badge, card, fact } from "../parts/marks.js";
import { moveOutcome, track } from "../parts/moves.js";
import { fetchDecision, moveNow } from "../parts/orders.js";
import { forecastChart } from "../parts/forecast.js";
import { PHASES } from "../parts/phase_bars.js";
import { sentence } from "../parts/sentence.js";
import { texts } from "../texts.js";
import { outcome } from "./decisions.js";

const move = ({ house, origin, target }) => [
  h("a", { href: link("houses", house) }, house),
  " ",
  track(() => [origin, target]),
];

function table(name, columns, rows) {
  return h(
    "div",
    { class: "scroll-x", tabindex: "0", role: "region", "aria-label": name },
    h(
      "table",
      { class: "table" },
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          columns.map((one) => h("th", { scope: "col" }, one)),
        ),
      ),
      h(
        "tbody",
        null,
        rows.map((cells) =>
          h(
            "tr",
            null,
            cells.map((cell) => h("td", null, cell)),
          ),
        ),
      ),
    ),
  );
}

function vetoWords({ reason, value, limit, text }) {
  const words = texts.vetoes[reason];
  if (!words) {
    return text;
  }
  if (typeof value !== "number" || typeof limit !== "number") {
    return words;
  }
  const unit = texts.vetoUnits[reason] ?? "";
  return texts.decisions.veto(words, number(value, unit === "V" ? 1 : 0) + unit, number(limit, 0) + unit);
}

function measured(decision) {
  const { trigger, trigger_value: value, trigger_limit: limit } = decision;
  if (trigger === "request") {
    return texts.decisions.by(decision.operator || texts.decisions.somebody);
  }
  const unit = { imbalance: amps, voltage: volts, injection: kilowatts }[trigger] ?? number;
  return texts.decisions.trigger(texts.triggers[trigger] ?? trigger, unit(value), unit(limit));
}

/** A decision never changes; only the outcomes of its moves do, and they are read anew at each update. */
function detail(decision) {
  const now = () => state.decisions.find((one) => one.id === decision.id) ?? decision;
  const chosen = new Set(decision.moves.map((one) => `${one.house}${one.target}`));
  return h(
    "div",
    { class: "decision-detail" },
    card(
      texts.decisions.what,
      "",
      h("p", { class: "sentence lead" }, sentence(decision)),
      h(
        "dl",
        { class: "facts" },
        fact(texts.decisions.when, fullTime(decision.t)),
        fact(texts.decisions.why, measured(decision)),
        fact(texts.decisions.before, amps(decision.neutral_before_a)),
        fact(texts.decisions.after, amps(decision.neutral_after_a), "strong"),
        fact(texts.decisions.gain, ampMinutes(decision.gain)),
        fact(texts.decisions.price, ampMinutes(decision.price)),
        decision.asked === null ? "" : fact(texts.decisions.asked, ampMinutes(decision.asked)),
        fact(texts.decisions.advice, decision.advice || "–"),
        fact(texts.decisions.coverage, percent(decision.coverage * 100)),
        ...PHASES.map((name, index) =>
          fact(
            texts.decisions.phase(name),
            `${kilowatts(decision.phase_p?.[index])}, ${volts(decision.phase_v_max?.[index])}`,
          ),
        ),
      ),
    ),
    card(
      texts.decisions.outcome,
      "",
      h(
        "p",
        null,
        badge(() => outcome(now())),
      ),
      decision.moves.length
        ? table(
            texts.decisions.outcome,
            texts.decisions.outcomeColumns,
            decision.moves.map((one) => {
              const found = () => {
                const made = now().outcomes?.find((other) => other.house === one.house);
                return made
                  ? { ...made, state: moveNow(made) }
                  : { state: decision.commanded ? "planned" : "not_sent" };
              };
              return [
                move(one),
                [moveOutcome(found), h("span", { class: "note" }, () => (found().reason ? ` ${found().reason}` : ""))],
              ];
            }),
          )
        : null,
    ),
    decision.blocks?.length ? card(texts.decisions.forecast, "", forecastChart(decision.blocks)) : null,
    card(
      texts.decisions.weighed,
      "",
      decision.candidates?.length
        ? table(
            texts.decisions.weighed,
            texts.decisions.weighedColumns,
            decision.candidates.map((one) => [
              move(one.move),
              ampMinutes(one.gain),
              ampMinutes(one.price),
              chosen.has(one.move.house + one.move.target)
                ? texts.decisions.chosen
                : one.gain > one.price
                  ? texts.decisions.pays
                  : texts.decisions.tooDear,
            ]),
          )
        : h("p", { class: "empty" }, texts.decisions.nothingWeighed),
    ),
    card(
      texts.decisions.forbidden,
      "",
      decision.vetoes?.length
        ? table(
            texts.decisions.forbidden,
            texts.decisions.forbiddenColumns,
            decision.vetoes.map((one) => [move(one.move), h("div", { class: "wrap" }, vetoWords(one))]),
          )
        : h("p", { class: "empty" }, texts.decisions.nothingForbidden),
    ),
  );
}

export function open(id) {
  let trouble = "";
  let content = null;
  const place = h("div", { class: "slot-page" });
  const view = live(() => {
    onUpdate(() => content?.update());
    return h(
      "div",
      null,
      h("p", { class: "back" }, h("a", { href: "#/decisions" }, texts.decisions.back)),
      h("p", { class: "trouble", hidden: () => !trouble }, () => trouble),
      place,
    );
  });
  fetchDecision(id).then(
    (decision) => {
      content = live(() => detail(decision));
      place.replaceChildren(content.node);
    },
    (problem) => {
      trouble = problem.status === 404 ? texts.decisions.unknown : problem.message;
      view.update();
    },
  );
  return {
    title: texts.decisions.title,
    node: view.node,
    close() {
      content?.close();
      view.close();
    },
    update({ topics }) {
      if (topics.has("decisions") || topics.has("commands")) {
        view.update();
      }
    },
  };
}
