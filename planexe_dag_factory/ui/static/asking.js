// Asking others about a ticket before it is answered: for information, or for their approval as well.

import { post, remove } from "./api.js";
import { announce, h, visible, words } from "./dom.js";
import { when } from "./labels.js";
import { whom } from "./whom.js";

/** The questions that nobody has replied to yet; one that is put to the reader leads to where a reply is written. */
export function openQuestions(questions, place, refresh) {
  const open = questions.filter((one) => one.open);
  return open.length > 0 && h("ul", { class: "said", id: "questions", "aria-label": "Information asked for" }, open.map((one) => line(one, place, refresh)));
}

function line(one, place, refresh) {
  const take = async (event) => {
    event.target.disabled = true;
    await remove(["tickets", ...place, "questions", `${one.n}`]).then(() => announce("Question withdrawn"), (refusal) => announce(refusal.message));
    await refresh();
  };
  return h(
    "li",
    {},
    h("div", { class: "row tight" }, h("span", { class: "chip is-waiting" }, "Information asked of ", words(one.to)), h("span", { class: "quiet" }, "by ", words(one.who), " ", when(one.at))),
    h("p", { class: "prose" }, words(one.text)),
    one.to_you && h("button", { class: "button small", type: "button", onclick: () => document.getElementById("comment-text")?.focus() }, "Reply with a comment"),
    one.yours && h("button", { class: "button small quiet", type: "button", onclick: take }, "Withdraw the question"),
  );
}

const ASK = {
  id: "ask",
  title: "Ask for information",
  said: "The ticket stays open, and reminders go on. They reply with a comment.",
  label: "What (it goes on record)",
  empty: "Write your question.",
  to: "questions",
  field: "question",
  most: "10000",
  send: "Ask",
};
const ADD = {
  id: "add",
  title: "Add an approver",
  said: "Their approval is needed too, beside those that the policy asks for. Nothing starts without it.",
  label: "Why (they read it, and it goes on record)",
  empty: "Say why.",
  to: "approvers",
  field: "reason",
  most: "2000",
  send: "Add",
};

/** Ask somebody for information; the ticket stays open. */
export const ask = (place, done) => putTo(ASK, place, done);

/** Make somebody's approval necessary as well. */
export const addApprover = (place, done) => putTo(ADD, place, done);

/** Who was added to those who must approve; who added them can take it back while nobody has approved since. */
export function addedApprovers(added, place, refresh) {
  const takeBack = (one) => async (event) => {
    event.target.disabled = true;
    await remove(["tickets", ...place, "approvers", `${one.n}`]).then(() => announce("Taken back"), (refusal) => announce(refusal.message));
    await refresh();
  };
  return added.map((one) =>
    h(
      "li",
      {},
      h("div", { class: "row tight" }, h("strong", {}, words(one.to)), h("span", { class: one.met ? "chip is-done" : "chip is-waiting" }, one.met ? "Has approved" : "Has still to approve")),
      h("div", { class: "quiet" }, "added by ", words(one.who), " ", when(one.at)),
      h("p", { class: "prose" }, words(one.reason)),
      one.yours && h("button", { class: "button small quiet", type: "button", onclick: takeBack(one) }, "Take back"),
    ),
  );
}

async function putTo(what, place, done) {
  const { element: to, chosen } = await whom(`${what.id}-to`);
  const text = h("textarea", { id: `${what.id}-${what.field}`, rows: 4, maxlength: what.most });
  const error = h("p", { class: "error", role: "alert" });
  const form = h(
    "form",
    { novalidate: true, onsubmit: (event) => send(event) },
    h("h2", { id: `${what.id}-title` }, what.title),
    h("p", {}, what.said),
    h("div", { class: "field" }, h("label", { for: to.id }, "Whom"), to),
    h("div", { class: "field" }, h("label", { for: text.id }, what.label), text),
    error,
    h("p", { class: "row" }, h("button", { class: "button", type: "submit" }, what.send), h("button", { class: "button quiet", type: "button", onclick: () => dialog.close() }, "Cancel")),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": `${what.id}-title`, onclose: () => dialog.remove() }, form);

  async function send(event) {
    event.preventDefault();
    if (!chosen()) return complain(to, "Say whom.");
    if (!text.value.trim()) return complain(text, what.empty);
    try {
      await post(["tickets", ...place, what.to], { to: chosen(), [what.field]: text.value.trim() });
      dialog.close();
      await done();
    } catch (refusal) {
      complain(to, refusal.problems?.join(" ") ?? "The server does not answer. Try again.");
    }
  }
  function complain(input, said) {
    error.textContent = visible(said);
    input.focus();
  }
  document.body.append(dialog);
  dialog.showModal();
}
