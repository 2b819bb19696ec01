/** A question before an order leaves: what will happen, who asks, and why. The browser's own dialog keeps focus and keys in order. */
import { h } from "../core/dom.js";
import { texts } from "../texts.js";
import { icon } from "./icons.js";

let numbers = 0;

/** Shows `content` in a dialog with a title; gives { dialog, close }. Focus returns to where it was. */
export function show(title, content, extra = "") {
  const id = `dialog-${++numbers}`;
  const back = document.activeElement;
  const close = () => dialog.close();
  const dialog = h(
    "dialog",
    { class: `dialog ${extra}`.trim(), "aria-labelledby": id },
    h(
      "header",
      null,
      h("h2", { id }, title),
      h(
        "button",
        { type: "button", class: "quiet-button square", "aria-label": texts.close, onclick: close },
        icon("close"),
      ),
    ),
    content,
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (back?.isConnected) {
      back.focus();
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, close };
}

/**
 * Asks before doing. `fields` are nodes with names, `run(values)` does it and may throw a Problem, which is told in place.
 * Resolves to what `run` gave, or null where nobody agreed.
 */
export function ask({ title, body, fields = [], action, danger = false, run }) {
  return new Promise((resolve) => {
    let result = null;
    const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
    const agree = h("button", { type: "submit", class: danger ? "button danger" : "button" }, action);
    const form = h(
      "form",
      { class: "form", method: "dialog" },
      body,
      fields,
      trouble,
      h(
        "footer",
        null,
        h("button", { type: "button", class: "quiet-button", onclick: () => shown.close() }, texts.cancel),
        agree,
      ),
    );
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      agree.disabled = true;
      trouble.hidden = true;
      try {
        result = (await run(Object.fromEntries(new FormData(form)))) ?? true;
        shown.close();
      } catch (problem) {
        trouble.textContent = problem.message;
        trouble.hidden = false;
        agree.disabled = false;
      }
    });
    const shown = show(title, form);
    shown.dialog.addEventListener("close", () => resolve(result));
  });
}

/** A line of text to fill in. */
export function field(name, label, properties = {}) {
  return h(
    "label",
    { class: "field" },
    h("span", null, label),
    h("input", { name, autocomplete: "off", ...properties }),
  );
}
