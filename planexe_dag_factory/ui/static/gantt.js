// The picture of planned against actual. The server draws it; here it is rebuilt from the few elements and attributes
// that such a picture needs, so that it takes the page's colours, and so that nothing else could come with it.

import { resource, text, withQuery } from "./api.js";
import { h, region } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const ELEMENTS = new Set(["svg", "g", "line", "rect", "polygon", "text", "title", "desc"]);
const ATTRIBUTES = new Set(["class", "viewBox", "role", "aria-label", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "rx", "points"]);

const RISK_PICTURES = { finish: "When the plan ends", drivers: "What moves that", cost: "What it costs", scenarios: "Scenarios" };

/** What the risk assessment at a milestone found, as pictures: asked for once somebody opens them. */
export function riskPictures(dagId, runId, milestone, pictures) {
  const box = h("div", { class: "risk-pictures" });
  const details = h("details", { class: "risk-box", id: `risk-${milestone}`, ontoggle: () => details.open && !box.childElementCount && load() }, h("summary", { id: `risk-${milestone}-summary` }, "Risk picture"), box);
  async function load() {
    for (const name of pictures) {
      const label = RISK_PICTURES[name] ?? name;
      const found = await text(["runs", dagId, runId, "risk", milestone, `${name}.svg`]).catch(() => null);
      if (found) box.append(h("figure", {}, h("figcaption", {}, label), h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `Picture: ${label}` }, draw(found))));
    }
    if (!box.childElementCount) box.append(h("p", { class: "quiet" }, "The pictures cannot be loaded now. Close this and open it again."));
  }
  return details;
}

export function ganttOf(dagId, runId, name, phase = null) {
  const parts = ["runs", dagId, runId, "gantt.svg"];
  const picture = region("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `Picture: ${name}` });
  return {
    element: h(
      "div",
      { class: "gantt-box" },
      picture.element,
      h("p", { class: "gantt-key quiet" }, key("plan", "planned"), key("real", "what really happened"), key("wait", "waited for a person"), key("milestone", "milestone"), h("a", { href: withQuery(resource(...parts), { phase }), download: "gantt.svg" }, "Save as SVG")),
    ),
    refresh: async () => picture.draw(await text(parts, { phase }), draw),
  };
}

const key = (kind, label) => h("span", { class: "row" }, h("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), label);

function draw(source) {
  const parsed = new DOMParser().parseFromString(source, "image/svg+xml").documentElement;
  return parsed.localName === "svg" ? rebuilt(parsed) : h("p", { class: "quiet" }, "The picture cannot be shown.");
}

function rebuilt(node) {
  if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
  if (!ELEMENTS.has(node.localName)) return "";
  const element = document.createElementNS(SVG, node.localName);
  for (const { name, value } of node.attributes) if (ATTRIBUTES.has(name)) element.setAttribute(name, value);
  element.append(...[...node.childNodes].map(rebuilt));
  return element;
}
