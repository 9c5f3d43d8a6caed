// All plans as cards: how far, what waits on whom.

import { get, page } from "./api.js";
import { h, show, title, words } from "./dom.js";
import { chip, legend, progressBar, runChip, total, when } from "./labels.js";
import { keepFresh } from "./live.js";

export function plans() {
  title("Plans");
  return keepFresh(() => get(["plans"]), (found) => show(found.length ? list(found) : nothing()));
}

/** The latest run of one plan: what the tab on a DAG opens. */
export async function plan({ dagId }) {
  const [found] = await get(["plans"], { dag_id: dagId });
  if (found?.last_run) return location.replace(page("runs", dagId, found.last_run.run_id));
  title("Plan");
  return show(found ? [h("h1", {}, words(found.title)), unstarted(found)] : notOurs());
}

const list = (found) => [
  h("h1", {}, "Plans"),
  h("ul", { class: "cards" }, found.map((one) => h("li", { class: "card" }, card(one)))),
];

function card(plan) {
  const run = plan.last_run;
  const heading = run ? h("a", { href: page("runs", plan.dag_id, run.run_id), id: `plan-${plan.dag_id}` }, words(plan.title)) : words(plan.title);
  return [
    h("div", { class: "row" }, h("h2", {}, heading), run ? runChip(run.state) : chip("pending", "Not run yet")),
    plan.lost && h("p", { class: "late" }, "Its file is gone or broken, so nothing more starts. Airflow's home page lists the import errors."),
    plan.paused && h("p", { class: "hint" }, "Paused in Airflow: nothing new starts."),
    run ? latest(plan, run) : unstarted(plan),
  ];
}

function latest(plan, run) {
  const done = run.counts.done ?? 0;
  return [
    h("p", { class: "quiet" }, total(run.counts) ? `${done} of ${total(run.counts)} steps done` : "The run is starting", run.started_at && [" · started ", when(run.started_at)]),
    progressBar(run.counts, "Steps"),
    legend(run.counts),
    run.phases.length > 0 && h("ol", { class: "phases" }, run.phases.map(phaseLine)),
    run.open_tickets > 0 && tickets(plan, run),
  ];
}

function phaseLine(phase) {
  return h(
    "li",
    {},
    h("span", { class: `dot is-${phase.state}`, "aria-hidden": "true" }),
    words(phase.title, "grow"),
    h("span", { class: "quiet" }, `${phase.counts.done ?? 0}/${total(phase.counts)}`),
  );
}

function tickets(plan, run) {
  const who = run.waiting.slice(0, 3).map(({ who, steps }) => h("li", {}, words(who), steps > 1 ? ` (${steps})` : ""));
  return h(
    "div",
    { class: "asks" },
    who.length > 0 && h("p", {}, h("strong", {}, "Waiting on")),
    h("ul", { class: "inline" }, who, run.waiting.length > 3 && h("li", {}, `${run.waiting.length - 3} more`)),
    h("a", { class: "button", href: `${page("inbox")}?dag_id=${encodeURIComponent(plan.dag_id)}` }, run.open_tickets === 1 ? "Answer 1 ticket" : `Answer ${run.open_tickets} tickets`),
  );
}

const unstarted = (plan) =>
  h("p", { class: "hint" }, "This plan has not been run. Open the DAG ", h("code", {}, words(plan.dag_id)), " in Airflow and choose Trigger.");

const nothing = () => [
  h("h1", {}, "Plans"),
  h("div", { class: "notice" }, h("h2", {}, "No plans yet"), h("p", {}, "Drop a PlanExe plan (its JSON, its zip or its run folder) into the dags folder. Within seconds it appears here.")),
];

const notOurs = () => h("div", { class: "notice" }, h("h1", {}, "Not a PlanExe plan"), h("p", {}, "This DAG was not made from a plan, so there is nothing to show. "), h("a", { href: page("plans") }, "See all plans"));
