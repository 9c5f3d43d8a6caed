// The inbox: what waits for me, for my groups, for anybody. Tickets are claimed and released many at once; they are
// answered one by one.

import { get, page, post } from "./api.js";
import { away } from "./away.js";
import { announce, fill, h, region, show, title, visible, words } from "./dom.js";
import { address, ALL_OPEN, filters, isNarrow, queryOf, read, returnFocus, scopes, searchBox } from "./filters.js";
import { shortcuts } from "./keys.js";
import { handOverAll } from "./desk.js";
import { amount, dated, kindChip, priorityChip, when } from "./labels.js";
import { keepFresh } from "./live.js";
import { keptFilters } from "./order.js";

const PAGE = 50;
export async function inbox() {
  title("Inbox");
  const wanted = read();
  const list = region("div");
  const chosen = new Map();
  const tabs = region("div");
  const narrowing = region("div");
  const box = searchBox(wanted.filter);
  const told = h("div", { role: "status" });
  const bar = h("div", { class: "bulk", role: "region", "aria-label": "Chosen tickets", hidden: true });
  const limits = { limit: PAGE, offset: wanted.offset };
  keysOf(list.element, act);
  const leave = away(() => refresh());
  const kept = keptFilters(page("inbox"), queryOf(wanted.filter));
  const you = await get(["people"]).then(({ you }) => you).catch(() => []);

  const refresh = keepFresh(
    () => get(["tickets"], { ...wanted.filter, ...limits }),
    (found) => {
      if (!list.element.isConnected) show(h("div", { class: "row" }, h("h1", {}, "Inbox"), leave), tabs.element, narrowing.element, kept, told, list.element, bar);
      const listed = new Set(found.tickets.map(keyOf));
      for (const key of chosen.keys()) if (!listed.has(key)) chosen.delete(key);
      tabs.draw(found.counts, (counts) => scopes(counts, wanted.filter));
      const busy = narrowing.element.contains(document.activeElement); // nothing moves under a hand at work
      if (!busy) narrowing.draw([found.counts, found.plans, found.total], () => filters(found, wanted.filter, box));
      list.draw({ found, you }, () => rows(found));
      drawBar();
      returnFocus();
    },
  );

  function rows(found) {
    if (!found.tickets.length) return nothing(wanted.filter, found.unread);
    return [
      found.unread > 0 && h("p", { class: "quiet" }, `${found.unread} more are being read, and appear in a moment.`),
      h("ul", { class: "tickets" }, found.tickets.map((ticket) => row(ticket, wanted.filter, you, choose(ticket)))),
      pager(found, wanted),
    ];
  }
  const choose = (ticket) =>
    h("input", {
      type: "checkbox",
      id: `choose-${keyOf(ticket)}`,
      "aria-label": `Choose ${visible(ticket.title)}`,
      checked: chosen.has(keyOf(ticket)),
      disabled: ticket.state !== "open",
      onchange: (event) => {
        if (event.target.checked) chosen.set(keyOf(ticket), ticket);
        else chosen.delete(keyOf(ticket));
        drawBar();
      },
    });

  function drawBar() {
    bar.hidden = chosen.size === 0;
    const clear = () => {
      chosen.clear();
      for (const box of list.element.querySelectorAll(":checked")) box.checked = false;
      drawBar();
    };
    fill(
      bar,
      h("strong", {}, chosen.size === 1 ? "1 ticket" : `${chosen.size} tickets`),
      h("button", { class: "button", id: "claim-all", type: "button", onclick: () => act("claim") }, "Claim"),
      h("button", { class: "button quiet", id: "release-all", type: "button", onclick: () => act("release") }, "Release"),
      h("button", { class: "button quiet", id: "hand-over-all", type: "button", onclick: () => handOverAll(placesOf([...chosen.values()]), handedOver) }, "Hand over…"),
      h("button", { class: "button quiet", id: "clear-all", type: "button", onclick: clear }, "Choose none"),
      h("span", { class: "quiet grow" }, "Answers are given one by one, in the ticket."),
    );
  }

  async function handedOver({ tickets }) {
    fill(told, outcome("handed over", tickets, [...chosen.values()]));
    chosen.clear();
    await refresh();
    for (const box of list.element.querySelectorAll(":checked")) box.checked = false;
    drawBar();
  }

  async function act(action, places = [...chosen.values()]) {
    if (!places.length) return;
    try {
      const { tickets } = await post(["tickets", action], { tickets: placesOf(places) });
      fill(told, outcome(action === "claim" ? "claimed" : "released", tickets, places));
      chosen.clear();
    } catch (error) {
      fill(told, h("div", { class: "notice danger" }, h("p", {}, h("strong", {}, `Nothing was ${action === "claim" ? "claimed" : "released"}. `), words(error.problems?.join(" ") ?? "The server does not answer. Try again."))));
    }
    await refresh();
    for (const box of list.element.querySelectorAll(":checked")) box.checked = false;
    drawBar();
  }
}

const placesOf = (tickets) => tickets.map(({ dag_id, run_id, task_id }) => ({ dag_id, run_id, task_id }));

const keyOf = ({ dag_id: dag, run_id: run, task_id: task }) => [dag, run, task].join("/");

function row(ticket, filter, you, box) {
  const { dag_id: dag, run_id: run, task_id: task } = ticket;
  return h(
    "li",
    { class: "ticket-row" },
    h("div", { class: "pick" }, box, kindChip(ticket.kind)),
    h(
      "div",
      { class: "grow" },
      h("div", { class: "row tight" }, h("a", { class: "strong open-ticket", id: `open-${keyOf(ticket)}`, href: page("tickets", dag, run, task) }, words(ticket.title)), ticket.amount !== null && h("span", { class: "money" }, amount(ticket.amount, ticket.currency))),
      h("div", { class: "quiet" }, h("a", { href: address({ ...filter, dag_id: dag, phase: "" }) }, words(ticket.plan)), ticket.phase && [" › ", h("a", { href: address({ ...filter, dag_id: dag, phase: ticket.phase }) }, words(ticket.phase))]),
      h("div", { class: "quiet" }, asked(ticket), lent(ticket), " · opened ", when(ticket.opened_at), votes(ticket), ticket.comments > 0 && ` · ${ticket.comments} ${ticket.comments === 1 ? "comment" : "comments"}`),
    ),
    h("div", { class: "standing" }, ticket.information_from.map((one) => h("span", { class: "chip is-waiting" }, "Information asked of ", words(one))), ticket.put_off_until && h("span", { class: "chip" }, "Put off until ", dated(ticket.put_off_until)), priorityChip(ticket.priority), due(ticket), holder(ticket, you)),
  );
}

const asked = ({ assignee, users, groups }) => {
  const names = [...groups.map((group) => `group ${group}`), ...users];
  return ["for ", words(assignee || "anybody"), names.length > 0 && [" (", words(names.slice(0, 3).join(", ")), names.length > 3 && ` and ${names.length - 3} more`, ")"]];
};

const lent = ({ answers_for: away }) => away && [" · ", h("strong", {}, "for ", words(away.user), ", away until ", dated(away.until))];

const votes = ({ approvals }) => approvals.needed > 1 && ` · ${approvals.given} of ${approvals.needed} have approved`;

function due({ due_at: moment, state }) {
  if (!moment || state !== "open") return null;
  const late = new Date(moment) < new Date();
  return h("span", { class: late ? "late" : "quiet" }, late ? "Late: was due " : "Due ", when(moment));
}

function holder({ state, claimed_by: who, answered_by: by, answered_with: option, answered_at: at }, you) {
  if (state === "closed") return h("span", { class: "quiet" }, "Closed without an answer");
  if (state === "answered") return h("span", { class: "quiet" }, words(option ?? "Answered"), by && [" by ", words(by)], at && [" ", when(at)]);
  if (!who) return null;
  return h("span", { class: you.includes(who) ? "chip is-done" : "chip" }, you.includes(who) ? "Yours" : ["Claimed by ", words(who)]);
}

function pager({ total }, { filter, offset }) {
  if (total <= PAGE) return null;
  const last = Math.min(offset + PAGE, total);
  return h(
    "nav",
    { class: "pager", "aria-label": "Pages" },
    offset > 0 ? h("a", { class: "button quiet", id: "previous", rel: "prev", href: address(filter, Math.max(0, offset - PAGE)) }, "Previous") : h("span"),
    h("span", { class: "quiet" }, `${offset + 1} to ${last} of ${total}`),
    last < total ? h("a", { class: "button quiet", id: "next", rel: "next", href: address(filter, last) }, "Next") : h("span"),
  );
}

function nothing(filter, unread) {
  if (unread > 0) return h("p", { class: "loading", role: "status" }, `Reading ${unread} tickets…`);
  const filtered = isNarrow(filter);
  const said = {
    me: "Nothing is asked of you, of your groups or of everybody.",
    mine: "Nothing is asked of you by name. Your groups' tickets and those of everybody are in the other lists.",
    groups: "Nothing is asked of your groups.",
    all: "No open tickets. When a plan needs a person, the ticket appears here.",
  };
  return h(
    "div",
    { class: "notice" },
    h("h2", {}, "Nothing waits"),
    h("p", {}, filtered ? "No ticket fits this filter." : said[filter.scope]),
    (filtered || filter.scope !== "all") && h("p", {}, h("a", { href: address(ALL_OPEN) }, "Show all open tickets")),
  );
}

function outcome(past, done, places) {
  const good = done.filter(({ ok }) => ok).length;
  const bad = done.filter(({ ok }) => !ok);
  const name = (one) => places.find((place) => keyOf(place) === keyOf(one))?.title ?? one.task_id;
  announce(`${good} ${past}${bad.length ? `, ${bad.length} not` : ""}`);
  return h(
    "div",
    { class: `notice ${bad.length ? "danger" : "good"}` },
    h("p", {}, h("strong", {}, `${good === 1 ? "1 ticket" : `${good} tickets`} ${past}.`), bad.length > 0 && ` ${bad.length} not:`),
    bad.length > 0 && h("ul", { class: "lines" }, bad.map((one) => h("li", {}, words(name(one)), ": ", words(one.problem)))),
  );
}

/** Move among the tickets, choose and claim them, without the mouse. */
function keysOf(list, act) {
  const links = () => [...list.querySelectorAll(".open-ticket")];
  const row = () => document.activeElement?.closest(".ticket-row");
  const step = (by) => {
    const all = links();
    const at = all.indexOf(row()?.querySelector(".open-ticket"));
    all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))]?.focus();
  };
  const tick = () => row()?.querySelector("input:not(:disabled)")?.click();
  const own = (action) => () => {
    const box = row()?.querySelector("input:not(:disabled)");
    if (box && !box.checked && !list.querySelector(":checked")) box.click();
    act(action);
  };
  shortcuts(
    { keys: "/", does: "Search", act: () => document.getElementById("filter-q")?.focus() },
    { keys: "j", does: "Next ticket", act: () => step(1) },
    { keys: "k", does: "Ticket before", act: () => step(-1) },
    { keys: "x", does: "Choose the ticket, or not", act: tick },
    { keys: "c", does: "Claim the chosen tickets", act: own("claim") },
    { keys: "r", does: "Release the chosen tickets", act: own("release") },
  );
}
