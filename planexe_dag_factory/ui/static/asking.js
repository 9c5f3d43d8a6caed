// Asking somebody for information about a ticket before it is answered, and what is still asked.

import { get, post, remove } from "./api.js";
import { announce, h, visible, words } from "./dom.js";
import { when } from "./labels.js";

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

/** Ask somebody; the ticket stays open. */
export async function ask(place, done) {
  const people = await get(["people"]).catch(() => ({ users: [], groups: {} }));
  const options = [...people.users.map((user) => [`user:${user}`, user]), ...Object.keys(people.groups).map((group) => [`group:${group}`, `Group ${group}`])];
  const to = options.length
    ? h("select", { id: "ask-to" }, h("option", { value: "" }, "Choose…"), options.map(([value, text]) => h("option", { value }, visible(text))))
    : h("input", { id: "ask-to", placeholder: "Airflow user name", autocomplete: "off" });
  const question = h("textarea", { id: "ask-question", rows: 4, maxlength: "10000" });
  const error = h("p", { class: "error", role: "alert" });
  const form = h(
    "form",
    { novalidate: true, onsubmit: (event) => send(event) },
    h("h2", { id: "ask-title" }, "Ask for information"),
    h("p", {}, "The ticket stays open, and reminders go on. They reply with a comment."),
    h("div", { class: "field" }, h("label", { for: "ask-to" }, "Whom"), to),
    h("div", { class: "field" }, h("label", { for: "ask-question" }, "What (it goes on record)"), question),
    error,
    h("p", { class: "row" }, h("button", { class: "button", type: "submit" }, "Ask"), h("button", { class: "button quiet", type: "button", onclick: () => dialog.close() }, "Cancel")),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "ask-title", onclose: () => dialog.remove() }, form);

  async function send(event) {
    event.preventDefault();
    const [kind, name] = options.length ? to.value.split(/:(.*)/s) : ["user", to.value.trim()];
    if (!name) return complain(to, "Say whom.");
    if (!question.value.trim()) return complain(question, "Write your question.");
    try {
      await post(["tickets", ...place, "questions"], { to: { [kind]: name }, question: question.value.trim() });
      dialog.close();
      await done();
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
