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

/** Show words that the page did not write: their direction cannot reach the words around them. */
export function words(text, className = "") {
  return h("bdi", { class: className || null }, String(text ?? ""));
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
