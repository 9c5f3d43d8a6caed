// Being away: who answers for the reader, until when, and for whom the reader answers.

import { get, put, remove } from "./api.js";
import { announce, fill, h, visible, words } from "./dom.js";
import { localTime } from "./desk.js";
import { dated, KINDS } from "./labels.js";

const WEEK_MS = 7 * 86400000;

/** What the inbox says about it, with a button that opens the dialog. */
export function away(refresh) {
  const element = h("div", { class: "row away" });
  const load = async () => draw(await get(["me", "absence"]).catch(() => ({ user: null, absence: null, answers_for: [] })));
  const again = async () => {
    await load();
    await refresh();
  };
  function draw({ user, absence, answers_for: others }) {
    fill(
      element,
      absence && h("span", { class: "chip is-waiting", id: "you-are-away" }, new Date(absence.since) > new Date() ? ["Away from ", dated(absence.since)] : "You are away", " until ", dated(absence.until), ": ", words(absence.deputy), " answers for you"),
      others.map((one) => h("span", { class: "chip" }, "You answer for ", words(one.user), " until ", dated(one.until))),
      user && h("button", { class: "button small quiet", id: "away", type: "button", onclick: () => dialogOf(user, absence, again) }, "Away…"),
    );
  }
  load();
  return element;
}

async function dialogOf(user, absence, done) {
  const { users } = await get(["people"]).catch(() => ({ users: [] }));
  const others = users.filter((one) => one !== user);
  const deputy = h("select", { id: "away-deputy" }, h("option", { value: "" }, "Choose…"), others.map((one) => h("option", { value: one, selected: one === absence?.deputy }, visible(one))));
  const since = h("input", { id: "away-since", type: "datetime-local", value: localTime(absence?.since ?? Date.now()) });
  const until = h("input", { id: "away-until", type: "datetime-local", value: localTime(absence?.until ?? Date.now() + WEEK_MS) });
  const kinds = Object.entries(KINDS).map(([kind, name]) => [kind, h("input", { type: "checkbox", id: `away-${kind}`, checked: !absence?.kinds.length || absence.kinds.includes(kind) }), name]);
  const error = h("p", { class: "error", role: "alert" });
  const form = h(
    "form",
    { novalidate: true, onsubmit: (event) => send(event) },
    h("h2", { id: "away-title" }, "Away"),
    h("p", {}, "What is asked of you meanwhile, by name or as one of a group, may be answered by somebody else as well. It is on record that they answer for you."),
    h("div", { class: "field" }, h("label", { for: "away-deputy" }, "Who answers for you"), deputy),
    h("div", { class: "field" }, h("label", { for: "away-since" }, "From"), since),
    h("div", { class: "field" }, h("label", { for: "away-until" }, "Until"), until),
    h("fieldset", {}, h("legend", {}, "Which tickets"), kinds.map(([kind, box, name]) => h("label", { class: "option", for: `away-${kind}` }, box, name))),
    error,
    h(
      "p",
      { class: "row" },
      h("button", { class: "button", type: "submit" }, "I am away"),
      absence && h("button", { class: "button quiet", id: "back", type: "button", onclick: () => settle(() => remove(["me", "absence"]), "You are back") }, "I am back"),
      h("button", { class: "button quiet", type: "button", onclick: () => dialog.close() }, "Cancel"),
    ),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "away-title", onclose: () => dialog.remove() }, form);

  function send(event) {
    event.preventDefault();
    const chosen = kinds.filter(([, box]) => box.checked).map(([kind]) => kind);
    if (!deputy.value) return complain(deputy, "Say who answers for you.");
    if (!until.value) return complain(until, "Say until when.");
    if (!chosen.length) return complain(kinds[0][1], "Choose at least one kind of ticket.");
    const body = { deputy: deputy.value, until: iso(until.value), kinds: chosen.length < kinds.length ? chosen : [] };
    if (since.value && new Date(since.value) > new Date()) body.since = iso(since.value);
    return settle(() => put(["me", "absence"], body), "You are away");
  }
  async function settle(act, said) {
    try {
      await act();
      dialog.close();
      announce(said);
      await done();
    } catch (refusal) {
      complain(deputy, refusal.problems?.join(" ") ?? "The server does not answer. Try again.");
    }
  }
  function complain(input, text) {
    error.textContent = visible(text);
    input.focus();
  }
  document.body.append(dialog);
  dialog.showModal();
}

const iso = (value) => new Date(value).toISOString();
