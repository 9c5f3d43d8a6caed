// One run: what waits on whom, what runs, what is late, the picture, phases with their steps and milestones, the record.

import { get, page, withQuery } from "./api.js";
import { wayBack } from "./back.js";
import { announce, h, region, show, title, words } from "./dom.js";
import { ganttOf, riskPictures } from "./gantt.js";
import { chip, crumbs, executor, gate, lasting, legend, progressBar, runChip, sentence, since, STATES, total, when } from "./labels.js";
import { keepFresh } from "./live.js";
import { recordOf } from "./record.js";

const SHOWN = 6;
const TIMELINE_MS = 30000;

export function run({ dagId, runId }) {
  const view = overview(dagId, runId);
  let shown = false;
  return keepFresh(
    () => get(["runs", dagId, runId]),
    (progress) => {
      title(progress.title);
      if (!shown) show(view.element);
      shown = true;
      view.draw(progress);
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
    h("p", {}, h("a", { class: "button quiet", id: "pdf", href: `${source}?form=pdf`, download: "report.pdf" }, "Save as PDF")),
    h("iframe", { class: "report", sandbox: "", src: source, title: "Report" }),
  );
}

/** PlanExe's own report as of a milestone, in such a frame too; its charts need scripts, so it can be saved. */
export async function ownReport({ dagId, runId, milestone }) {
  title("PlanExe's own report");
  const source = `${document.body.dataset.base}/api/v1/${["runs", dagId, runId, "planexe", milestone].map(encodeURIComponent).join("/")}`;
  show(
    crumbs(["Plans", page("plans")], ["Run", page("runs", dagId, runId)]),
    h("h1", {}, "PlanExe's own report"),
    h("p", {}, h("a", { class: "button quiet", id: "save", href: `${source}?form=file`, download: "planexe-report.html" }, "Save with its charts"), h("span", { class: "quiet" }, " The saved file runs PlanExe's scripts: open it only where you trust the plan and its agents.")),
    h("iframe", { class: "report", sandbox: "", src: source, title: "PlanExe's own report" }),
  );
}

/** All about a run, drawn part by part: a part changes only when what it shows does. */
export function overview(dagId, runId) {
  const head = region("div");
  const now = region("div", { class: "now" });
  const phases = region("div");
  const foot = region("div");
  const gantt = ganttOf(dagId, runId, "all phases, planned against actual");
  const picture = h("section", { class: "card", "aria-labelledby": "gantt-title", hidden: true }, h("h2", { id: "gantt-title" }, "Planned against actual"), gantt.element);
  const titles = new Map();
  const record = recordOf(dagId, runId, titles);
  const back = wayBack(dagId, runId, titles);
  record.element.hidden = back.element.hidden = true;
  let timeline = null;
  let last = null;
  let waiting = null;

  async function compare() {
    try {
      timeline = await get(["runs", dagId, runId, "timeline"]);
      await gantt.refresh();
      picture.hidden = false;
      drawParts();
      await Promise.all([record.refresh(), back.refresh()]);
    } catch {
      picture.hidden = timeline === null; // a record that cannot be read takes nothing else away
    }
  }
  function drawParts() {
    now.draw({ last, timeline }, () => (last.recorded ? nowOf(last, timeline) : []));
    phases.draw({ last, timeline }, () => (last.recorded ? last.phases.map((phase) => section(last, phase, timeline)) : starting(last)));
  }
  function draw(progress) {
    last = progress;
    for (const phase of progress.phases) {
      for (const one of workOf(phase)) titles.set(one.id, one.title);
      if (phase.milestone) titles.set(phase.milestone.id, phase.milestone.title);
    }
    head.draw(progress, headOf);
    drawParts();
    foot.draw(progress.run_dir, footOf);
    record.element.hidden = back.element.hidden = !progress.recorded;
    if (progress.recorded) compare();
    if (waiting !== null && progress.open_tickets > waiting) announce(`${progress.open_tickets} tickets are open`);
    waiting = progress.open_tickets;
  }
  setInterval(() => last?.recorded && !last.ended_at && !document.hidden && compare(), TIMELINE_MS);
  return { element: h("div", {}, head.element, now.element, picture, phases.element, back.element, record.element, foot.element), draw };
}

function headOf(progress) {
  return [
    crumbs(["Plans", page("plans")], [progress.title, page("plans", progress.dag_id)]),
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
    h("a", { class: "button", id: "answer", href: withQuery(page("inbox"), { dag_id: dag, run_id: id }) }, "Answer"),
  );

/** The steps of a phase, and the look at the risks of its milestone, which is none. */
const workOf = ({ steps, milestone }) => (milestone?.assessment ? [...steps, milestone.assessment] : steps);

/** What matters this morning: who is waited for, what runs, what is late, what comes next. */
function nowOf(progress, timeline) {
  const steps = progress.phases.flatMap(workOf);
  const states = new Map(steps.map(({ id, state }) => [id, state]));
  const late = timeline?.late.filter(({ id }) => !["done", "refused", "failed", "skipped"].includes(states.get(id))) ?? [];
  const unbegun = new Set(progress.phases.flatMap((phase) => phase.steps.filter(({ state }) => ["pending", "queued"].includes(state)).map((one) => `${phase.title}/${one.title}`)));
  const ready = timeline?.ready.filter((one) => unbegun.has(`${one.phase}/${one.title}`)) ?? [];
  const bySince = (a, b) => String(a.since).localeCompare(String(b.since));
  return [
    panel("waits", "Waits on people", steps.filter(({ state }) => state === "waiting").sort(bySince), (one) => [
      h("a", { class: "grow", id: `now-${one.id}`, href: page("tickets", progress.dag_id, progress.run_id, one.task_id) }, words(one.title)),
      h("span", { class: "quiet" }, "on ", words(one.waits_on ?? "a person"), one.since && [" · ", since(one.since)]),
    ]),
    panel("runs-now", "Runs now", steps.filter(({ state }) => state === "running").sort(bySince), (one) => [
      words(one.title, "grow"),
      h("span", { class: "quiet" }, executor(one.executor), one.since && [" · ", since(one.since)]),
    ]),
    panel("late", "Late against the plan", late, (one) => [
      words(one.title, "grow"),
      h("span", { class: "late" }, lasting(one.late_s), " late"),
      h("span", { class: "quiet" }, STATES[states.get(one.id)], " · ", words(sentence(one.who))),
    ]),
    panel("ready", "Comes next", ready, (one) => [words(one.title, "grow"), h("span", { class: "quiet" }, words(sentence(one.who)), one.gate && `, after: ${gate(one.gate).toLowerCase()}`)]),
  ];
}

function panel(id, name, found, line) {
  if (!found.length) return null;
  const rest = found.slice(SHOWN);
  const lines = (some) => h("ul", { class: "lines" }, some.map((one) => h("li", {}, line(one))));
  return h(
    "section",
    { class: "card", "aria-labelledby": `panel-${id}` },
    h("h2", { id: `panel-${id}` }, name, h("span", { class: "tally" }, String(found.length))),
    lines(found.slice(0, SHOWN)),
    rest.length > 0 && h("details", { id: `more-${id}` }, h("summary", { id: `more-${id}-summary` }, `${rest.length} more`), lines(rest)),
  );
}

function section(progress, phase, timeline) {
  const counts = tally(phase.steps);
  const settled = phase.state === "done" || phase.state === "pending";
  const time = timeline?.phases.find(({ id }) => id === phase.id);
  return h(
    "details",
    { class: "phase", id: `phase-${phase.id}`, open: !settled || progress.phases.length < 3 },
    h("summary", { id: `summary-${phase.id}` }, h("h2", {}, words(phase.title)), h("span", { class: "quiet" }, `${counts.done ?? 0} of ${phase.steps.length} steps`), chip(phase.state)),
    packages(phase.steps).map(([name, steps]) => [name && h("h3", {}, words(name)), h("ul", { class: "steps" }, steps.map((one) => step(progress, one)))]),
    phase.milestone?.assessment && h("ul", { class: "steps" }, step(progress, phase.milestone.assessment)),
    phase.milestone && milestone(progress, phase.milestone, time),
    phase.milestone && time?.pictures.length > 0 && riskPictures(progress.dag_id, progress.run_id, phase.milestone.id, time.pictures),
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

function milestone({ dag_id: dag, run_id: id }, one, time) {
  return h(
    "div",
    { class: "milestone" },
    h("span", { class: `diamond is-${one.state}`, "aria-hidden": "true" }),
    h("div", { class: "grow" }, h("strong", {}, "Milestone: "), words(one.title), time && h("div", { class: "quiet" }, due(time, one.state === "done")), one.own_report && stale(one.id, one.own_report)),
    typeof time?.resilience === "number" && h("span", { class: "chip", title: "0 to 1: how well the plan stands what may happen" }, `Resilience ${time.resilience.toFixed(2)}`),
    time?.existential && h("span", { class: "chip is-failed" }, "Existential risk flagged"),
    one.own_report?.report && h("a", { id: `own-${one.id}`, href: page("runs", dag, id, "planexe", one.id) }, "PlanExe's own report"),
    one.report ? h("a", { id: `report-${one.id}`, href: page("runs", dag, id, "report", one.id) }, "Read the report and its risks") : h("span", { class: "quiet" }, one.state === "done" ? "Report not written yet" : STATES[one.state]),
  );
}

/** Why PlanExe's own report is not up to date, where it is not. */
function stale(milestone, { state, why, attempt, attempts }) {
  if (state === "fresh") return null;
  const tried = attempt < attempts ? `failed (try ${attempt} of ${attempts}; the next comes by itself)` : "could not be brought up to date";
  const said = state === "failed" ? h("span", { class: "late" }, `PlanExe's own report ${tried}`) : "PlanExe's own report is not brought up to date";
  return h("details", { class: "quiet", id: `stale-${milestone}` }, h("summary", { id: `stale-${milestone}-summary` }, said), words(why));
}

/** A milestone's day, counted from the start of the run by the plan's estimates. */
function due({ due: planned, reached_at: reached, late_s: late }, done) {
  if (!planned) return reached && ["reached ", when(reached)];
  const behind = late > 0 && (reached || !done) ? [", ", h("span", { class: "late" }, lasting(late), " late")] : null;
  return reached ? ["planned ", when(planned), ", reached ", when(reached), behind] : ["planned ", when(planned), behind];
}

const starting = (progress) =>
  ["success", "failed"].includes(progress.state)
    ? h("div", { class: "notice danger" }, h("p", {}, "This run ended before it wrote anything down. The log of its first task in Airflow says why."))
    : h("div", { class: "notice" }, h("p", {}, "The run is starting: its steps appear as soon as its record is open."));

const footOf = (folder) => h("p", { class: "quiet" }, "Everything about this run is kept in ", h("code", { class: "path" }, words(folder)), ".");

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
