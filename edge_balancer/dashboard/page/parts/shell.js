/** What surrounds every view: the line on top, the ways to the views, the word to screen readers, the word that nobody answers. */
import { h, live, onUpdate } from "../core/dom.js";
import { clock, duration, zoneName } from "../core/format.js";
import { choices, choose, preference } from "../core/preferences.js";
import { route } from "../core/router.js";
import { standingAlerts, state } from "../core/state.js";
import { SILENT_MS } from "../core/stream.js";
import { texts } from "../texts.js";
import { show } from "./dialog.js";
import { icon } from "./icons.js";
import { badge, severityLevel } from "./marks.js";
import { healthBadge } from "./words.js";

const VIEWS = ["now", "history", "houses", "decisions", "alerts", "feeder", "commissioning"];
/** On a phone these stand at the bottom; the others behind `more`. */
const FIRST = new Set(["now", "history", "houses", "alerts"]);

function displayDialog() {
  const group = (name) =>
    h(
      "fieldset",
      null,
      h("legend", null, texts.display[name]),
      choices[name].map((value) =>
        h(
          "label",
          { class: "choice" },
          h("input", {
            type: "radio",
            name,
            value,
            checked: preference(name) === value,
            onchange: () => choose(name, value),
          }),
          h("span", null, texts.display.choices[name][value]),
        ),
      ),
    );
  show(
    texts.display.title,
    h(
      "div",
      { class: "form" },
      group("theme"),
      group("phases"),
      h(
        "p",
        { class: "group", "aria-hidden": "true" },
        ["L1", "L2", "L3"].map((name) => h("span", { class: `phase ${name.toLowerCase()}` }, name)),
      ),
    ),
  );
}

const here = (name) => () => (route().name === name ? "page" : null);
const account = () => state.session?.user ?? texts.views.login;

function viewLink(name, extra = "") {
  return h(
    "a",
    { href: `#/${name}`, class: extra, "aria-current": here(name) },
    icon(name),
    h("span", null, texts.views[name]),
  );
}

function moreDialog() {
  const shown = show(
    texts.views.more,
    h(
      "nav",
      { class: "more-list", "aria-label": texts.views.more },
      VIEWS.filter((name) => !FIRST.has(name)).map((name) => viewLink(name)),
      h("a", { href: "#/login" }, icon("person"), h("span", null, account())),
      h(
        "button",
        {
          type: "button",
          onclick: () => {
            shown.close();
            displayDialog();
          },
        },
        icon("display"),
        h("span", null, texts.display.title),
      ),
    ),
  );
  shown.dialog.addEventListener("click", (event) => event.target.closest("a") && shown.close());
}

function alertsSign() {
  return badge(() => {
    const standing = standingAlerts();
    if (!state.status) {
      return { level: "unknown", word: texts.alerts.count(0) };
    }
    return {
      level: standing.length ? severityLevel(standing[0].severity) : "ok",
      word: texts.alerts.count(standing.length),
    };
  });
}

function top() {
  const mode = () => state.status?.mode?.mode;
  return h(
    "header",
    { class: "top" },
    h("a", { class: "brand", href: "#/now" }, () => state.status?.feeder?.id ?? texts.product),
    h("span", { class: "top-mode" }, h("span", { class: "note" }, `${texts.mode.title} `), () =>
      mode() ? texts.mode.names[mode()] : "–",
    ),
    h(
      "a",
      {
        class: "top-health",
        href: "#/now",
        "aria-label": () => `${texts.now.health}: ${texts.health[state.status?.health?.level ?? "unknown"]}`,
      },
      healthBadge(),
    ),
    h("a", { class: "top-alerts", href: "#/alerts" }, alertsSign()),
    h("span", { class: "top-clock" }, () =>
      state.status ? `${clock(state.status.t)} ${zoneName(state.status.t)}` : "\u00a0",
    ),
    h(
      "span",
      { class: "top-link" },
      badge(() =>
        state.link.up
          ? { level: "ok", word: texts.link.live }
          : { level: "warn", word: state.link.heard < 0 ? texts.link.connecting : texts.link.lost },
      ),
    ),
  );
}

function ways() {
  return h(
    "nav",
    { class: "ways", "aria-label": texts.navigation },
    VIEWS.map((name) => viewLink(name, FIRST.has(name) ? "first" : "second")),
    h("span", { class: "ways-gap" }),
    h(
      "a",
      { href: "#/login", class: "second", "aria-current": here("login") },
      icon("person"),
      h("span", { class: "ellipsis" }, account),
    ),
    h(
      "button",
      { type: "button", class: "second", onclick: displayDialog },
      icon("display"),
      h("span", null, texts.display.title),
    ),
    h(
      "button",
      {
        type: "button",
        class: "more",
        "aria-current": () => (FIRST.has(route().name) ? null : "page"),
        onclick: moreDialog,
      },
      icon("more"),
      h("span", null, texts.views.more),
    ),
  );
}

/** How old what is shown is, in this browser's own time: the site's clock may run faster. */
function banner() {
  const age = () => (performance.now() - state.link.heard) / 1000;
  const silent = () =>
    !state.link.up && (state.link.heard > 0 ? age() > 1.5 : performance.now() - state.link.began > SILENT_MS);
  return h(
    "div",
    { class: "offline", hidden: () => !silent() },
    icon("warn"),
    h("span", null, () =>
      state.link.heard > 0 ? texts.link.offline(clock(state.status?.t), duration(age())) : texts.link.never,
    ),
  );
}

/** Says alerts and changes of the mode, and nothing else; what stood before the page was opened is not read out. */
function speaker() {
  const node = h("div", { class: "hidden", "aria-live": "polite", role: "status" });
  let known = null;
  let mode = null;
  onUpdate(() => {
    if (!state.status) {
      return;
    }
    const standing = standingAlerts();
    const said = [];
    if (known) {
      for (const alert of standing) {
        if (!known.has(alert.key)) {
          said.push(texts.alerts.spoken(texts.alerts.severity[alert.severity], texts.alerts.first(alert.text)));
        }
      }
    }
    known = new Set(standing.map((alert) => alert.key));
    const now = state.status.mode.mode;
    if (mode !== null && mode !== now) {
      said.push(texts.mode.spoken(texts.mode.names[now], state.status.mode.by));
    }
    mode = now;
    if (said.length) {
      node.textContent = said.join(" ");
    }
  });
  return node;
}

/** Fills the body. Gives { main, title(text), update }. */
export function makeShell() {
  const heading = h("h1", { tabindex: "-1" });
  const main = h("main", { id: "main", tabindex: "-1" });
  const place = h("div", { class: "view" });
  main.append(heading, place);
  const skip = h("button", { type: "button", class: "skip", onclick: () => heading.focus() }, texts.skip);
  const parts = live(() => [skip, top(), ways(), main, banner(), speaker()]);
  document.body.replaceChildren(...parts.node);
  setInterval(() => parts.update(), 1_000);
  return {
    place,
    update: parts.update,
    title(text, moved) {
      heading.textContent = text;
      document.title = `${text} · ${state.status?.feeder?.id ?? texts.product}`;
      if (moved) {
        heading.focus({ preventScroll: true });
      }
    },
  };
}
