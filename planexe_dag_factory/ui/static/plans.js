// All plans as cards: how far, what waits on whom. One plan: its latest run, and its other runs.

import { get, page, withQuery } from "./api.js";
import { h, region, show, title, words } from "./dom.js";
import { chip, legend, progressBar, runChip, total, when } from "./labels.js";
import { keepFresh } from "./live.js";
import { overview } from "./run.js";

export function plans() {
  title("Plans");
  return keepFresh(() => get(["plans"]), (found) => show(h("h1", {}, "Plans"), found.length ? list(found) : nothing()));
}

/** One plan, with its latest run: what the tab on a DAG opens. It moves on by itself when a new run starts. */
export function plan({ dagId }) {
  title("Plan");
  let drawn = null;
  return keepFresh(
    async () => {
      const [found] = await get(["plans"], { dag_id: dagId });
      const runs = found?.last_run ? await get(["plans", dagId, "runs"]) : [];
      const progress = found?.last_run ? await get(["runs", dagId, found.last_run.run_id]) : null;
      return { found, runs, progress };
    },
    ({ found, runs, progress }) => {
      if (!found) return show(notOurs());
      title(found.title);
      if (!progress) return show(h("h1", {}, words(found.title)), h("div", { class: "notice" }, unstarted(found)));
      if (drawn?.runId !== progress.run_id) {
        drawn = { runId: progress.run_id, view: overview(dagId, progress.run_id), runs: region("section", { class: "card", "aria-labelledby": "runs-title" }) };
        show(notes(found), drawn.view.element, drawn.runs.element);
      }
      drawn.view.draw(progress);
      drawn.runs.draw(runs, (all) => runsOf(dagId, all));
    },
  );
}

const runsOf = (dagId, runs) => [
  h("h2", { id: "runs-title" }, "Runs of this plan"),
  h("ul", { class: "lines" }, runs.map((one) => h("li", {}, runChip(one.state), h("a", { class: "grow", href: page("runs", dagId, one.run_id), id: `run-${one.run_id}` }, words(one.run_id)), one.started_at && h("span", { class: "quiet" }, "started ", when(one.started_at), one.ended_at && [", ended ", when(one.ended_at)])))),
];

const list = (found) => h("ul", { class: "cards" }, found.map((one) => h("li", { class: "card" }, card(one))));

function card(plan) {
  const run = plan.last_run;
  return [
    h("div", { class: "row" }, h("h2", {}, h("a", { href: page("plans", plan.dag_id), id: `plan-${plan.dag_id}` }, words(plan.title))), run ? runChip(run.state) : chip("pending", "Not run yet")),
    notes(plan),
    run ? latest(plan, run) : unstarted(plan),
  ];
}

const notes = (plan) => [
  plan.lost && h("p", { class: "late" }, "Its file is gone or broken, so nothing more starts. Airflow's home page lists the import errors."),
  plan.paused && h("p", { class: "hint" }, "Paused in Airflow: nothing new starts."),
];

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
    h("a", { class: "button", href: withQuery(page("inbox"), { dag_id: plan.dag_id }) }, run.open_tickets === 1 ? "Answer 1 ticket" : `Answer ${run.open_tickets} tickets`),
  );
}

const unstarted = (plan) =>
  h("p", { class: "hint" }, "This plan has not been run. Open the DAG ", h("code", {}, words(plan.dag_id)), " in Airflow and choose Trigger.");

const nothing = () =>
  h("div", { class: "notice" }, h("h2", {}, "No plans yet"), h("p", {}, "Drop a PlanExe plan (its JSON, its zip or its run folder) into the dags folder. Within seconds it appears here."));

const notOurs = () => h("div", { class: "notice" }, h("h1", {}, "Not a PlanExe plan"), h("p", {}, "This DAG was not made from a plan, so there is nothing to show. "), h("a", { href: page("plans") }, "See all plans"));
