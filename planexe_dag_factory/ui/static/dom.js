// Builds elements. Text only ever becomes text nodes: nothing here takes HTML.

/** Make an element; `null`, `undefined` and `false` children are left out, strings become text. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...kept(children));
  return element;
}

const kept = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

// Control characters, overrides of the writing direction, and letters that are not seen: each can make a text read as
// something else. Joiners are at home in some scripts and in emoji; between Latin letters they only hide.
const DECEPTIVE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]|(?<=[\p{Script=Latin}\p{N}\p{P}])[\u200c\u200d](?=[\p{Script=Latin}\p{N}\p{P}])/gu;
const STACKED = /(\p{M}{3})\p{M}+/gu;
const named = (character) => `\u27e8U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`;

/** A text with everything in it that is not seen made visible, and no marks stacked over other lines. */
export const visible = (text) => String(text ?? "").replaceAll("\r\n", "\n").replace(DECEPTIVE, named).replace(STACKED, "$1\u2026");

/** Show words that the page did not write: as they stand, and without reach beyond themselves. */
export function words(text, className = "") {
  return h("bdi", { class: className || null }, visible(text));
}

/** Put new content into a part of the page, keeping what the reader has opened, and where the focus is. */
export function fill(container, ...content) {
  const opened = new Map([...container.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
  const focused = container.contains(document.activeElement) ? document.activeElement.id : "";
  container.replaceChildren(...kept(content));
  for (const details of container.querySelectorAll("details[id]")) {
    if (opened.has(details.id)) details.open = opened.get(details.id);
  }
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

/** Put new content into the page. */
export const show = (...content) => fill(document.getElementById("main"), ...content);

/** A part of the page that is drawn again only when what it shows has changed. */
export function region(tag = "div", attributes = {}) {
  const element = h(tag, attributes);
  let drawn;
  return {
    element,
    draw(data, content) {
      const now = JSON.stringify(data) ?? "";
      if (now !== drawn) fill(element, content(data));
      drawn = now;
    },
  };
}

/** Tell a screen reader what has changed. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

export function title(...parts) {
  document.title = [...parts, "PlanExe"].map(visible).join(" · ");
}
