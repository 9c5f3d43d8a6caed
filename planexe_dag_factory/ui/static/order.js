// Keeping the inbox in order: how urgent a ticket is, until when the reader puts it off, and the filters that they keep.

import { get, put, remove } from "./api.js";
import { announce, fill, h, visible, words } from "./dom.js";
import { localTime } from "./desk.js";
import { dated, PRIORITIES } from "./labels.js";

const DAY_MS = 86400000;

/** The priority of a ticket, to be chosen by whoever deals with it. */
export function priority(ticket, place, refresh) {
  const set = async (event) => {
    const chosen = event.target.value;
    await put(["tickets", ...place, "priority"], { priority: chosen }).then(() => announce(`Priority: ${PRIORITIES[chosen]}`), (refusal) => announce(refusal.message));
    await refresh();
  };
  return h(
    "label",
    { class: "row tight" },
    "Priority",
    h("select", { id: "priority", class: "small", onchange: set }, Object.entries(PRIORITIES).map(([value, name]) => h("option", { value, selected: value === ticket.priority }, name))),
  );
}

/** Until when the reader has put a ticket off, or a button to do so. */
export function putOff({ put_off_until: until, due_at: due }, place, refresh) {
  const takeUp = async () => {
    await put(["tickets", ...place, "put-off"], { until: null }).then(() => announce("Taken up again"), (refusal) => announce(refusal.message));
    await refresh();
  };
  if (until) return [h("span", { class: "chip is-waiting", id: "put-off-until" }, "You have put it off until ", dated(until)), h("button", { class: "button small quiet", id: "take-up", type: "button", onclick: takeUp }, "Take it up again")];
  return h("button", { class: "button small quiet", id: "put-off", type: "button", onclick: () => putOffDialog(due, place, refresh) }, "Put off…");
}

function putOffDialog(due, place, done) {
  const proposed = Math.min(Date.now() + DAY_MS, due && new Date(due) > Date.now() ? new Date(due) : Infinity);
  const until = h("input", { id: "put-off-time", type: "datetime-local", value: localTime(proposed) });
  const error = h("p", { class: "error", role: "alert" });
  const form = h(
    "form",
    { novalidate: true, onsubmit: (event) => send(event) },
    h("h2", { id: "put-off-title" }, "Put off"),
    h("p", {}, "It leaves your lists until then; others see it as before, and reminders go on."),
    h("div", { class: "field" }, h("label", { for: "put-off-time" }, "Until"), until),
    error,
    h("p", { class: "row" }, h("button", { class: "button", type: "submit" }, "Put off"), h("button", { class: "button quiet", type: "button", onclick: () => dialog.close() }, "Cancel")),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "put-off-title", onclose: () => dialog.remove() }, form);

  async function send(event) {
    event.preventDefault();
    if (!until.value) return complain("Say until when.");
    try {
      await put(["tickets", ...place, "put-off"], { until: new Date(until.value).toISOString() });
      dialog.close();
      await done();
    } catch (refusal) {
      complain(refusal.problems?.join(" ") ?? "The server does not answer. Try again.");
    }
  }
  function complain(said) {
    error.textContent = visible(said);
    until.focus();
  }
  document.body.append(dialog);
  dialog.showModal();
}

/** The filters that the reader keeps, and a field to keep the present one; `query` is what the address holds. */
export function keptFilters(address, query) {
  const element = h("div", { class: "row kept-filters" });
  const draw = (kept, problem) =>
    fill(
      element,
      kept.map((one) => h("span", { class: "chip" }, h("a", { href: `${address}?${one.query}`, "aria-current": one.query === query ? "page" : null }, words(one.name)), " ", h("button", { class: "quiet drop", type: "button", title: "Keep it no longer", "aria-label": `Keep ${visible(one.name)} no longer`, onclick: () => drop(one) }, "✕"))),
      h("button", { class: "button small quiet", id: "keep-filter", type: "button", onclick: () => ask(kept) }, "Keep this filter…"),
      problem && h("span", { class: "error", role: "alert" }, words(problem)),
    );
  const load = async (problem) => draw(await get(["me", "filters"]).catch(() => []), problem);
  const drop = (one) => remove(["me", "filters", one.name]).then(() => load(), (refusal) => load(refusal.message));
  function ask(kept) {
    const name = h("input", { id: "filter-name", maxlength: "60", placeholder: "Its name", "aria-label": "Name of the filter", autocomplete: "off" });
    const keep = async (event) => {
      event.preventDefault();
      const given = name.value.trim();
      if (!given) return name.focus();
      await put(["me", "filters", given], { query }).then(() => load(), (refusal) => load(refusal.problems?.join(" ") ?? refusal.message));
      document.getElementById("keep-filter")?.focus();
    };
    draw(kept);
    document.getElementById("keep-filter").replaceWith(h("form", { class: "row tight", onsubmit: keep }, name, h("button", { class: "button small", type: "submit" }, "Keep")));
    name.focus();
  }
  load();
  return element;
}
