// Keyboard shortcuts, and the list of them. They can be switched off (WCAG 2.1.4), and never act while somebody types.

import { page } from "./api.js";
import { h } from "./dom.js";

const OFF = "planexe-shortcuts-off";
const known = [];
let prefix = "";

/** Add shortcuts of a view: `keys` is one key, or two after each other such as `g i`. */
export function shortcuts(...added) {
  known.push(...added);
}

export function listenForKeys() {
  shortcuts(
    { keys: "g i", does: "Go to the inbox", act: () => location.assign(page("inbox")) },
    { keys: "g p", does: "Go to the plans", act: () => location.assign(page("plans")) },
    { keys: "?", does: "Show this list", act: help },
  );
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || isOff()) return;
    const pressed = prefix ? `${prefix} ${event.key}` : event.key;
    const found = known.find(({ keys }) => keys === pressed);
    prefix = !found && known.some(({ keys }) => keys.startsWith(`${event.key} `)) ? event.key : "";
    if (!found) return;
    event.preventDefault();
    found.act();
  });
  document.getElementById("show-keys").addEventListener("click", help);
}

const typing = (target) => target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], dialog") !== null;

const isOff = () => {
  try {
    return localStorage.getItem(OFF) === "yes";
  } catch {
    return false;
  }
};

function help() {
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "keys-title", onclose: () => dialog.remove() },
    h("h2", { id: "keys-title" }, "Keyboard"),
    h("p", { class: "quiet" }, "Tab goes from one thing to the next, Enter opens it."),
    h("dl", { class: "keys" }, known.map(({ keys, does }) => [h("dt", {}, keys.split(" ").map((key) => [h("kbd", {}, key), " "])), h("dd", {}, does)])),
    h("label", { class: "check" }, h("input", { type: "checkbox", checked: !isOff(), onchange: (event) => localStorage.setItem(OFF, event.target.checked ? "no" : "yes") }), "Use these keys"),
    h("button", { class: "button", type: "button", onclick: () => dialog.close() }, "Close"),
  );
  document.body.append(dialog);
  dialog.showModal();
}
