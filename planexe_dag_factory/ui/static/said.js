// What an agent wrote: text in a frame that nothing of the page looks like, and no part of the page inside it.

import { h, visible, words } from "./dom.js";
import { sentence } from "./labels.js";

const LONG = 1500;
const LONGEST_NAME = 80;

export function agentSays(said) {
  const confidence = typeof said.confidence === "number" ? `${Math.round(said.confidence * 100)} %` : "none given";
  const long = [];
  const value = valueOf(long);
  const text = h(
    "div",
    { class: "agent-text", id: "agent-text", tabindex: "0", role: "group", "aria-label": "Text of the agent" },
    said.reason && named("reason", value(said.reason)),
    said.confidence_why && named("confidence because", value(said.confidence_why)),
    said.usage && named("language model", words(used(said.usage))),
    isNarrative(said.result?.narrative) && named(`worded with ${visible(said.result.narrative.model.slice(0, LONGEST_NAME))}`, prose(said.result.narrative, value)),
    Object.keys(figures(said.result)).length > 0 && value(figures(said.result)),
    said.evidence?.length > 0 && named("evidence", h("ol", {}, said.evidence.map((one) => evidence(one, value)))),
  );
  return h(
    "section",
    { class: "block agent", "aria-labelledby": "agent-says" },
    h("h2", { id: "agent-says" }, "Written by agent ", words(String(said.agent).slice(0, LONGEST_NAME)), " — not checked"),
    h("p", { class: "source" }, "Action ", words(String(said.action).slice(0, LONGEST_NAME)), ` · ${sentence(said.status)} · its own confidence: ${confidence}`),
    text,
    long.length > 0 && unfold(long),
    h("p", { class: "source" }, "End of what the agent wrote. Addresses in it are text: copy one only if you trust it."),
  );
}

/** The control stands outside of the frame: nothing within it does anything. */
function unfold(long) {
  const letters = long.reduce((sum, { text }) => sum + text.length, 0).toLocaleString("en");
  const button = h("button", { class: "button small quiet", type: "button", "aria-controls": "agent-text" }, `Show the long texts whole (${letters} letters)`);
  button.addEventListener("click", () => {
    for (const { text, element } of long) element.replaceChildren(words(text));
    button.remove();
    document.getElementById("agent-text").focus();
  });
  return h("p", {}, button);
}

const used = ({ model, requests, input_tokens, output_tokens, cost }) =>
  `${model}: ${(input_tokens + output_tokens).toLocaleString("en")} tokens in ${requests} requests${cost === null ? "" : `, cost ${cost}`}`;

const isNarrative = (json) =>
  typeof json?.model === "string" && Array.isArray(json.sections) && json.sections.every((one) => typeof one?.heading === "string" && Array.isArray(one.claims));

/** A result without what is shown as prose above it. */
function figures(result) {
  const { narrative, ...rest } = result ?? {};
  return isNarrative(narrative) ? rest : { ...result };
}

/** What a language model wrote, as one reads a text: headings, and each sentence with its sources. */
const prose = ({ sections }, value) =>
  sections.map(({ heading, claims }) => h("div", {}, words(heading.slice(0, LONG), "key"), h("ul", {}, claims.map((claim) => h("li", {}, value(claim?.text ?? claim), " ", sources(claim))))));

const sources = (claim) => Array.isArray(claim?.cites) && words(`[${[...new Set(claim.cites.map((one) => String(one?.source).slice(0, LONG)))].join("; ")}]`, "key");

const evidence = ({ source, quote, url }, value) => h("li", {}, value(source), quote && h("blockquote", {}, value(quote)), url && h("div", {}, value(url)));

const named = (name, content) => h("div", { class: "pair" }, h("span", { class: "key" }, name), h("div", {}, content));

/** JSON as a tree of text; what is long is cut, and noted in `long`. */
function valueOf(long) {
  return function value(json) {
    if (Array.isArray(json)) return h("ol", { class: "values" }, json.map((one) => h("li", {}, value(one))));
    if (json !== null && typeof json === "object") return h("div", { class: "values" }, Object.entries(json).map(([key, one]) => h("div", { class: "pair" }, words(key.slice(0, LONG), "key"), h("div", {}, value(one)))));
    if (typeof json === "string" && json.length > LONG) return folded(json, long);
    return words(json === null ? "none" : json);
  };
}

function folded(text, long) {
  const element = h("span", {}, words(`${text.slice(0, LONG)}…`));
  long.push({ text, element });
  return element;
}
