// Who deals with a ticket, and what they say about it: claim, release, hand over, comments, attachments, history.

import { post, resource, upload } from "./api.js";
import { fill, h, region, visible, words } from "./dom.js";
import { clock, dated, when } from "./labels.js";
import { whom } from "./whom.js";

const LARGEST = 10 * 1024 * 1024;
const DAY_MS = 86400000;

/** Who is asked, who has claimed it, and what the reader can do about that. */
export function holding(ticket, act, ...more) {
  const { assigned, claimed_by: holder, state, yours } = ticket;
  const open = state === "open";
  return h(
    "div",
    { class: "row holding" },
    h("span", {}, "For ", h("strong", {}, words(ticket.assignee || "anybody")), names(assigned)),
    open && ticket.away.map((one) => h("span", { class: "quiet" }, words(one.user), " is away until ", dated(one.until), ", and ", words(one.deputy), " answers as well")),
    open && ticket.answers_for && h("span", { class: "chip is-waiting", id: "answers-for" }, "You answer for ", words(ticket.answers_for.user), ", away until ", dated(ticket.answers_for.until)),
    isOwners(assigned) && h("span", { class: "quiet" }, "(nobody is named for this role, so the owner is asked)"),
    open && holder && h("span", { class: yours ? "chip is-done" : "chip is-waiting" }, yours ? "Yours" : ["Claimed by ", words(holder)]),
    open && !holder && ticket.may_answer && ticket.votes?.needed < 2 && h("button", { class: "button small", id: "claim", type: "button", onclick: () => act("claim") }, "Claim"),
    open && yours && h("button", { class: "button small quiet", id: "release", type: "button", onclick: () => act("release") }, "Release"),
    ticket.may_act && h("button", { class: "button small quiet", id: "hand-over", type: "button", onclick: () => act("hand") }, "Hand over…"),
    ticket.may_remind && h("button", { class: "button small quiet", id: "remind", type: "button", onclick: () => act("remind") }, "Remind"),
    ticket.may_ask && h("button", { class: "button small quiet", id: "ask", type: "button", onclick: () => act("ask") }, "Ask…"),
    ticket.may_add && h("button", { class: "button small quiet", id: "add-approver", type: "button", onclick: () => act("add") }, "Add an approver…"),
    more,
  );
}

const isOwners = (assigned) => assigned && !assigned.mapped && assigned.users.length + assigned.groups.length > 0;

function names(assigned) {
  const all = [...(assigned?.groups ?? []).map((group) => `group ${group}`), ...(assigned?.users ?? [])];
  return all.length > 0 && [" (", words(all.slice(0, 5).join(", ")), all.length > 5 && ` and ${all.length - 5} more`, ")"];
}

/** Ask for somebody else about one ticket: instead, or as well for a while. */
export const handOver = (place, done) => handing((action, body) => post(["tickets", ...place, action], body), done);

/** Ask for somebody else instead, about many tickets; `done` is told what became of each. */
export const handOverAll = (places, done) => handing((_, body) => post(["tickets", "reassign"], { ...body, tickets: places }), done, { many: places.length });

async function handing(send, done, { many = 0 } = {}) {
  const { element: to, chosen } = await whom("hand-to");
  const reason = h("textarea", { id: "hand-reason", rows: 3, maxlength: "2000" });
  const until = h("input", { id: "hand-until", type: "datetime-local", value: localTime(Date.now() + 7 * DAY_MS) });
  const untilField = h("div", { class: "field", hidden: true }, h("label", { for: "hand-until" }, "Until"), until);
  const error = h("p", { class: "error", role: "alert" });
  const way = (value, label, checked) => h("label", { class: "option" }, h("input", { type: "radio", name: "way", value, checked, onchange: () => (untilField.hidden = value !== "delegate") }), label);
  const form = h(
    "form",
    { novalidate: true, onsubmit: (event) => submit(event) },
    h("h2", { id: "hand-title" }, many ? `Hand over ${many} ${many === 1 ? "ticket" : "tickets"}` : "Hand over"),
    many ? h("p", {}, "They are asked instead.") : h("fieldset", {}, h("legend", { class: "unseen" }, "How"), way("reassign", "They are asked instead", true), way("delegate", "They are asked as well, for a while", false)),
    h("div", { class: "field" }, h("label", { for: "hand-to" }, "To whom"), to),
    untilField,
    h("div", { class: "field" }, h("label", { for: "hand-reason" }, "Why (they read it, and it goes on record)"), reason),
    error,
    h("p", { class: "row" }, h("button", { class: "button", type: "submit" }, "Hand over"), h("button", { class: "button quiet", type: "button", onclick: () => dialog.close() }, "Cancel")),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "hand-title", onclose: () => dialog.remove() }, form);

  async function submit(event) {
    event.preventDefault();
    if (!chosen()) return complain(to, "Say to whom.");
    if (!reason.value.trim()) return complain(reason, "Say why.");
    const action = many ? "reassign" : form.elements.way.value;
    const body = { to: chosen(), reason: reason.value.trim() };
    if (action === "delegate") {
      if (!until.value) return complain(until, "Say until when.");
      body.until = new Date(until.value).toISOString();
    }
    try {
      const told = await send(action, body);
      dialog.close();
      done(told);
    } catch (refusal) {
      complain(to, refusal.problems?.join(" ") ?? "The server does not answer. Try again.");
    }
  }
  function complain(input, text) {
    error.textContent = visible(text);
    input.focus();
  }
  document.body.append(dialog);
  dialog.showModal();
}

export const localTime = (moment) => new Date(new Date(moment) - new Date(moment).getTimezoneOffset() * 60000).toISOString().slice(0, 16);

/** Comments and attachments. The boxes to write in are made once: a live refresh never touches what is typed. */
export function talk(place, refresh) {
  const said = region("div");
  const kept = region("div");
  const writing = h("div");
  const text = h("textarea", { id: "comment-text", rows: 2, maxlength: "10000" });
  const url = h("input", { id: "link-url", type: "url", inputmode: "url", placeholder: "https://", autocomplete: "off" });
  const name = h("input", { id: "link-title", maxlength: "250", autocomplete: "off" });
  const file = h("input", { id: "file", type: "file" });
  const error = h("p", { class: "error", role: "alert" });

  const sending = (send) => async (event) => {
    event.preventDefault();
    const button = event.submitter;
    button.disabled = true;
    error.textContent = "";
    try {
      await send();
      event.target.reset();
      await refresh();
    } catch (refusal) {
      error.textContent = visible(refusal.problems?.join(" ") ?? refusal.message ?? "The server does not answer. Try again.");
    }
    button.disabled = false;
  };
  const comment = sending(async () => {
    if (!text.value.trim()) throw new Error("Write something first.");
    await post(["tickets", ...place, "comments"], { text: text.value });
  });
  const link = sending(() => post(["tickets", ...place, "links"], { url: url.value.trim(), title: name.value.trim() }));
  const attach = sending(async () => {
    if (!file.files.length) throw new Error("Choose a file first.");
    if (file.files[0].size > LARGEST) throw new Error("A file may have 10 MB at most.");
    const form = new FormData();
    form.append("file", file.files[0]);
    await upload(["tickets", ...place, "attachments"], form);
  });
  fill(
    writing,
    h("form", { novalidate: true, onsubmit: comment }, h("div", { class: "field" }, h("label", { for: "comment-text" }, "Add a comment"), text), h("button", { class: "button small", type: "submit" }, "Comment")),
    h(
      "details",
      { class: "field" },
      h("summary", {}, "Attach a file or a link"),
      h("form", { novalidate: true, onsubmit: attach, class: "attach" }, h("div", { class: "field grow" }, h("label", { for: "file" }, "File (10 MB at most; kept in the run folder)"), file), h("button", { class: "button small quiet", type: "submit" }, "Attach file")),
      h("form", { novalidate: true, onsubmit: link, class: "attach" }, h("div", { class: "field grow" }, h("label", { for: "link-url" }, "Address"), url), h("div", { class: "field grow" }, h("label", { for: "link-title" }, "Name (optional)"), name), h("button", { class: "button small quiet", type: "submit" }, "Attach link")),
    ),
    error,
  );
  return {
    element: h("section", { class: "block", "aria-labelledby": "talk-title" }, h("h2", { id: "talk-title" }, "Comments and attachments"), said.element, kept.element, writing),
    draw(ticket) {
      said.draw(ticket.comments ?? [], (all) => h("ul", { class: "said" }, all.map(commentLine)));
      kept.draw(ticket.attachments ?? [], (all) => h("ul", { class: "said" }, all.map((one) => attachmentLine(place, one))));
      writing.hidden = !ticket.may_act;
    },
  };
}

const commentLine = ({ who, at, text }) => h("li", {}, h("div", { class: "quiet" }, h("strong", {}, words(who)), " ", when(at)), h("div", { class: "prose" }, words(text)));

/** A link is text: who attached it is named, and nothing leads away from the page by one careless click. */
function attachmentLine(place, { n, title, url, size, who, at }) {
  return h(
    "li",
    {},
    h("div", {}, words(title), size !== null && size !== undefined && [` (${sizeOf(size)}) `, h("a", { href: resource("tickets", ...place, "attachments", String(n)), download: "" }, `Download file ${n}`)]),
    url && url !== title && h("div", { class: "address" }, words(url)),
    h("div", { class: "quiet" }, "attached by ", words(who), " ", when(at)),
  );
}

const sizeOf = (bytes) => (bytes < 1024 ? `${bytes} bytes` : bytes < 1024 ** 2 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1024 ** 2).toFixed(1)} MB`);

/** Everything on record about the step, oldest first; words of people and agents are quoted. */
export function historyOf(history) {
  return h("ol", { class: "history" }, history.map(({ at, who, what, text }) => h("li", {}, h("div", {}, h("strong", {}, words(who === "planexe-dag-factory" ? "PlanExe" : who)), " ", words(what)), text && h("blockquote", { class: "prose" }, words(text.length > 500 ? `${text.slice(0, 500)}…` : text)), h("div", { class: "quiet" }, clock(at)))));
}
