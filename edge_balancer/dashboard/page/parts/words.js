/** What is said in more than one place: health, who set the mode, what state a house is in. */
import { state } from "../core/state.js";
import { texts } from "../texts.js";
import { badge } from "./marks.js";

export function healthBadge(extra) {
  return badge(() => {
    const level = state.status?.health?.level ?? "unknown";
    return { level, word: texts.health[level] };
  }, extra);
}

export function modeBy() {
  const by = state.status?.mode?.by;
  return by ? texts.mode.by(by) : "\u00a0";
}

/** The state of a house in one word, the gravest first. */
export function houseState(house) {
  if (house.locked) {
    return { level: "fail", key: "locked" };
  }
  if (house.offline && house.switchable) {
    return { level: "fail", key: "offline" };
  }
  if (!house.fresh) {
    return { level: "warn", key: "stale" };
  }
  if (house.in_flight) {
    return { level: "unknown", key: "moving" };
  }
  if (house.doubt > 0) {
    return { level: "warn", key: "doubt" };
  }
  if (house.switchable && !house.known) {
    return { level: "warn", key: "position" };
  }
  if (house.three_phase) {
    return { level: "unknown", key: "threePhase" };
  }
  if (!house.switchable) {
    return { level: "unknown", key: "fixed" };
  }
  return { level: "ok", key: "fine" };
}

export function houseBadge(read) {
  return badge(() => {
    const { level, key } = houseState(read());
    return { level, word: texts.houses.states[key] };
  });
}
