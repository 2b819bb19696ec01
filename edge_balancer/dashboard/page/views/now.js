/** Now: the state of the feeder on one screen, in slots that never move. */
import { Keyed, h, live, onClose, onUpdate } from "../core/dom.js";
import { amps, duration, moment, percent } from "../core/format.js";
import { link } from "../core/router.js";
import { may, modeNow, standingAlerts, state } from "../core/state.js";
import { badge, card, fact, severityLevel } from "../parts/marks.js";
import { changeMode, needsRole } from "../parts/orders.js";
import { PHASES, bandScale, barScale, fitPhases, phaseBar, voltageBand } from "../parts/phase_bars.js";
import { Scale } from "../parts/scale.js";
import { brief } from "../parts/sentence.js";
import { healthBadge, modeBy } from "../parts/words.js";
import { texts } from "../texts.js";

const neutral = new Scale(10);

/** Lines that stand, whatever they tell. */
const byPlace = (_, place) => place;

const was = () => state.phases?.unswitched;

const share = (current) => Math.min(1.1, current / neutral.top).toFixed(4);

function meter(name, read, extra) {
  return h(
    "div",
    { class: `meter ${extra}` },
    h("div", { class: "meter-name" }, name),
    h("div", { class: "meter-value" }, () => amps(read())),
    h(
      "div",
      { class: "meter-track", "aria-hidden": "true" },
      h("div", { class: "meter-fill", vars: { "--share": () => share(read() ?? 0) } }),
      h("div", {
        class: "meter-limit",
        vars: { "--share": () => share(state.status?.feeder.neutral_limit_a ?? Infinity) },
      }),
    ),
  );
}

function saved() {
  const now = state.phases?.i_n;
  const before = was()?.i_n;
  if (typeof now !== "number" || typeof before !== "number" || before < 1) {
    return "\u00a0";
  }
  const part = 100 * (1 - now / before);
  return part >= 0 ? texts.now.less(percent(part)) : texts.now.more(percent(-part));
}

function neutralCard() {
  return card(
    texts.now.neutral,
    "neutral",
    meter(texts.now.withSwitching, () => state.phases?.i_n, "main"),
    meter(texts.now.withoutSwitching, () => was()?.i_n, "before"),
    h("p", { class: "verdict" }, saved),
    h(
      "dl",
      { class: "facts" },
      fact(texts.now.imbalance, () => percent(state.phases?.imbalance)),
      fact(texts.now.imbalanceBefore, () => percent(was()?.imbalance)),
      fact(texts.now.bears, () => amps(state.status?.feeder.neutral_limit_a, 0)),
      fact(texts.now.vuf, () => percent(state.phases?.vuf ?? state.phases?.pvur, 2)),
    ),
  );
}

function modeCard() {
  const mode = () => state.status?.mode?.mode;
  return card(
    texts.mode.title,
    "mode",
    h(
      "div",
      { class: "segments", role: "group", "aria-label": texts.mode.title },
      ["auto", "advise", "hold"].map((name) =>
        h(
          "button",
          {
            type: "button",
            "aria-pressed": () => String(mode() === name),
            disabled: () => !may("operator") || mode() === undefined,
            onclick: () => mode() !== name && changeMode(name),
          },
          texts.mode.names[name],
        ),
      ),
    ),
    h("p", { class: "slot-2" }, () => texts.mode.now[modeNow()] ?? "\u00a0"),
    h("p", { class: "note slot-1" }, modeBy),
    needsRole("operator"),
  );
}

/**
 * The worst first, in lines of one height: which alert a line tells may change, its place does not. All lead to the same view, so
 * nobody presses the wrong one; there, and not here, alerts keep their places.
 */
function alertsCard() {
  const list = h("ul", { class: "rows" });
  const rows = new Keyed(list, (read) =>
    h(
      "li",
      null,
      h(
        "a",
        { class: "alert-line", href: "#/alerts" },
        badge(() => ({ level: severityLevel(read().severity), word: texts.alerts.severity[read().severity] })),
        h("span", { class: "clamp-2" }, () => texts.alerts.first(read().text)),
      ),
    ),
  );
  onUpdate(() => rows.sync(standingAlerts(), byPlace));
  onClose(() => rows.close());
  return card(
    texts.now.alerts,
    "now-alerts",
    h("p", { class: "empty", hidden: () => state.alerts.size > 0 }, () =>
      state.status ? texts.now.noAlerts : "\u00a0",
    ),
    // Scrolls inside its slot, so it must be reachable by keyboard.
    h(
      "div",
      {
        class: "scroll",
        tabindex: "0",
        role: "region",
        "aria-label": texts.now.alerts,
        hidden: () => state.alerts.size === 0,
      },
      list,
    ),
  );
}

function healthCard() {
  const list = h("ul", { class: "rows plain" });
  const rows = new Keyed(list, (read) =>
    h(
      "li",
      null,
      h("span", { class: "clamp-2", title: () => read() }, () => texts.alerts.first(read())),
    ),
  );
  onUpdate(() => rows.sync(state.status?.health?.reasons ?? [], byPlace));
  const status = () => state.status;
  return card(
    texts.now.health,
    "health",
    h("p", { class: "big-badge" }, healthBadge()),
    h("div", { class: "scroll short", tabindex: "0", role: "region", "aria-label": texts.now.health }, list),
    h(
      "dl",
      { class: "facts" },
      fact(texts.now.fresh, () => (status() ? texts.of(status().houses_fresh, status().houses_total) : "–")),
      fact(texts.now.moves24, () => String(status()?.budget?.used_24h ?? "–")),
      fact(texts.now.loading, () => percent(state.phases?.loading)),
      fact(texts.now.broker, () => texts.words(status()?.broker?.state)),
      fact(texts.now.storage, () => (status() ? status().storage?.fault || texts.now.storageFine : "–")),
      fact(texts.now.forecast, () => status()?.advice || "–"),
      fact(texts.now.uptime, () => duration(status()?.uptime_s)),
    ),
  );
}

function decisionCard() {
  const last = () => state.decisions[0];
  return card(
    texts.now.lastDecision,
    "last-decision",
    h("p", { class: "note" }, () => (last() ? moment(last().t) : "\u00a0")),
    h("p", { class: "sentence clamp-4" }, () =>
      last() ? brief(last()) : state.status ? texts.now.noDecision : "\u00a0",
    ),
    h("p", null, h("a", { href: () => (last() ? link("decisions", last().id) : "#/decisions") }, texts.now.why)),
  );
}

export function open() {
  const view = live(() => {
    // First, so that all bars of this frame share the scale.
    onUpdate(() => {
      fitPhases();
      neutral.fit(Math.max(state.phases?.i_n ?? 0, was()?.i_n ?? 0));
    });
    return h(
      "div",
      { class: "now" },
      neutralCard(),
      modeCard(),
      healthCard(),
      card(texts.now.phases, "phases", PHASES.map(phaseBar), barScale()),
      card(texts.now.voltage, "voltage", PHASES.map(voltageBand), bandScale()),
      alertsCard(),
      decisionCard(),
    );
  });
  return { title: texts.views.now, ...view };
}
