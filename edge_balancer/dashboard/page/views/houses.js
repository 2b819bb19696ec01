/**
 * Houses: one row for each, changed in place. The order is that of the moment in which it was asked for: rows that jump while
 * one reads them help nobody. `sort again` brings it up to date.
 */
import { Keyed, h, live, onClose, onUpdate } from "../core/dom.js";
import { clock, count, kilowatts, moment, volts } from "../core/format.js";
import { link } from "../core/router.js";
import { state } from "../core/state.js";
import { phase } from "../parts/marks.js";
import { PHASES } from "../parts/phase_bars.js";
import { houseBadge, houseState } from "../parts/words.js";
import { texts } from "../texts.js";

const natural = new Intl.Collator(texts.locale, { numeric: true });
/**
 * Two hundred rows are laid out as one table. On an ordinary computer writing at each picture (every 100 ms) takes 12 % of the
 * browser's main thread, at every second one 7 %, at every fifth 6 %; a phone has a fraction of that speed.
 */
const WRITE_EVERY_MS = 190;
const LEVELS = ["fail", "warn", "unknown", "ok"];

const KEYS = {
  id: (house) => house.id,
  phase: (house) => house.phase ?? "~",
  p: (house) => house.p ?? -Infinity,
  v: (house) => house.v ?? -Infinity,
  t: (house) => house.t ?? -Infinity,
  moves: (house) => house.operations_24h ?? 0,
  state: (house) => LEVELS.indexOf(houseState(house).level) + houseState(house).key,
};
const WIDE = new Set(["v", "t", "moves"]);
const NUMERIC = new Set(["p", "v", "t", "moves"]);

const look = (key) => `${key}-column ${WIDE.has(key) ? "wide" : ""} ${NUMERIC.has(key) ? "number" : ""}`.trim();

/** Outlives the view: who comes back from a house finds the table as it was left. */
const chosen = { key: "id", down: false, text: "", phase: "", state: "" };

function compare(a, b) {
  const [x, y] = [KEYS[chosen.key](a), KEYS[chosen.key](b)];
  const order = typeof x === "string" ? natural.compare(x, y) : x - y;
  return (chosen.down ? -order : order) || natural.compare(a.id, b.id);
}

function wanted(house) {
  if (chosen.text && !house.id.toLowerCase().includes(chosen.text.toLowerCase())) {
    return false;
  }
  if (chosen.phase && (house.phase ?? "none") !== chosen.phase) {
    return false;
  }
  if (!chosen.state) {
    return true;
  }
  const found = houseState(house);
  return chosen.state === "trouble" ? ["fail", "warn"].includes(found.level) : found.key === chosen.state;
}

function row(read) {
  const cell = (key, content) => h("td", { class: look(key) }, content);
  return h(
    "tr",
    null,
    h(
      "th",
      { scope: "row" },
      h("a", { href: () => link("houses", read().id) }, () => read().id),
    ),
    cell(
      "phase",
      phase(
        () => read().phase,
        () => (read().three_phase ? texts.houses.all : "–"),
      ),
    ),
    cell("p", () => kilowatts(read().p, 2)),
    cell("v", () => volts(read().v)),
    cell("t", () => moment(read().t)),
    cell("moves", () =>
      read().switchable ? texts.houses.moves(count(read().operations_24h), count(read().operations_left)) : "–",
    ),
    cell("state", houseBadge(read)),
  );
}

export function open() {
  let order = [];
  let sortedAt = null;
  let rows;
  let written = 0;
  let late = 0;
  const due = new Set();

  function sort() {
    order = [...state.houses.values()].sort(compare).map((house) => house.id);
    sortedAt = state.status?.t ?? null;
  }
  function show() {
    rows.sync(
      order.map((id) => state.houses.get(id)).filter((house) => house && wanted(house)),
      (house) => house.id,
    );
    view.update();
  }
  function again() {
    sort();
    show();
  }
  function write() {
    clearTimeout(late);
    late = 0;
    written = performance.now();
    for (const id of due) {
      rows.patch(id, state.houses.get(id));
    }
    due.clear();
  }
  function by(key) {
    chosen.down = chosen.key === key ? !chosen.down : NUMERIC.has(key);
    chosen.key = key;
    again();
  }

  const head = (key) =>
    h(
      "th",
      {
        scope: "col",
        class: look(key),
        "aria-sort": () => (chosen.key === key ? (chosen.down ? "descending" : "ascending") : null),
      },
      h(
        "button",
        { type: "button", class: "sort", onclick: () => by(key) },
        texts.houses.columns[key],
        h("span", { class: "arrow", "aria-hidden": "true" }, () =>
          chosen.key === key ? (chosen.down ? "↓" : "↑") : "",
        ),
      ),
    );
  const select = (name, label, options) =>
    h(
      "label",
      { class: "field inline" },
      h("span", null, label),
      h(
        "select",
        {
          value: chosen[name],
          onchange: (event) => {
            chosen[name] = event.target.value;
            show();
          },
        },
        Object.entries(options).map(([value, text]) => h("option", { value }, text)),
      ),
    );

  const view = live(() => {
    const body = h("tbody");
    rows = new Keyed(body, row);
    onClose(() => rows.close());
    onUpdate(() => {});
    return h(
      "div",
      { class: "houses" },
      h(
        "div",
        { class: "toolbar" },
        h(
          "label",
          { class: "field inline" },
          h("span", null, texts.houses.find),
          h("input", {
            type: "search",
            value: chosen.text,
            oninput: (event) => {
              chosen.text = event.target.value.trim();
              show();
            },
          }),
        ),
        select("phase", texts.houses.columns.phase, {
          "": texts.houses.every,
          ...Object.fromEntries(PHASES.map((name) => [name, name])),
          none: texts.houses.all,
        }),
        select("state", texts.houses.columns.state, {
          "": texts.houses.every,
          trouble: texts.houses.trouble,
          ...texts.houses.states,
        }),
        h("button", { type: "button", class: "quiet-button", onclick: again }, texts.houses.again),
      ),
      h("p", { class: "note slot-1" }, () =>
        order.length ? texts.houses.shown(body.childElementCount, state.houses.size, clock(sortedAt)) : texts.waiting,
      ),
      h(
        "div",
        { class: "card flush" },
        h(
          "table",
          { class: "table houses-table" },
          h("caption", { class: "hidden" }, texts.views.houses),
          h("thead", null, h("tr", null, Object.keys(KEYS).map(head))),
          body,
        ),
      ),
    );
  });
  if (state.houses.size) {
    again();
  }

  return {
    title: texts.views.houses,
    node: view.node,
    close() {
      clearTimeout(late);
      view.close();
    },
    update({ topics, houses }) {
      if (topics.has("roster")) {
        again();
      } else {
        houses.forEach((id) => due.add(id));
        if (performance.now() - written >= WRITE_EVERY_MS) {
          write();
        } else if (due.size) {
          // Where no other picture follows, what is held back must not wait for one.
          late ||= setTimeout(write, WRITE_EVERY_MS);
        }
      }
    },
  };
}
