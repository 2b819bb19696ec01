/**
 * The live stream: one connection while the page can be seen. The browser resumes by itself with `Last-Event-ID`; where the
 * server refuses (a login ended), it is tried again with patience. A hidden page lets go of its connection after a while.
 */
import {
  patchHouses,
  setAlert,
  setCommand,
  setDecision,
  setFeeder,
  setLink,
  setMode,
  setSilences,
  setSnapshot,
  mayRead,
  state,
} from "./state.js";
import { address, readSession } from "./api.js";

const HIDDEN_MS = 30_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** The server speaks at least once a second; twice that long and more means that the line is dead. */
export const SILENT_MS = 5_000;

const HANDLERS = {
  snapshot: setSnapshot,
  feeder: setFeeder,
  houses: ({ rows }) => patchHouses(rows),
  decision: setDecision,
  command: setCommand,
  alert: setAlert,
  silences: setSilences,
  mode: setMode,
};

let source = null;
let wait = FIRST_WAIT_MS;
let retry = 0;
let hiding = 0;

function open() {
  clearTimeout(retry);
  if (source || document.visibilityState === "hidden" || !mayRead()) {
    return;
  }
  source = new EventSource(address(["stream"]));
  for (const [name, handle] of Object.entries(HANDLERS)) {
    source.addEventListener(name, (event) => {
      wait = FIRST_WAIT_MS;
      setLink(true);
      handle(JSON.parse(event.data));
    });
  }
  source.addEventListener("error", () => {
    setLink(false);
    if (source?.readyState === EventSource.CLOSED) {
      again();
    }
  });
}

function close() {
  source?.close();
  source = null;
}

function again() {
  close();
  retry = setTimeout(async () => {
    try {
      await readSession();
      open();
    } catch {
      again();
    }
  }, wait);
  wait = Math.min(LONGEST_WAIT_MS, wait * 2);
}

function look() {
  clearTimeout(hiding);
  if (document.visibilityState === "hidden") {
    hiding = setTimeout(close, HIDDEN_MS);
  } else {
    open();
  }
}

/** Opens the stream, and keeps it open while the page can be seen. */
export function start() {
  document.addEventListener("visibilitychange", look);
  // A connection can die without a word; the browser notices only when it tries to send.
  setInterval(() => {
    if (!source || document.visibilityState === "hidden") {
      return;
    }
    const silent = performance.now() - Math.max(state.link.heard, state.link.began);
    if (silent > 3 * SILENT_MS && source.readyState === EventSource.OPEN) {
      again();
    }
    if (silent > SILENT_MS) {
      setLink(false);
    }
  }, 1_000);
  open();
}

/** After a login or a logout: a new connection with the new rights. */
export function restart() {
  close();
  wait = FIRST_WAIT_MS;
  open();
}
