// One run: phases, packages, steps and milestones, live.

import { get, page } from "./api.js";
import { announce, h, show, title, words } from "./dom.js";
import { chip, crumbs, executor, gate, legend, progressBar, runChip, STATES, total, when } from "./labels.js";
import { keepFresh } from "./live.js";

export function run({ dagId, runId }) {
  let waiting = null;
  return keepFresh(
    () => get(["runs", dagId, runId]),
    (progress) => {
      title(progress.title);
      show(head(progress), progress.recorded ? progress.phases.map((phase) => section(progress, phase)) : starting(progress), foot(progress));
      if (waiting !== null && progress.open_tickets > waiting) announce(`${progress.open_tickets} tickets are open`);
      waiting = progress.open_tickets;
    },
  );
}

/** Report of a milestone, in a frame without scripts, forms or an origin of its own. */
export async function report({ dagId, runId, milestone }) {
  title("Report");
  const source = `${document.body.dataset.base}/api/v1/${["runs", dagId, runId, "report", milestone].map(encodeURIComponent).join("/")}`;
  show(
    crumbs(["Plans", page("plans")], ["Run", page("runs", dagId, runId)]),
    h("h1", {}, milestone === "final" ? "Final report" : "Milestone report"),
    h("iframe", { class: "report", sandbox: "", src: source, title: "Report" }),
  );
}

function head(progress) {
  return [
    crumbs(["Plans", page("plans")]),
    h("div", { class: "row" }, h("h1", {}, words(progress.title)), runChip(progress.state)),
    h("p", { class: "quiet" }, "Run ", h("code", {}, words(progress.run_id)), progress.started_at && [" · started ", when(progress.started_at)], progress.ended_at && [" · ended ", when(progress.ended_at)]),
    total(progress.counts) > 0 && [progressBar(progress.counts, "All steps"), legend(progress.counts)],
    progress.open_tickets > 0 && asks(progress),
    progress.report && h("p", {}, h("a", { class: "button quiet", id: "final", href: page("runs", progress.dag_id, progress.run_id, "report", "final") }, "Read the final report")),
  ];
}

const asks = ({ dag_id: dag, run_id: id, open_tickets: open }) =>
  h(
    "div",
    { class: "notice attention" },
    h("p", { class: "grow" }, h("strong", {}, open === 1 ? "1 ticket waits for a person" : `${open} tickets wait for people`)),
    h("a", { class: "button", id: "answer", href: `${page("inbox")}?${new URLSearchParams({ dag_id: dag, run_id: id })}` }, "Answer"),
  );

function section(progress, phase) {
  const counts = tally(phase.steps);
  const settled = phase.state === "done" || phase.state === "pending";
  return h(
    "details",
    { class: "phase", id: `phase-${phase.id}`, open: !settled || progress.phases.length < 3 },
    h("summary", { id: `summary-${phase.id}` }, h("h2", {}, words(phase.title)), h("span", { class: "quiet" }, `${counts.done ?? 0} of ${phase.steps.length} steps`), chip(phase.state)),
    packages(phase.steps).map(([name, steps]) => [name && h("h3", {}, words(name)), h("ul", { class: "steps" }, steps.map((one) => step(progress, one)))]),
    phase.milestone && milestone(progress, phase.milestone),
  );
}

function step({ dag_id: dag, run_id: id }, one) {
  return h(
    "li",
    { class: "step" },
    chip(one.state),
    h(
      "div",
      { class: "grow" },
      h("div", {}, words(one.title)),
      h("div", { class: "quiet" }, executor(one.executor), one.gate && ` · ${gate(one.gate)}`, one.waits_on && [" · waits on ", words(one.waits_on)], one.since && one.state !== "pending" && [" · ", when(one.since)]),
    ),
    one.state === "waiting" && h("a", { class: "button small", id: `ticket-${one.id}`, href: page("tickets", dag, id, one.task_id) }, "Open ticket"),
  );
}

function milestone({ dag_id: dag, run_id: id }, one) {
  return h(
    "p",
    { class: "milestone" },
    h("span", { class: `diamond is-${one.state}`, "aria-hidden": "true" }),
    h("span", { class: "grow" }, h("strong", {}, "Milestone: "), words(one.title)),
    one.report ? h("a", { id: `report-${one.id}`, href: page("runs", dag, id, "report", one.id) }, "Read the report") : h("span", { class: "quiet" }, one.state === "done" ? "Report not written yet" : STATES[one.state]),
  );
}

const starting = (progress) =>
  ["success", "failed"].includes(progress.state)
    ? h("div", { class: "notice danger" }, h("p", {}, "This run ended before it wrote anything down. The log of its first task in Airflow says why."))
    : h("div", { class: "notice" }, h("p", {}, "The run is starting: its steps appear as soon as its record is open."));

const foot = (progress) => h("p", { class: "quiet" }, "Everything about this run is kept in ", h("code", { class: "path" }, words(progress.run_dir)), ".");

function packages(steps) {
  const groups = new Map();
  for (const one of steps) groups.set(one.package, [...(groups.get(one.package) ?? []), one]);
  return [...groups];
}

function tally(steps) {
  const counts = {};
  for (const { state } of steps) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
