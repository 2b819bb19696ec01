/** Logging in and out. The password leaves with one request and is kept nowhere. */
import { h, live } from "../core/dom.js";
import { login, logout } from "../core/api.js";
import { restart } from "../core/stream.js";
import { HOME, go } from "../core/router.js";
import { state } from "../core/state.js";
import { field } from "../parts/dialog.js";
import { texts } from "../texts.js";

let before = HOME;

/** Where to go after the login. */
export function comeFrom(name) {
  if (name !== "login") {
    before = name;
  }
}

export function open() {
  let trouble = "";
  let busy = false;

  async function work(run) {
    busy = true;
    trouble = "";
    view.update();
    try {
      await run();
      restart();
    } catch (problem) {
      trouble = problem.status === 401 ? texts.login.wrong : problem.message;
    }
    busy = false;
    view.update();
    return trouble === "";
  }
  async function submit(event) {
    event.preventDefault();
    const form = event.target;
    const { user, password } = Object.fromEntries(new FormData(form));
    if (await work(() => login(user, password))) {
      form.reset();
      go(before);
    } else {
      form.elements.password.select();
    }
  }

  const who = () => state.session?.user;
  const view = live(() =>
    h(
      "div",
      { class: "login card" },
      h("p", { class: "trouble", role: "alert" }, () => trouble || "\u00a0"),
      h(
        "form",
        { class: "form", hidden: () => Boolean(who()), onsubmit: submit },
        h("p", { class: "note" }, () => (state.session?.reading_free ? texts.login.readingFree : texts.login.needed)),
        field("user", texts.login.user, {
          required: true,
          autocomplete: "username",
          autocapitalize: "none",
          spellcheck: "false",
          maxlength: 64,
        }),
        field("password", texts.login.password, {
          required: true,
          type: "password",
          autocomplete: "current-password",
          maxlength: 1024,
        }),
        h("button", { type: "submit", class: "button", disabled: () => busy }, texts.login.action),
        h("p", { class: "note" }, () =>
          state.session?.accounts === false ? state.session.hint || texts.login.none : "\u00a0",
        ),
      ),
      h(
        "div",
        { hidden: () => !who() },
        h("p", null, () =>
          who() ? texts.login.as(who(), texts.login.roles[state.session.role] ?? state.session.role) : "",
        ),
        h(
          "button",
          { type: "button", class: "quiet-button", disabled: () => busy, onclick: () => work(logout) },
          texts.login.out,
        ),
      ),
    ),
  );
  return {
    title: texts.views.login,
    node: view.node,
    close: view.close,
    update({ topics }) {
      if (topics.has("session")) {
        view.update();
      }
    },
  };
}
