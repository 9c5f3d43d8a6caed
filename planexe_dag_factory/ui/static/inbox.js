// The open tickets, longest waiting first, by plan and kind, page by page.

import { get, page } from "./api.js";
import { h, show, title, words } from "./dom.js";
import { KINDS, kindChip, when } from "./labels.js";
import { keepFresh } from "./live.js";

const PAGE = 25;

export function inbox() {
  title("Inbox");
  const wanted = Object.fromEntries(new URLSearchParams(location.search));
  const offset = Math.max(0, Number.parseInt(wanted.offset ?? "0", 10) || 0);
  const filter = { dag_id: wanted.dag_id ?? "", run_id: wanted.run_id ?? "", kind: wanted.kind ?? "" };
  const names = get(["plans"]).then((plans) => plans.map(({ dag_id, title: name }) => [dag_id, name])).catch(() => []);
  const load = async () => ({ ...(await get(["tickets"], { ...filter, offset, limit: PAGE })), plans: await names });
  return keepFresh(load, (found) =>
    show(
      h("h1", {}, "Inbox"),
      h("p", { class: "quiet" }, "What waits for a person. Answering here and on Airflow's Required Actions page is the same."),
      filters(found, filter),
      found.tickets.length ? [h("ul", { class: "tickets" }, found.tickets.map(row)), pager(found, filter, offset)] : nothing(filter),
    ),
  );
}

function row(ticket) {
  const late = ticket.due_at && new Date(ticket.due_at) < new Date();
  return h(
    "li",
    { class: "ticket-row" },
    kindChip(ticket.kind),
    h(
      "div",
      { class: "grow" },
      h("a", { class: "strong", id: `open-${ticket.run_id}-${ticket.task_id}`, href: page("tickets", ticket.dag_id, ticket.run_id, ticket.task_id) }, words(ticket.title)),
      h("div", {}, words(ticket.ask)),
      h("div", { class: "quiet" }, words(ticket.plan), ticket.assignee && [" · for ", words(ticket.assignee)], " · opened ", when(ticket.opened_at)),
    ),
    ticket.due_at && h("span", { class: late ? "late" : "quiet" }, late ? "Late: was due " : "Due ", when(ticket.due_at)),
  );
}

function filters(found, filter) {
  return h(
    "form",
    { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
    choice("dag_id", "Plan", [["", "All plans"], ...found.plans], filter),
    choice("kind", "Kind", [["", "All kinds"], ...Object.entries(KINDS)], filter),
    filter.run_id && h("a", { href: address({ ...filter, run_id: "" }) }, "Show tickets of all runs"),
    h("span", { class: "quiet grow end", role: "status" }, found.total === 1 ? "1 open ticket" : `${found.total} open tickets`),
  );
}

function choice(name, label, options, filter) {
  const id = `filter-${name}`;
  const onchange = (event) => location.assign(address({ ...filter, run_id: name === "dag_id" ? "" : filter.run_id, [name]: event.target.value }));
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    h("select", { id, name, onchange }, options.map(([value, text]) => h("option", { value, selected: filter[name] === value }, text))),
  );
}

function pager({ total }, filter, offset) {
  if (total <= PAGE) return null;
  const last = Math.min(offset + PAGE, total);
  return h(
    "nav",
    { class: "pager", "aria-label": "Pages" },
    offset > 0 ? h("a", { class: "button quiet", id: "previous", href: address(filter, Math.max(0, offset - PAGE)) }, "Previous") : h("span"),
    h("span", { class: "quiet" }, `${offset + 1} to ${last} of ${total}`),
    last < total ? h("a", { class: "button quiet", id: "next", href: address(filter, last) }, "Next") : h("span"),
  );
}

const address = (filter, offset = 0) => {
  const query = Object.entries({ ...filter, offset: offset || "" }).filter(([, value]) => value !== "");
  return `${page("inbox")}?${new URLSearchParams(query)}`;
};

const nothing = (filter) =>
  h("div", { class: "notice" }, h("h2", {}, "Nothing waits"), h("p", {}, filter.dag_id || filter.kind || filter.run_id ? "No open ticket fits this filter. " : "No open tickets. When a plan needs a person, the ticket appears here."), (filter.dag_id || filter.kind || filter.run_id) && h("a", { href: page("inbox") }, "Show all tickets"));
