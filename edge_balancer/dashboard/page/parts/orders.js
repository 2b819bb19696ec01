/** The orders that people give, each after a question: mode, move, release, acknowledge, silence. The guard judges them afterwards. */
import { get, post } from "../core/api.js";
import { may, state } from "../core/state.js";
import { h } from "../core/dom.js";
import { texts } from "../texts.js";
import { ask, field } from "./dialog.js";

const reason = (properties) => field("reason", texts.orders.reason, { maxlength: 200, ...properties });

export function changeMode(mode) {
  return ask({
    title: texts.mode.change(texts.mode.names[mode]),
    body: h("p", null, texts.mode.meaning[mode]),
    fields: [reason()],
    action: texts.mode.set(texts.mode.names[mode]),
    run: (values) => post(["mode"], { mode, ...filled(values) }),
  });
}

/** Resolves to the order's answer, or null. */
export function moveHouse(house, target) {
  return ask({
    title: texts.orders.move(house.id, house.phase, target),
    body: h(
      "div",
      { class: "prose" },
      h("p", null, texts.orders.moveMeaning(house.id, target)),
      h("p", null, texts.orders.guardChecks),
      h(
        "ul",
        { class: "plain-list" },
        texts.orders.checks.map((check) => h("li", null, check)),
      ),
      state.status && state.status.mode.mode !== "auto"
        ? h("p", { class: "note" }, texts.orders.needsAuto(texts.mode.names[state.status.mode.mode]))
        : null,
    ),
    fields: [reason()],
    action: texts.orders.moveAction(target),
    run: (values) => post(["switches", house.id, "move"], { phase: target, ...filled(values) }),
  });
}

export function releaseHouse(house) {
  return ask({
    title: texts.orders.release(house.id),
    body: h(
      "div",
      { class: "prose" },
      h("p", { class: "note" }, house.locked),
      h("p", null, texts.orders.releaseMeaning),
    ),
    fields: [reason({ required: true })],
    action: texts.orders.releaseAction,
    danger: true,
    run: (values) => post(["switches", house.id, "clear"], filled(values)),
  });
}

/** Only says that the controller has it: whether the alert is acknowledged then, the stream tells. */
export const acknowledge = (alert) => post(["alerts", alert.key, "ack"]);

export function silence(keys) {
  return ask({
    title: texts.alerts.silence,
    body: h("p", null, texts.alerts.silenceMeaning),
    fields: [
      field("keys", texts.alerts.silenceKeys, { required: true, value: keys, maxlength: 120 }),
      field("minutes", texts.alerts.silenceMinutes, {
        type: "number",
        min: 1,
        max: 10_080,
        value: 120,
        required: true,
      }),
    ],
    action: texts.alerts.silence,
    run: (values) => post(["silences"], { keys: values.keys, minutes: Number(values.minutes) }),
  });
}

export const endSilence = (keys) => post(["silences"], { keys, minutes: 0 });

/** What has become of an order to move a house: the state of its move, `refused`, or null while nobody has answered. */
export function answerTo(order) {
  const decision = state.decisions.find((one) => one.order === order);
  if (!decision) {
    return { decision: null, state: null };
  }
  return { decision, state: decision.commanded ? (moveNow(decision.outcomes?.[0]) ?? "planned") : "refused" };
}

/** The stream tells of each step of a command; a decision comes again only when its moves have ended. */
export function moveNow(outcome) {
  if (!outcome) {
    return null;
  }
  return outcome.took_s === null ? (state.commands.get(outcome.command)?.state ?? outcome.state) : outcome.state;
}

/** What cannot be done without a login is said, and where to log in. */
export function needsRole(role) {
  return h(
    "p",
    { class: "note", hidden: () => may(role) },
    h("a", { href: "#/login" }, () => (state.session?.user ? texts.orders.needs[role] : texts.orders.logIn[role])),
  );
}

/** Decisions older than those the stream has brought. */
export async function fetchDecision(id) {
  const known = state.decisions.find((one) => one.id === id);
  if (known) {
    return known;
  }
  const decision = await get(["decisions", id]);
  return decision;
}

function filled(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
}
