/** Commissioning: what is still open before the controller may be left alone, from the first meter to the last contact. */
import { Keyed, h, live, onClose } from "../core/dom.js";
import { count, moment, percent } from "../core/format.js";
import { get } from "../core/api.js";
import { link } from "../core/router.js";
import { may, modeNow, state } from "../core/state.js";
import { badge, card, phase } from "../parts/marks.js";
import { moveOutcome } from "../parts/moves.js";
import { answerTo, moveHouse, needsRole } from "../parts/orders.js";
import { PHASES } from "../parts/phase_bars.js";
import { houseBadge } from "../parts/words.js";
import { texts } from "../texts.js";

const REFRESH_MS = 10_000;
const LEVELS = { done: "ok", open: "unknown", warn: "warn" };
const ENDED = new Set(["verified", "failed", "timed_out", "rejected", "not_sent", "refused"]);
const natural = new Intl.Collator(texts.locale, { numeric: true });
const words = texts.commissioning;

/** A table in a card, with a sentence where it has no rows. Gives { node, sync }. */
function list({ title, intro, now = null, columns, nothing, extra = "" }, create, keyOf) {
  const body = h("tbody");
  const rows = new Keyed(body, create);
  onClose(() => rows.close());
  const empty = h("p", { class: "empty" }, texts.waiting);
  const table = h(
    "div",
    { class: "scroll-x", tabindex: "0", role: "region", "aria-label": title, hidden: true },
    h(
      "table",
      { class: `table ${extra}`.trim() },
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          columns.map((name) => h("th", { scope: "col" }, name)),
        ),
      ),
      body,
    ),
  );
  return {
    node: card(title, "", h("p", { class: "note" }, intro), now, empty, table),
    patch: (key, item) => rows.patch(key, item),
    sync(items) {
      rows.sync(items, keyOf);
      empty.hidden = items.length > 0;
      if (empty.textContent !== nothing) {
        empty.textContent = nothing;
      }
      table.hidden = items.length === 0;
    },
  };
}

const cells = (...contents) =>
  h(
    "tr",
    null,
    contents.map((content) => h("td", null, content)),
  );

export function open() {
  let asked = -Infinity;
  let trouble = "";
  /** All of it is shown at once: what comes late must not push away what is being read. */
  let loaded = false;
  let totals = new Map();
  /** { house, order } of the last test. */
  let testing = null;
  let mode;
  let parts;
  const abort = new AbortController();

  /** The last command of a house, as the stream has told it. */
  const lastCommand = (id) => [...state.commands.values()].findLast((command) => command.house === id);
  const standing = () => answerTo(testing.order).state ?? "planned";
  /** In the other modes nothing is commanded, whoever asks. */
  const commands = () => ["auto", "asked"].includes(modeNow());
  const busy = () => testing !== null && !ENDED.has(standing());

  async function test(house) {
    const target = PHASES[(PHASES.indexOf(house.phase) + 1) % 3];
    const taken = await moveHouse(house, target);
    if (!taken) {
      return;
    }
    testing = { house: house.id, order: taken.order };
    showSwitches();
  }
  function result(id) {
    if (testing?.house === id) {
      return { state: standing() };
    }
    return { state: lastCommand(id)?.state ?? ((totals.get(id) ?? 0) > 0 ? "before" : "never") };
  }
  function showSwitches() {
    const houses = [...state.houses.values()].filter((house) => house.switchable);
    // By name: a row must not run away from under the finger that tests it.
    parts.switches.sync(houses.sort((a, b) => natural.compare(a.id, b.id)));
  }
  async function load() {
    asked = performance.now();
    const read = async (path, show) => {
      try {
        show(await get(path, {}, abort.signal));
      } catch (problem) {
        if (problem.name !== "AbortError") {
          trouble = problem.message;
        }
      }
    };
    trouble = "";
    await Promise.all([
      read(["commissioning"], (answer) => parts.checks.sync(answer.items)),
      read(["meters", "unknown"], (answer) => parts.meters.sync(answer.items)),
      read(["identification"], (answer) => parts.doubts.sync(answer.items)),
      read(["switches"], (answer) => {
        totals = new Map(answer.items.map((one) => [one.house, one.operations_total]));
        showSwitches();
      }),
    ]);
    loaded = true;
    view.update();
  }

  const view = live(() => {
    parts = {
      checks: list(
        { title: words.checklist, intro: words.checklistIntro, columns: words.checkColumns, nothing: words.noChecks },
        (read) =>
          cells(
            badge(() => ({
              level: LEVELS[read().state] ?? "unknown",
              word: words.states[read().state] ?? read().state,
            })),
            h(
              "div",
              { class: "wrap" },
              h("div", null, () => read().text),
              h("div", { class: "note" }, () => read().detail ?? ""),
            ),
          ),
        (one) => one.key,
      ),
      meters: list(
        { title: words.meters, intro: words.metersIntro, columns: words.meterColumns, nothing: words.noMeters },
        (read) =>
          cells(
            () => read().id,
            h("code", null, () => read().topic),
            () => count(read().count),
            () => moment(read().t),
            h("code", { class: "payload" }, () => read().payload ?? ""),
          ),
        (one) => one.topic ?? one.id,
      ),
      doubts: list(
        { title: words.doubts, intro: words.doubtsIntro, columns: words.doubtColumns, nothing: words.noDoubts },
        (read) =>
          cells(
            h("a", { href: () => link("houses", read().house) }, () => read().house),
            phase(() => read().recorded ?? null),
            phase(() => read().believed ?? null),
            () => percent(read().confidence * 100, 1),
          ),
        (one) => one.house,
      ),
      switches: list(
        {
          title: words.switches,
          intro: words.switchesIntro,
          now: h("p", { class: "sentence slot-2" }, () => words.switchesNow[modeNow()] ?? "\u00a0"),
          columns: words.switchColumns,
          nothing: words.noSwitches,
          extra: "fixed",
        },
        (read) =>
          cells(
            h("a", { href: () => link("houses", read().id) }, () => read().id),
            phase(() => read().phase),
            houseBadge(read),
            () => count(totals.get(read().id)),
            moveOutcome(() => result(read().id)),
            h(
              "button",
              {
                type: "button",
                class: "quiet-button",
                "aria-label": words.testOf(read().id),
                disabled: () => !may("operator") || !commands() || busy() || !read().phase || Boolean(read().locked),
                onclick: () => test(read()),
              },
              words.test,
            ),
          ),
        (house) => house.id,
      ),
    };
    onClose(() => abort.abort());
    return h(
      "div",
      { class: "commissioning" },
      h("div", { class: "back" }, needsRole("operator")),
      h("p", { class: "trouble", hidden: () => !trouble }, () => trouble),
      h("p", { class: "empty", hidden: () => loaded }, texts.waiting),
      h(
        "div",
        { hidden: () => !loaded },
        [parts.checks, parts.meters, parts.doubts, parts.switches].map((part) => part.node),
      ),
    );
  });
  showSwitches();
  load();

  return {
    title: texts.views.commissioning,
    node: view.node,
    close: view.close,
    update({ topics, houses }) {
      if (performance.now() - asked > REFRESH_MS) {
        load();
      }
      const changed = mode !== modeNow();
      mode = modeNow();
      if (changed || ["roster", "commands", "decisions", "session"].some((topic) => topics.has(topic))) {
        showSwitches();
        view.update();
      } else {
        for (const id of houses) {
          parts.switches.patch(id, state.houses.get(id));
        }
      }
    },
  };
}
