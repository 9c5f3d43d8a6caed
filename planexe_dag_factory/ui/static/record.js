// The record of a run: who did what, and when, newest first. What people and agents wrote in it is shown as theirs.

import { get } from "./api.js";
import { h, region, words } from "./dom.js";
import { capitalised, clock, folded } from "./labels.js";

const PAGE = 50;
const WHO = { orchestrator: "PlanExe", agent: "Agent", person: "Person" };

/** The record, folded away until somebody wants it: nothing is asked before. */
export function recordOf(dagId, runId, titles) {
  const list = region("div");
  const check = region("div", { role: "status" });
  let limit = PAGE;
  const element = folded(
    "record",
    "Record",
    "who did what, and when",
    refresh,
    h("p", {}, "Every line is an event signed when it happened. ", h("button", { class: "button small", type: "button", id: "check-record", onclick: verify }, "Check the record")),
    check.element,
    list.element,
  );

  async function refresh() {
    if (!element.open) return;
    list.draw(await get(["runs", dagId, runId, "events"], { limit }), ({ events, total }) => [
      h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Events" }, table(events, titles)),
      h("p", { class: "quiet" }, `${events.length} of ${total} events. `, events.length < total && events.length === limit && limit < 200 && h("button", { class: "button small quiet", id: "more-events", type: "button", onclick: more }, "Show more")),
    ]);
  }
  function more() {
    limit = Math.min(limit * 2, 200);
    refresh();
  }
  async function verify() {
    check.draw({ asked: Date.now() }, () => h("p", { class: "quiet" }, "Checking every file and signature…"));
    try {
      check.draw(await get(["runs", dagId, runId, "record"]), verdict);
    } catch (error) {
      check.draw({ failed: Date.now() }, () => h("div", { class: "notice danger" }, h("p", {}, words(error.message))));
    }
  }
  return { element, refresh };
}

function verdict({ ok, state, problems, events }) {
  if (ok && state !== "sealed") return h("div", { class: "notice" }, h("p", {}, h("strong", {}, "The record is whole as far as it goes. "), `Its ${events?.length ?? events} events hold. It is not sealed: the run is under way, or what came last was cut off.`));
  if (ok) return h("div", { class: "notice good" }, h("p", {}, h("strong", {}, "The record is whole. "), `Nothing in it was changed, removed or added (${events?.length ?? events} events).`));
  return h("div", { class: "notice danger" }, h("p", {}, h("strong", {}, "The record does not hold. ")), h("ul", {}, problems.map((one) => h("li", {}, words(`${one.file} ${one.message}`)))));
}

const table = (events, titles) =>
  h(
    "table",
    { class: "events" },
    h("thead", {}, h("tr", {}, ["When", "Who", "What", "About"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, events.map((one) => row(one, titles))),
  );

function row({ at, actor, what, text, about }, titles) {
  return h(
    "tr",
    {},
    h("td", {}, clock(at)),
    h("td", {}, actor.kind === "orchestrator" ? WHO.orchestrator : [WHO[actor.kind] ?? "", " ", words(actor.name || actor.id)], actor.via && h("div", { class: "quiet" }, "through ", words(actor.via))),
    h("td", {}, words(capitalised(what)), text && h("div", { class: "quiet" }, words(short(text)))),
    h("td", {}, words(titles.get(about) ?? (about === "run" ? "The run" : about))),
  );
}

const short = (text) => (text.length > 200 ? `${text.slice(0, 200)}…` : text);
