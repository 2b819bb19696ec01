/** History: from hours to years, from the store. Each zoom asks the server anew for as many points as the screen can show. */
import { Keyed, h, live, onClose, onUpdate } from "../core/dom.js";
import { NONE, dateTime, fullTime } from "../core/format.js";
import { address, get } from "../core/api.js";
import { link } from "../core/router.js";
import { state } from "../core/state.js";
import { historyCharts } from "../parts/history_charts.js";
import { moveOutcome, track } from "../parts/moves.js";
import { texts } from "../texts.js";

const HOUR = 3600;
const SPANS = [6 * HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR, 365 * 24 * HOUR];
const SHORTEST_S = 600;
const REFRESH_MS = 15_000;
const MOST_POINTS = 1200;

/** The stretch that is shown; it outlives the view. `to` null follows the present. */
const shown = { span: SPANS[1], to: null };

const end = () => shown.to ?? state.status?.t ?? null;

function stretch() {
  const to = end();
  return to === null ? null : [to - shown.span, to];
}

export function open() {
  let moves = [];
  let asked = 0;
  let abort = null;
  let trouble = "";
  let busy = false;
  let loaded = 0;
  let charts;

  async function load() {
    const wanted = stretch();
    if (!wanted) {
      return;
    }
    abort?.abort();
    abort = new AbortController();
    asked = performance.now();
    busy = true;
    view.update();
    const points = Math.min(MOST_POINTS, Math.max(200, Math.round(charts.nodes[0].clientWidth || 600)));
    try {
      const answer = await get(
        ["history", "feeder"],
        { from: wanted[0].toFixed(0), to: wanted[1].toFixed(0), points },
        abort.signal,
      );
      trouble = "";
      show(answer, wanted);
    } catch (problem) {
      if (problem.name === "AbortError") {
        return;
      }
      trouble = problem.message;
    }
    busy = false;
    loaded += 1;
    view.update();
  }

  function show(answer, wanted) {
    moves = answer.moves.map((move) => ({ ...move, state: move.outcome }));
    charts.show(answer, wanted);
  }

  function choose(span, to) {
    const now = state.status?.t ?? to;
    shown.span = Math.max(SHORTEST_S, Math.min(SPANS.at(-1) * 5, span));
    shown.to = to === null || to >= now - 1 ? null : to;
    load();
  }
  const zoom = (factor) => {
    const [from, to] = stretch() ?? [0, 0];
    const span = (to - from) * factor;
    choose(span, shown.to === null ? null : (from + to) / 2 + span / 2);
  };
  const shift = (part) => end() !== null && choose(shown.span, end() + shown.span * part);
  const button = (label, run, properties = {}) =>
    h("button", { type: "button", class: "quiet-button", onclick: run, ...properties }, label);

  const view = live(() => {
    charts = historyCharts(
      (from, to) => choose(to - from, to),
      () => moves,
    );
    const list = h("tbody");
    const rows = new Keyed(list, (read) =>
      h(
        "tr",
        null,
        h("td", null, () => dateTime(read().t)),
        h(
          "td",
          null,
          h("a", { href: () => link("houses", read().house) }, () => read().house),
        ),
        h(
          "td",
          null,
          track(() => [read().from, read().to]),
        ),
        h("td", null, moveOutcome(read)),
      ),
    );
    onUpdate(() => rows.sync([...moves].reverse().slice(0, 200), (move) => `${move.t} ${move.house}`));
    onClose(() => abort?.abort());
    return h(
      "div",
      { class: "history" },
      h(
        "div",
        { class: "toolbar" },
        h(
          "div",
          { class: "segments", role: "group", "aria-label": texts.history.span },
          SPANS.map((span) =>
            h(
              "button",
              {
                type: "button",
                "aria-pressed": () => String((loaded, shown.to === null && shown.span === span)),
                onclick: () => choose(span, null),
              },
              texts.history.spans[span / HOUR],
            ),
          ),
        ),
        h(
          "div",
          { class: "group" },
          button(texts.history.earlier, () => shift(-0.5)),
          button(texts.history.later, () => shift(0.5), { disabled: () => shown.to === null }),
          button(texts.history.zoomIn, () => zoom(0.5)),
          button(texts.history.zoomOut, () => zoom(2)),
        ),
      ),
      h("p", { class: "note slot-1", "aria-live": "off" }, () => {
        const [from, to] = stretch() ?? [null, null];
        return (
          trouble ||
          (from === null
            ? texts.history.waiting
            : texts.history.range(
                fullTime(from),
                shown.to === null ? texts.history.present : fullTime(to),
                busy && !loaded,
              ))
        );
      }),
      h(
        "div",
        { class: "charts" },
        charts.nodes.map((node) => h("div", { class: "card" }, node)),
      ),
      h("p", { class: "note" }, texts.history.hint),
      h(
        "section",
        { class: "card" },
        h("h2", null, texts.history.moves),
        h(
          "p",
          { class: "downloads" },
          texts.history.download,
          " ",
          ["telemetry", "switches", "alerts", "trail"].map((what) => [
            h("a", { href: () => (loaded, exportAddress(what)), download: "" }, texts.history.exports[what]),
            " ",
          ]),
        ),
        h("p", { class: "empty", hidden: () => (loaded, moves.length > 0) }, () =>
          loaded ? texts.history.noMoves : NONE,
        ),
        h(
          "div",
          {
            class: "scroll-x",
            tabindex: "0",
            role: "region",
            "aria-label": texts.history.moves,
            hidden: () => (loaded, moves.length === 0),
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
                texts.history.columns.map((name) => h("th", { scope: "col" }, name)),
              ),
            ),
            list,
          ),
        ),
      ),
    );
  });

  return {
    title: texts.views.history,
    node: view.node,
    close: view.close,
    update({ topics }) {
      if (!asked && state.status) {
        load();
      } else if (topics.has("status") && shown.to === null && !busy && performance.now() - asked > REFRESH_MS) {
        load();
      }
      if (topics.has("session")) {
        view.update();
      }
    },
  };
}

function exportAddress(what) {
  const [from, to] = stretch() ?? [0, 0];
  return address(["export"], { what, from: from.toFixed(0), to: to.toFixed(0), format: "csv" }).href;
}
