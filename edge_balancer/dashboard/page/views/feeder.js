/**
 * The feeder as a drawing: three conductors, and every house on the one that carries it, in the order of its electrical
 * distance from the transformer where that is known. A house that moves travels to its new conductor, once.
 */
import { Keyed, bind, h, live, onClose, svg } from "../core/dom.js";
import { kilowatts, ohms, volts } from "../core/format.js";
import { go, link } from "../core/router.js";
import { state } from "../core/state.js";
import { card } from "../parts/marks.js";
import { PHASES } from "../parts/phase_bars.js";
import { houseState } from "../parts/words.js";
import { texts } from "../texts.js";

/** Between two houses, px: as the width allows, and never so close that they cannot be told apart. */
const CLOSEST = 18;
const WIDEST = 56;
const LEFT = 92;
const RIGHT = 28;
const ROWS = { L1: 40, L2: 104, L3: 168, all: 104, none: 222 };
const LABELS = 248;
const HEIGHT = 290;
const natural = new Intl.Collator(texts.locale, { numeric: true });

function inOrder() {
  return [...state.houses.values()].sort(
    (a, b) => (a.distance_ohm ?? Infinity) - (b.distance_ohm ?? Infinity) || natural.compare(a.id, b.id),
  );
}

const row = (house) => house.phase ?? (house.three_phase ? "all" : "none");
/** In half pixels, so that it is not written at every watt. */
const radius = (house) => Math.round(2 * Math.max(4, Math.min(9, 4 + Math.sqrt(Math.abs(house.p ?? 0)) / 12))) / 2;

const dotClass = (house) => `dot ${(house.phase ?? "none").toLowerCase()} ${house.p < 0 ? "exports" : ""}`.trim();

const troubled = (house) => ["fail", "warn"].includes(houseState(house).level);

function words(house) {
  const where = house.phase ?? (house.three_phase ? texts.houses.all : texts.feeder.unknown);
  return texts.feeder.house(
    house.id,
    where,
    kilowatts(house.p, 2),
    volts(house.v),
    texts.houses.states[houseState(house).key],
  );
}

export function open() {
  let order = [];
  let places = new Map();
  let pointed = null;
  let dots;
  let labels;
  let drawing;
  let gap = CLOSEST;

  const x = (id) => LEFT + gap / 2 + gap * (places.get(id) ?? 0);
  const width = () => LEFT + RIGHT + gap * Math.max(1, order.length);

  function fit(room) {
    const wanted = Math.floor(Math.max(CLOSEST, Math.min(WIDEST, (room - LEFT - RIGHT) / Math.max(1, order.length))));
    if (wanted === gap) {
      return;
    }
    gap = wanted;
    for (const house of order) {
      dots.patch(house.id, house);
      labels.patch(house.id, house);
    }
    view.update();
  }
  function arrange() {
    order = inOrder();
    places = new Map(order.map((house, index) => [house.id, index]));
    dots.sync(order, (house) => house.id);
    labels.sync(order, (house) => house.id);
    view.update();
    focusable(order[0]?.id);
    fit(drawing.parentElement.clientWidth);
  }
  const linkOf = (id) => dots.node(id)?.firstElementChild;
  /** One house can be reached with Tab, the others from there with the arrows. */
  function focusable(id) {
    for (const house of order) {
      linkOf(house.id)?.setAttribute("tabindex", house.id === id ? "0" : "-1");
    }
  }
  function step(event) {
    const ways = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
    if (!(event.key in ways) || pointed === null) {
      return;
    }
    event.preventDefault();
    const next = order[Math.max(0, Math.min(order.length - 1, (places.get(pointed) ?? 0) + ways[event.key]))];
    focusable(next.id);
    linkOf(next.id).focus();
  }
  function point(id) {
    pointed = id;
    view.update();
  }

  const view = live(() => {
    const wires = PHASES.map((name) => {
      const wire = svg("line", {
        class: `wire ${name.toLowerCase()}`,
        x1: LEFT - 16,
        y1: ROWS[name],
        x2: 0,
        y2: ROWS[name],
      });
      bind(width, (now) => wire.setAttribute("x2", now - RIGHT / 2));
      return [wire, svg("text", { class: "wire-name", x: LEFT - 24, y: ROWS[name] + 5, "text-anchor": "end" }, name)];
    });
    const houses = svg("g", { role: "group", "aria-label": texts.feeder.houses });
    const names = svg("g", { "aria-hidden": "true" });
    dots = new Keyed(houses, (read) => {
      const id = read().id;
      const circle = svg("circle", { class: () => dotClass(read()), r: () => radius(read()) });
      const span = svg("line", {
        class: "span",
        y1: () => (row(read()) === "all" ? ROWS.L1 - ROWS.all : 0),
        y2: () => (row(read()) === "all" ? ROWS.L3 - ROWS.all : 0),
        x1: 0,
        x2: 0,
      });
      const house = svg(
        "a",
        {
          href: link("houses", id),
          class: "house-dot",
          tabindex: "-1",
          "aria-label": () =>
            texts.feeder.name(id, read().phase ?? (read().three_phase ? texts.houses.all : texts.feeder.unknown)),
          onfocus: () => point(id),
          onpointerenter: () => point(id),
        },
        span,
        svg("circle", { class: "target", r: 12 }),
        circle,
        svg("circle", { class: () => (troubled(read()) ? "halo" : "halo none"), r: () => radius(read()) + 3.5 }),
      );
      let stood = null;
      bind(
        () => row(read()),
        (now) => {
          // Only a move is shown as one: not that a house's phase has become known, nor that there is more room.
          house.classList.toggle("moving", PHASES.includes(stood) && PHASES.includes(now));
          house.style.transform = `translateY(${ROWS[now]}px)`;
          stood = now;
        },
      );
      house.addEventListener("keydown", (event) => {
        if (event.key === " ") {
          go("houses", id);
        }
      });
      const place = svg("g", null, house);
      bind(
        () => `translate(${x(id)} 0)`,
        (now) => place.setAttribute("transform", now),
      );
      return place;
    });
    labels = new Keyed(names, (read) => {
      const id = read().id;
      const text = svg("text", { class: "house-name" }, id);
      bind(
        () => `translate(${x(id) + 4} ${LABELS}) rotate(-60)`,
        (now) => text.setAttribute("transform", now),
      );
      return text;
    });
    drawing = svg(
      "svg",
      {
        class: "feeder-drawing",
        height: HEIGHT,
        width: () => width(),
        viewBox: () => `0 0 ${width()} ${HEIGHT}`,
        role: "group",
        "aria-label": texts.feeder.drawing,
        onkeydown: step,
      },
      svg("rect", { class: "transformer", x: 8, y: ROWS.L1 - 16, width: 36, height: ROWS.L3 - ROWS.L1 + 32, rx: 3 }),
      svg(
        "text",
        { class: "transformer-name", "text-anchor": "middle", transform: `translate(31 ${ROWS.L2}) rotate(-90)` },
        texts.feeder.transformer,
      ),
      wires,
      names,
      houses,
    );
    const resize = new ResizeObserver(([entry]) => fit(entry.contentRect.width));
    onClose(() => {
      resize.disconnect();
      dots.close();
      labels.close();
    });
    const scroll = h(
      "div",
      { class: "scroll-x feeder-scroll", role: "region", tabindex: "0", "aria-label": texts.feeder.drawing },
      drawing,
    );
    resize.observe(scroll);
    const far = () => order.reduce((most, house) => Math.max(most, house.distance_ohm ?? 0), 0);
    return h(
      "div",
      { class: "feeder" },
      h("p", { class: "note" }, () =>
        order.some((house) => house.distance_ohm !== null && house.distance_ohm !== undefined)
          ? texts.feeder.byDistance(ohms(far()))
          : texts.feeder.byName,
      ),
      h("div", { class: "card flush" }, scroll),
      h("p", { class: "pointed slot-2" }, () =>
        pointed && state.houses.has(pointed) ? words(state.houses.get(pointed)) : texts.feeder.hint,
      ),
      card(
        texts.feeder.legend,
        "",
        h(
          "ul",
          { class: "rows plain key" },
          [
            ["dot l1", texts.feeder.draws],
            ["dot l1 exports", texts.feeder.feeds],
            ["halo", texts.feeder.trouble],
          ].map(([look, text]) =>
            h(
              "li",
              null,
              svg(
                "svg",
                { class: "key-dot", viewBox: "0 0 24 24", "aria-hidden": "true" },
                svg("circle", { class: look, cx: 12, cy: 12, r: 7 }),
              ),
              text,
            ),
          ),
        ),
      ),
    );
  });
  arrange();

  return {
    title: texts.views.feeder,
    node: view.node,
    close: view.close,
    update({ topics, houses }) {
      if (topics.has("roster")) {
        arrange();
      } else {
        for (const id of houses) {
          dots.patch(id, state.houses.get(id));
        }
        if (pointed && houses.has(pointed)) {
          view.update();
        }
      }
    },
  };
}
