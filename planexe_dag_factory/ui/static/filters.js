// How the inbox is narrowed: by whose tickets, words, kind, plan, phase, due date, age and claim. The filter is the
// address, so that it can be kept and sent, and the back button works.

import { page, withQuery } from "./api.js";
import { h, visible, words } from "./dom.js";
import { KINDS, PRIORITIES } from "./labels.js";

const SCOPES = { me: "For me", mine: "By name", groups: "My groups", all: "All" };
const STATES = { open: "Open", answered: "Answered", closed: "Closed without an answer" };
const DUE = { overdue: "Overdue", today: "Within a day", week: "Within a week", none: "No date" };
const AGES = { 24: "Over a day", 72: "Over three days", 168: "Over a week" };
const CLAIMED = { me: "By me", none: "By nobody" };
const SORTS = { opened: "Longest open", "-opened": "Newest", due: "Due first", "-priority": "Most urgent", plan: "By plan" };
const FIELDS = ["scope", "kind", "dag_id", "run_id", "phase", "state", "due", "min_age_h", "claimed", "priority", "q", "sort"];
const LAST_SCOPE = "planexe-inbox-scope";
const FOCUS = "planexe-inbox-focus";
const FOLDED = ["due", "min_age_h", "claimed", "priority", "state", "sort"];

export const ALL_OPEN = { scope: "all" };

/** The filter that the address names, and the list that was chosen last where it names none. */
export function read() {
  const query = Object.fromEntries(new URLSearchParams(location.search));
  const filter = Object.fromEntries(FIELDS.map((name) => [name, query[name] ?? ""]));
  if (!(filter.scope in SCOPES)) filter.scope = stored(LAST_SCOPE) ?? "me";
  return { filter, offset: Math.max(0, Number.parseInt(query.offset ?? "0", 10) || 0) };
}

/** The filter as the address holds it, in one order. */
export const queryOf = (filter) => new URLSearchParams(FIELDS.filter((name) => filter[name]).map((name) => [name, filter[name]])).toString();

export const address = (filter, offset = 0) => withQuery(page("inbox"), { ...filter, offset: offset || "" });

/** Go to another filter, and back to the same control there. */
function go(filter, changed) {
  store(FOCUS, document.activeElement?.id ?? "", sessionStorage);
  location.assign(address({ ...filter, ...changed }));
}

export function returnFocus() {
  const id = stored(FOCUS, sessionStorage);
  if (!id) return;
  store(FOCUS, "", sessionStorage);
  document.getElementById(id)?.focus({ preventScroll: true });
}

export const isNarrow = (filter) => Object.entries(filter).some(([name, value]) => value && !["scope", "sort"].includes(name));

function stored(name, storage = localStorage) {
  try {
    return storage.getItem(name);
  } catch {
    return null;
  }
}

function store(name, value, storage = localStorage) {
  try {
    storage.setItem(name, value);
  } catch {
    // a browser that keeps nothing still shows everything
  }
}

export function scopes(counts, filter) {
  const link = ([scope, label]) =>
    h("a", { href: address({ ...filter, scope }), id: `scope-${scope}`, "aria-current": filter.scope === scope ? "page" : null, onclick: () => store(LAST_SCOPE, scope) }, label, h("span", { class: "tally" }, String(counts[scope])));
  return h("nav", { class: "scopes", "aria-label": "Whose tickets" }, Object.entries(SCOPES).map(link));
}

/** Made once: what is typed stays while the counts around it change. */
export const searchBox = ({ q }) => h("input", { id: "filter-q", type: "search", name: "q", value: q, placeholder: "Step, plan, role, comment", maxlength: "200" });

export function filters(found, filter, box) {
  const counted = (kind) => `${KINDS[kind]} (${found.counts.by_kind[kind] ?? 0})`;
  const set = FOLDED.filter((name) => filter[name]).length;
  return [
    h(
      "form",
      { class: "filters", role: "search", onsubmit: (event) => search(event, filter) },
      h("div", { class: "field wide" }, h("label", { for: "filter-q" }, "Search"), box),
      choice("kind", "Kind", [["", "All kinds"], ...Object.keys(KINDS).map((kind) => [kind, counted(kind)])], filter),
      choice("dag_id", "Plan", [["", "All plans"], ...found.plans.map(({ dag_id: id, title: name, open }) => [id, `${name} (${open})`])], filter),
      h(
        "details",
        { class: "more-filters", id: "more-filters", open: set > 0 && matchMedia("(min-width: 40rem)").matches },
        h("summary", { id: "more-filters-summary" }, "More", set > 0 && h("span", { class: "tally" }, String(set))),
        h(
          "div",
          { class: "filters" },
          choice("due", "Due", [["", "Any time"], ...Object.entries(DUE)], filter),
          choice("min_age_h", "Open for", [["", "Any time"], ...Object.entries(AGES)], filter),
          choice("claimed", "Claimed", [["", "By anybody or nobody"], ...Object.entries(CLAIMED)], filter),
          choice("priority", "Priority", [["", "Any"], ...Object.entries(PRIORITIES)], filter),
          choice("state", "State", [["", STATES.open], ["answered", STATES.answered], ["closed", STATES.closed]], filter),
          choice("sort", "Order", [["", SORTS.opened], ...Object.entries(SORTS).filter(([name]) => name !== "opened")], filter),
        ),
      ),
    ),
    h(
      "p",
      { class: "row" },
      filter.phase && chosenFilter("Phase", filter.phase, { ...filter, phase: "" }),
      filter.run_id && chosenFilter("Run", filter.run_id, { ...filter, run_id: "" }),
      h("span", { class: "quiet grow end", role: "status", id: "total" }, totalOf(found.total, filter.state)),
    ),
  ];
}

const totalOf = (total, state) => `${total} ${state || "open"} ${total === 1 ? "ticket" : "tickets"}`;

const chosenFilter = (label, value, without) => h("a", { class: "chip", href: address(without), title: "Show all again" }, `${label}: `, words(value), " ✕");

function search(event, filter) {
  event.preventDefault();
  go(filter, { q: event.target.elements.q.value.trim() });
}

function choice(name, label, options, filter) {
  const id = `filter-${name}`;
  const onchange = (event) => go(filter, { [name]: event.target.value, ...(name === "dag_id" ? { run_id: "", phase: "" } : {}) });
  const known = options.some(([value]) => value === filter[name]);
  const all = known ? options : [...options, [filter[name], filter[name]]];
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    h("select", { id, name, onchange }, all.map(([value, text]) => h("option", { value, selected: filter[name] === value }, visible(text)))),
  );
}
