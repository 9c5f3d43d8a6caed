// Builds elements. Text only ever becomes text nodes: nothing here takes HTML.

/** Make an element; `null`, `undefined` and `false` children are left out, strings become text. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Overrides of the writing direction can make a text read as its opposite; control characters can hide in it.
const DECEPTIVE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;
const named = (character) => `\u27e8U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`;

/** Show words that the page did not write: as they stand, and without reach beyond themselves. */
export function words(text, className = "") {
  return h("bdi", { class: className || null }, String(text ?? "").replace(DECEPTIVE, named));
}

/** Put new content into the page, keeping what the reader has opened and where the focus is. */
export function show(...content) {
  const main = document.getElementById("main");
  const opened = new Map([...main.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
  const focused = document.activeElement?.id;
  main.replaceChildren(...content.flat(Infinity).filter(Boolean));
  for (const details of main.querySelectorAll("details[id]")) {
    if (opened.has(details.id)) details.open = opened.get(details.id);
  }
  if (focused && focused !== "main") document.getElementById(focused)?.focus({ preventScroll: true });
}

/** Tell a screen reader what has changed. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

export function title(...parts) {
  document.title = [...parts, "PlanExe"].join(" · ");
}
