// One ticket: what is asked, who deals with it, what is known, what the plan and an agent say, the answer, the history.
// The sources are kept apart: what an agent wrote has a ground and a typeface that the page never uses.
// It is live: each part is drawn again when what it shows changes, and the answer only when it is another question.

import { get, page, post } from "./api.js";
import { addApprover, addedApprovers, ask, openQuestions } from "./asking.js";
import { agentSays } from "./said.js";
import { announce, fill, h, region, show, title, words } from "./dom.js";
import { handOver, historyOf, holding, talk } from "./desk.js";
import { answerForm } from "./form.js";
import { shortcuts } from "./keys.js";
import { amount, crumbs, kindChip, priorityChip, when } from "./labels.js";
import { keepFresh } from "./live.js";
import { priority, putOff } from "./order.js";

export async function ticket({ dagId, runId, taskId }) {
  const place = [dagId, runId, taskId];
  shortcuts(
    { keys: "a", does: "Go to the answer", act: () => document.querySelector("#answer :is(input, button, a)")?.focus() },
    { keys: "c", does: "Claim the ticket", act: () => document.getElementById("claim")?.click() },
    { keys: "r", does: "Release the ticket", act: () => document.getElementById("release")?.click() },
    { keys: "h", does: "Hand the ticket over", act: () => document.getElementById("hand-over")?.click() },
    { keys: "m", does: "Write a comment", act: () => document.getElementById("comment-text")?.focus() },
  );
  const you = await get(["people"]).then(({ you }) => you).catch(() => []);
  const parts = Object.fromEntries(["head", "holding", "questions", "context", "votes", "history"].map((name) => [name, region("div")]));
  const told = h("div", { role: "status" });
  const aside = h("aside", { class: "answer", id: "answer", tabindex: "-1", "aria-label": "Your answer" });
  const box = answerBox(aside);
  const load = async () => {
    try {
      const found = await get(["tickets", ...place]);
      return { ...found, late: Boolean(found.due_at) && new Date(found.due_at) < new Date() };
    } catch (error) {
      if (error.status === 404) return { missing: error.message };
      throw error;
    }
  };
  const refresh = keepFresh(load, draw);
  const talking = talk(place, refresh);
  const layout = h(
    "div",
    {},
    parts.head.element,
    parts.holding.element,
    parts.questions.element,
    told,
    h("a", { class: "button jump", href: "#answer" }, "Go to your answer"),
    h("div", { class: "columns" }, h("div", { class: "grow" }, parts.context.element, talking.element, parts.history.element), h("div", { class: "side" }, aside, parts.votes.element)),
  );

  function draw(found) {
    if (found.missing) return show(nobodyAsked(dagId, runId, found.missing));
    found.yours = found.claimed_by !== null && you.includes(found.claimed_by);
    title(found.title);
    if (!layout.isConnected) show(layout);
    parts.head.draw(pick(found, "plan", "title", "kind", "ask", "previous", "amount", "currency", "due_at", "late", "state", "priority"), () => headOf(found));
    parts.holding.draw(pick(found, "assigned", "assignee", "claimed_by", "may_answer", "may_act", "may_remind", "state", "yours", "votes", "away", "answers_for", "may_ask", "may_add", "priority", "put_off_until"), () => holding(found, act, ...ordering(found)));
    parts.questions.draw(found.state === "open" ? found.questions : [], (all) => openQuestions(all, place, refresh));
    parts.context.draw({ ...pick(found, "why", "facts", "agent_says", "plan_says", "opened_at", "due_at", "unblocks", "links") }, () => context(found));
    parts.votes.draw(pick(found, "votes", "added"), () => votesOf(found, place, refresh));
    parts.history.draw(found.history ?? [], (all) => all.length > 0 && block("History", "computed", historyOf(all)));
    talking.draw(found);
    box.draw(found);
  }
  const ordering = (found) => (found.may_ask ? [putOff(found, place, refresh), priority(found, place, refresh)] : []);
  async function remind() {
    const notice = await post(["tickets", ...place, "remind"], {}).then(
      ({ told: who }) => ({ class: "notice", said: `Reminded: ${who}` }),
      (refusal) => ({ class: "notice danger", said: refusal.problems?.join(" ") ?? "The server does not answer. Try again." }),
    );
    fill(told, h("div", { class: notice.class }, h("p", {}, words(notice.said))));
    await refresh();
  }
  async function act(action) {
    if (action === "hand") return handOver(place, refresh);
    if (action === "remind") return remind();
    if (action === "ask") return ask(place, refresh);
    if (action === "add") return addApprover(place, refresh);
    const [one] = await post(["tickets", action], { tickets: [{ dag_id: dagId, run_id: runId, task_id: taskId }] }).then(({ tickets }) => tickets, (error) => [{ ok: false, problem: error.message }]);
    fill(told, !one.ok && h("div", { class: "notice danger" }, h("p", {}, words(one.problem))));
    announce(one.ok ? `Ticket ${action === "claim" ? "claimed" : "released"}` : one.problem);
    await refresh();
  }
}

const pick = (found, ...names) => Object.fromEntries(names.map((name) => [name, found[name]]));

/** A task of a DAG that is no question (now): what the tab on a task shows then. */
const nobodyAsked = (dagId, runId, why) => [
  h("div", { class: "notice" }, h("h1", {}, "Nobody is asked here"), h("p", {}, words(why)), h("p", {}, "A ticket appears here when this task waits for a person."), h("p", {}, h("a", { href: page("runs", dagId, runId) }, "See the whole run"))),
];

function headOf(found) {
  const open = found.state === "open";
  return [
    crumbs(["Inbox", page("inbox")], [found.plan, page("plans", found.dag_id)], ["Run", page("runs", found.dag_id, found.run_id)]),
    h("div", { class: "row" }, h("h1", {}, words(found.title)), kindChip(found.kind), open && priorityChip(found.priority), open && found.due_at && dueChip(found)),
    h("p", { class: "ask" }, asked(found.ask)),
    typeof found.amount === "number" && h("p", { class: "big" }, h("span", { class: "quiet" }, "Amount "), amount(found.amount, found.currency ?? currencyOf(found))),
    open && found.previous && h("div", { class: "notice attention" }, h("div", {}, h("strong", {}, "This ticket has been opened again"), h("p", {}, words(found.previous)))),
  ];
}

/** What the plan calls things stands in “ ”, which nothing in a plan can close. */
const asked = (ask) => ask.split(/(“[^”]*”)/).map((part) => (part.startsWith("“") ? words(part, "plan-name") : words(part)));

/** The orchestrator writes the amount with its currency among the facts. */
const currencyOf = ({ facts }) => /([A-Z]{3})$/.exec(facts.find(({ label }) => label === "Amount")?.value ?? "")?.[1];

function dueChip({ due_at: moment, late }) {
  return h("span", { class: late ? "chip is-failed" : "chip" }, late ? "Late: was due " : "Due ", when(moment));
}

function context(found) {
  return [
    block("Why a person is needed", "computed", h("p", {}, words(found.why))),
    found.agent_says && agentSays(found.agent_says),
    block("Facts", "computed", facts(found), h("p", { class: "source" }, "Put together by PlanExe from the plan and the record of this run. ", inAirflow(found.links))),
    planSays(found.plan_says),
    found.plan_says?.risks?.length > 0 && block("Risks of this step", "plan", h("p", { class: "source" }, "From the plan's own risk register: those that share words with this step."), h("ul", { class: "risks" }, found.plan_says.risks.map(risk))),
  ];
}

/** Within Airflow's own page the task is one click away, and a frame may not leave. */
function inAirflow(links) {
  const alone = !document.documentElement.hasAttribute("data-framed");
  const root = document.body.dataset.base.replace(/\/planexe$/, "");
  return alone && links?.task && h("a", { href: `${root}${links.task}` }, "The task in Airflow");
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;

function facts(found) {
  const rows = found.facts.map(({ label, value }) => [words(label), DIGEST.test(value) ? h("code", { title: value, class: "digest" }, `${value.slice(0, 19)}…`) : words(value)]);
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

function risk(one) {
  return h("li", {}, h("strong", {}, words(one.area ?? one.title ?? "")), " ", words(one.description ?? ""), one.likelihood && h("div", { class: "quiet" }, "Likelihood ", words(one.likelihood), ", severity ", words(one.severity)), one.action && h("div", { class: "quiet" }, "What the plan does about it: ", words(one.action)));
}

function votesOf({ votes, added }, place, refresh) {
  if (!votes || votes.needed < 2) return null;
  const given = votes.given ?? [];
  return block(
    "Votes",
    "computed",
    h("p", {}, `${given.length} of ${votes.needed} different people have approved.`),
    given.length > 0 && h("ul", {}, given.map((one) => h("li", {}, words(one.by?.name || one.by?.id || one.who || one), one.at && [" ", when(one.at)]))),
    added.length > 0 && [h("h3", {}, "Added to those who must approve"), h("ul", { class: "said" }, addedApprovers(added, place, refresh))],
  );
}

function block(name, source, ...content) {
  const id = `block-${name.toLowerCase().replaceAll(/\W+/g, "-")}`;
  return h("section", { class: `block ${source}`, "aria-labelledby": id }, h("h2", { id }, name), content);
}

const OVER = {
  answered: ["Answered", "This ticket has been answered."],
  closed: ["Closed without an answer", "Nobody answered it: its task has ended in another way, or was cleared or marked by hand in Airflow. The history says more."],
};

/** The answer. Another question takes its place; what somebody has begun to write is never taken away unasked. */
function answerBox(aside) {
  let form = null;
  let asked = null;
  let thanked = null;

  function draw(found) {
    const question = `${found.n}`;
    const standing = JSON.stringify(pick(found, "n", "state", "may_answer", "why_not"));
    if (standing === asked?.standing || (thanked === question && found.state !== "open")) return;
    const stale = form?.started() && (asked.question !== question || !found.may_answer);
    asked = { standing, question };
    if (stale) return shut(found);
    form = null;
    fill(aside, content(found));
  }
  function content(found) {
    if (found.state !== "open") return notice(...OVER[found.state], h("a", { href: page("inbox") }, "Back to the inbox"));
    if (!found.may_answer) return notice("You can read this ticket", found.why_not ?? "Answering it needs the right to edit the DAG, or to be named as the one who answers.");
    form = answerForm(found, (panel) => {
      thanked = `${found.n}`;
      form = null;
      fill(aside, panel);
      panel.focus();
    });
    return form.element;
  }
  function shut(found) {
    document.getElementById("changed")?.remove();
    document.getElementById("send-answer").hidden = true;
    aside.prepend(changedNotice(found));
  }
  function changedNotice(found) {
    const drop = () => {
      form?.drop();
      form = null;
      fill(aside, content(found));
    };
    announce("This ticket has changed while you were writing");
    return h(
      "div",
      { class: "notice danger", id: "changed" },
      h("strong", {}, "This has changed while you were writing"),
      h("p", {}, found.state !== "open" ? OVER[found.state][1] : words(found.why_not ?? "It has been asked anew.")),
      h("p", {}, "What you wrote is still here, to copy. ", h("button", { class: "button small quiet", type: "button", onclick: drop }, "Put it away")),
    );
  }
  return { draw };
}

const notice = (heading, text, ...more) => h("div", { class: "notice" }, h("h2", {}, heading), h("p", {}, words(text)), more);
