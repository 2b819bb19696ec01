/** The beginning: surroundings, session, stream, and the view that the address names. Each view is loaded when it is first shown. */
import { readSession } from "./core/api.js";
import { startPreferences } from "./core/preferences.js";
import { HOME, route } from "./core/router.js";
import { listen, mayRead } from "./core/state.js";
import { start } from "./core/stream.js";
import { h } from "./core/dom.js";
import { makeShell } from "./parts/shell.js";
import { comeFrom } from "./views/login.js";
import { texts } from "./texts.js";

const VIEWS = {
  now: () => import("./views/now.js"),
  history: () => import("./views/history.js"),
  houses: (argument) => (argument === null ? import("./views/houses.js") : import("./views/house.js")),
  decisions: (argument) => (argument === null ? import("./views/decisions.js") : import("./views/decision.js")),
  alerts: () => import("./views/alerts.js"),
  feeder: () => import("./views/feeder.js"),
  commissioning: () => import("./views/commissioning.js"),
  login: () => import("./views/login.js"),
};

startPreferences();
const shell = makeShell();
let current = null;
let shown = "";
let turns = 0;

function wanted() {
  const asked = route();
  // Without a login there is nothing else to see where reading is not free.
  if (!mayRead()) {
    return { name: "login", argument: null };
  }
  return Object.hasOwn(VIEWS, asked.name) ? asked : { name: HOME, argument: null };
}

async function turn(moved = true) {
  const { name, argument } = wanted();
  const key = `${name}/${argument ?? ""}`;
  if (key === shown) {
    return;
  }
  shown = key;
  const mine = ++turns;
  if (route().name !== "login") {
    comeFrom(route().name);
  }
  let made;
  try {
    made = (await VIEWS[name](argument)).open(argument);
  } catch (error) {
    if (mine !== turns) {
      return;
    }
    shown = "";
    console.error(error);
    shell.place.replaceChildren(h("p", { class: "trouble", role: "alert" }, texts.errors.view));
    return;
  }
  if (mine !== turns) {
    made.close();
    return;
  }
  current?.close();
  current = made;
  shell.place.replaceChildren(made.node);
  shell.title(made.title, moved);
  shell.update();
  made.update({ topics: new Set(["session", "status"]), houses: new Set() });
  scrollTo(0, 0);
}

listen((told) => {
  if (told.topics.has("session")) {
    turn(false);
  }
  shell.update();
  current?.update(told);
});
addEventListener("hashchange", () => turn());

turn(false);
// The session first: where reading needs a login, the stream would only be refused.
await readSession().catch(() => null);
start();
