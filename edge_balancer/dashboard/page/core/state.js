/**
 * What the page knows of the controller, and who wants to hear of changes. Changes are told once a frame, together.
 *
 * Filled by `stream.js`; read by the views. Nothing is fetched or drawn here.
 */

const MOST_DECISIONS = 50;
const MOST_COMMANDS = 200;

export const state = {
  session: null,
  status: null,
  phases: null,
  houses: new Map(),
  alerts: new Map(),
  silences: [],
  decisions: [],
  commands: new Map(),
  /** `heard` is the browser's monotonic time (ms) of the last word; -Infinity before the first. */
  link: { up: false, heard: -Infinity, began: performance.now() },
};

const listeners = new Set();
const topics = new Set();
const changedHouses = new Set();
let planned = false;

function flush() {
  planned = false;
  const told = { topics: new Set(topics), houses: new Set(changedHouses) };
  topics.clear();
  changedHouses.clear();
  for (const listener of listeners) {
    listener(told);
  }
}

/** Says that a part of the state has changed: `phases`, `houses`, `alerts`, ... */
export function changed(topic) {
  topics.add(topic);
  if (planned) {
    return;
  }
  planned = true;
  requestAnimationFrame(flush);
}

/** `listener({topics, houses})` once a frame in which something changed. Returns what ends it. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function setSession(session) {
  state.session = session;
  changed("session");
}

export function setFeeder({ status, phases }) {
  if (status) {
    state.status = status;
    changed("status");
  }
  if (phases) {
    state.phases = phases;
    changed("phases");
  }
}

/** A whole picture: houses that it does not name are gone. */
export function setSnapshot(picture) {
  setFeeder(picture);
  const present = new Set();
  for (const house of picture.houses ?? []) {
    present.add(house.id);
    state.houses.set(house.id, house);
    changedHouses.add(house.id);
  }
  for (const id of state.houses.keys()) {
    if (!present.has(id)) {
      state.houses.delete(id);
    }
  }
  state.alerts = new Map((picture.alerts ?? []).map((alert) => [alert.key, alert]));
  state.silences = picture.silences ?? [];
  state.decisions = newestFirst(picture.decisions ?? []);
  changed("silences");
  changed("houses");
  changed("roster");
  changed("alerts");
  changed("decisions");
}

/** `rows` of [id, changed fields]. */
export function patchHouses(rows) {
  for (const [id, fields] of rows) {
    const known = state.houses.get(id);
    if (known) {
      Object.assign(known, fields);
    } else {
      state.houses.set(id, { id, ...fields });
      changed("roster");
    }
    changedHouses.add(id);
  }
  if (rows.length) {
    changed("houses");
  }
}

function newestFirst(decisions) {
  return [...decisions].sort((a, b) => b.t - a.t).slice(0, MOST_DECISIONS);
}

export function setDecision(decision) {
  state.decisions = newestFirst([decision, ...state.decisions.filter((one) => one.id !== decision.id)]);
  changed("decisions");
}

export function setAlert(alert) {
  if (alert.state === "resolved") {
    state.alerts.delete(alert.key);
  } else {
    state.alerts.set(alert.key, { ...state.alerts.get(alert.key), ...alert });
  }
  changed("alerts");
}

export function setSilences({ silences }) {
  state.silences = silences;
  changed("silences");
}

/** The last word on each command, oldest forgotten. */
export function setCommand(command) {
  state.commands.delete(command.id);
  state.commands.set(command.id, command);
  if (state.commands.size > MOST_COMMANDS) {
    state.commands.delete(state.commands.keys().next().value);
  }
  changed("commands");
}

export function setMode(mode) {
  if (state.status) {
    state.status = { ...state.status, mode };
  }
  changed("status");
}

export function setLink(up) {
  state.link.up = up;
  if (up) {
    state.link.heard = performance.now();
  }
  changed("link");
}

/** How grave an alert is: the smaller, the graver. */
export const gravity = (alert) => ["critical", "warning", "info"].indexOf(alert.severity);

/** Alerts that stand, worst and newest first. */
export function standingAlerts() {
  return [...state.alerts.values()].sort((a, b) => gravity(a) - gravity(b) || b.since - a.since);
}

export function may(role) {
  const order = ["none", "viewer", "operator", "admin"];
  return order.indexOf(state.session?.role ?? "none") >= order.indexOf(role);
}

/** The mode in force as people meet it: `asked` is `auto` that moves houses on request alone; undefined before it is known. */
export function modeNow() {
  const mode = state.status?.mode?.mode;
  return mode === "auto" && state.status.automatic === false ? "asked" : mode;
}

/** Whether anything may be read: on loopback always, elsewhere after a login. Unknown counts as yes. */
export function mayRead() {
  return state.session === null || state.session.reading_free || state.session.role !== "none";
}
