// One ticket: what is asked, what is known, what the plan and an agent say, and the answer form.
// The three sources are kept apart, and what an agent wrote has a ground and a typeface that the page never uses.

import { get, page } from "./api.js";
import { h, show, title, words } from "./dom.js";
import { answerForm } from "./form.js";
import { crumbs, kindChip, sentence, when } from "./labels.js";

export async function ticket({ dagId, runId, taskId }) {
  const found = await get(["tickets", dagId, runId, taskId]);
  title(found.title);
  show(
    crumbs(["Inbox", page("inbox")], [found.plan, page("runs", dagId, runId)]),
    h("div", { class: "row" }, h("h1", {}, words(found.title)), kindChip(found.kind)),
    h("p", { class: "ask" }, words(found.ask)),
    found.previous && h("div", { class: "notice danger" }, h("strong", {}, "The last answer was not enough"), h("p", {}, words(found.previous))),
    h("div", { class: "columns" }, h("div", { class: "grow" }, context(found)), h("aside", { class: "answer", "aria-label": "Your answer" }, answer(found))),
  );
}

function context(found) {
  return [
    block("Why a person is needed", "computed", h("p", {}, words(found.why))),
    block("Facts", "computed", facts(found), h("p", { class: "source" }, "Put together by PlanExe from the plan and the record of this run.")),
    found.agent_says && agentSays(found.agent_says),
    planSays(found.plan_says),
  ];
}

function facts(found) {
  const rows = found.facts.map(({ label, value }) => [label, words(value)]);
  rows.push(["For", words(found.assignee)], ["Opened", when(found.opened_at)]);
  if (found.due_at) rows.push(["Due", when(found.due_at)]);
  if (found.unblocks.length) rows.push(["Unblocks", h("ul", {}, found.unblocks.map((name) => h("li", {}, words(name))))]);
  return h("dl", { class: "facts" }, rows.map(([label, value]) => [h("dt", {}, label), h("dd", {}, value)]));
}

function planSays(plan) {
  if (!plan?.description && !plan?.resources?.length) return null;
  return block(
    "What the plan says",
    "plan",
    plan.description && h("p", { class: "prose" }, words(plan.description)),
    plan.resources?.length > 0 && [h("h3", {}, "Resources"), h("ul", {}, plan.resources.map((one) => h("li", {}, words(one))))],
  );
}

function agentSays(said) {
  const confidence = typeof said.confidence === "number" ? `${Math.round(said.confidence * 100)} %` : "none given";
  return h(
    "section",
    { class: "block agent", "aria-labelledby": "agent-says" },
    h("h2", { id: "agent-says" }, "Written by agent ", words(said.agent), " — not checked"),
    h("p", { class: "source" }, `Action ${said.action} · ${sentence(said.status)} · its own confidence: ${confidence}`),
    h(
      "div",
      { class: "agent-text", tabindex: "0", role: "group", "aria-label": "Text of the agent" },
      said.reason && named("reason", words(said.reason)),
      said.confidence_why && named("confidence because", words(said.confidence_why)),
      Object.keys(said.result ?? {}).length > 0 && value(said.result),
      said.evidence?.length > 0 && named("evidence", h("ol", {}, said.evidence.map(evidence))),
      said.usage && named("language model", words(used(said.usage))),
    ),
    h("p", { class: "source" }, "End of what the agent wrote."),
  );
}

const used = ({ model, requests, input_tokens, output_tokens, cost }) =>
  `${model}: ${(input_tokens + output_tokens).toLocaleString("en")} tokens in ${requests} requests${cost === null ? "" : `, cost ${cost}`}`;

const evidence = ({ source, quote, url }) => h("li", {}, words(source), quote && h("blockquote", {}, words(quote)), url && h("div", {}, words(url)));

const named = (name, content) => h("div", { class: "pair" }, h("span", { class: "key" }, name), h("div", {}, content));

/** JSON as a tree of text. */
function value(json) {
  if (Array.isArray(json)) return h("ol", { class: "values" }, json.map((one) => h("li", {}, value(one))));
  if (json !== null && typeof json === "object") return h("div", { class: "values" }, Object.entries(json).map(([key, one]) => h("div", { class: "pair" }, words(key, "key"), h("div", {}, value(one)))));
  return words(json === null ? "none" : json);
}

function block(name, source, ...content) {
  const id = `block-${name.toLowerCase().replaceAll(/\W+/g, "-")}`;
  return h("section", { class: `block ${source}`, "aria-labelledby": id }, h("h2", { id }, name), content);
}

function answer(found) {
  if (found.state !== "open") return h("div", { class: "notice" }, h("h2", {}, "Answered"), h("p", {}, "This ticket has been answered. "), h("a", { href: page("inbox") }, "Back to the inbox"));
  if (!found.may_answer) return h("div", { class: "notice" }, h("h2", {}, "You can read this ticket"), h("p", {}, "Answering it needs the right to edit the DAG, or to be named as the one who answers."));
  return answerForm(found);
}
