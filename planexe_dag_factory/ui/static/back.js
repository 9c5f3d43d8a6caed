// The snapshots of a run, and the way back to one: a new run, which takes over what was done by then.

import { get, page, trigger } from "./api.js";
import { h, region, visible, words } from "./dom.js";
import { folded, when } from "./labels.js";

/** The snapshots, folded away until somebody wants them: nothing is asked before. */
export function wayBack(dagId, runId, titles) {
  const list = region("div");
  const element = folded("snapshots", "Snapshots", "what a new run can go on from", refresh, list.element);
  const nameOf = (name) => (name === "final" ? "The end of the run" : (titles.get(name) ?? name));

  async function refresh() {
    if (!element.open) return;
    list.draw(await get(["runs", dagId, runId, "snapshots"]), ({ snapshots, may_go_back: may, why_not: whyNot }) => [
      snapshots.length === 0 && h("p", { class: "quiet" }, "There is none yet: each milestone takes one."),
      h("ul", { class: "lines" }, snapshots.map((one) => h("li", {}, line(one, may)))),
      whyNot && snapshots.length > 0 && h("p", { class: "quiet" }, words(whyNot)),
    ]);
  }
  const line = (one, may) => [
    h("span", { class: "grow" }, words(nameOf(one.name)), h("span", { class: "quiet" }, " sealed ", when(one.at), ` · ${one.files} files, ${one.events} events`)),
    may && h("button", { class: "button small quiet", type: "button", id: `back-${one.name}`, onclick: () => confirm(one) }, "Go on from here"),
  ];

  function confirm(snapshot) {
    const problem = h("p", { class: "error", role: "alert" });
    const start = h("button", { class: "button", type: "submit", id: "back-start" }, "Start a new run");
    const form = h(
      "form",
      { novalidate: true, onsubmit: send },
      h("h2", { id: "back-title" }, "Go on from ", words(nameOf(snapshot.name)), "?"),
      h("p", {}, "A new run of the plan as it is now takes over every step that was done by then and has not changed, and does the rest again. An approval holds only where plan, step and policy are what was approved; else it is asked for again."),
      h("p", {}, "This run is kept, and its record says where the work goes on."),
      problem,
      h("p", { class: "row" }, start, h("button", { class: "button quiet", type: "button", onclick: () => dialog.close() }, "Cancel")),
    );
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "back-title", onclose: () => dialog.remove() }, form);

    async function send(event) {
      event.preventDefault();
      start.disabled = true;
      problem.textContent = "";
      try {
        const { ok, problems } = await get(["runs", dagId, runId, "record"]);
        if (!ok) throw new Error(`The record of this run does not hold: ${problems[0].file} ${problems[0].message}`);
        location.assign(page("runs", dagId, await trigger(dagId, snapshot.conf)));
      } catch (error) {
        problem.textContent = visible(error.message);
        start.disabled = false;
      }
    }
    document.body.append(dialog);
    dialog.showModal();
  }
  return { element, refresh };
}
