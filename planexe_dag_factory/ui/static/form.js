// The answer form: the ticket's options, and the fields of its JSON Schema that the chosen option can use.
// It is checked here, and again by the server; problems stand next to the fields that they are about. What is typed is
// kept in this tab until it is sent, so that neither a live refresh nor a new login loses it.

import { get, page, post } from "./api.js";
import { answerProblems } from "./check.js";
import { differences, differenceView } from "./diff.js";
import { announce, fill, h, visible, words } from "./dom.js";
import { control, objectEditor, readControl, writeControl } from "./fields.js";

/** `answered` is called when the server has taken the answer. */
export function answerForm(ticket, answered) {
  const chosen = () => ticket.options.find(({ id }) => id === form.elements.option.value);
  const fields = Object.entries(ticket.form.properties ?? {}).map(([name, schema]) => field(ticket, name, schema));
  const button = h("button", { class: "button", type: "submit", id: "send-answer", disabled: true }, "Choose an answer");
  const errors = h("div", { class: "errors", role: "alert", tabindex: "-1" });
  const draft = draftOf(ticket);
  const form = h(
    "form",
    { novalidate: true, id: "answer-form", onchange: () => changed(), oninput: () => changed(), onsubmit: (event) => submit(event) },
    h("h2", {}, "Your answer"),
    errors,
    h("fieldset", {}, h("legend", { class: "unseen" }, "Decision"), ticket.options.map((one) => option(ticket, one))),
    fields.map((one) => one.element),
    button,
  );

  function changed() {
    if (chosen()) adapt();
    draft.keep({ option: chosen()?.id, fields: Object.fromEntries(fields.map((one) => [one.name, one.text()])) });
  }
  function adapt() {
    const { id, label, intent, requires } = chosen();
    for (const one of fields) one.adapt(id, requires);
    button.disabled = false;
    button.textContent = visible(label ?? id);
    button.className = intent === "danger" ? "button danger" : "button";
  }
  /** What was typed comes back; else a link (`?answer=Approve`) may choose, and no more than that. */
  function restore() {
    const kept = draft.read() ?? { option: new URLSearchParams(location.search).get("answer") };
    for (const one of fields) one.restore(kept.fields?.[one.name]);
    const box = [...form.querySelectorAll("[name=option]")].find(({ value }) => value === kept.option);
    if (!box) return;
    box.checked = true;
    adapt();
  }
  async function submit(event) {
    event.preventDefault();
    if (!chosen()) return;
    clear(errors, fields);
    const shown = fields.filter((one) => one.shown()).map((one) => [one.name, one.value()]);
    const values = Object.fromEntries(shown.filter(([, value]) => value !== ""));
    const problems = answerProblems(ticket, chosen().id, values);
    if (problems.length) return complain(errors, fields, { problems });
    button.disabled = true;
    try {
      const taken = await post(["tickets", ticket.dag_id, ticket.run_id, ticket.task_id, "answer"], { option: chosen().id, fields: values, n: ticket.n });
      draft.drop();
      answered(await thanks(ticket, taken));
    } catch (error) {
      button.disabled = false;
      complain(errors, fields, error);
    }
  }
  restore();
  return { element: form, started: () => draft.read() !== null, drop: draft.drop };
}

/** What each answer leads to, in one line, before it is given. */
const LEADS_TO = {
  Done: "What waits for this step goes on.",
  Accept: "The agent's result stands, in your name.",
  Correct: "Your result takes the place of the agent's; both are kept.",
  Redo: "The agent works again by your instructions, and you see what it brings.",
  Approve: "Signed in your name, for exactly this plan and this step. Then it starts.",
  Reject: "It does not start, nor does what depends on it. Everything else goes on.",
  Refuse: "The step ends, and what depends on it does not run. Everything else goes on.",
  Proceed: "The plan goes on past this point.",
  Stop: "What comes after this point does not run.",
};

/** An approval of several starts nothing until the others have approved too. */
function leadsTo({ votes }, id) {
  const missing = (votes?.needed ?? 1) - (votes?.given.length ?? 0) - 1;
  if (id !== "Approve" || missing < 1) return LEADS_TO[id];
  return `Signed in your name, for exactly this plan and this step. It starts once ${missing === 1 ? "one more person has" : `${missing} more people have`} approved.`;
}

function option(ticket, { id, label, intent }) {
  const leads = leadsTo(ticket, id);
  return h(
    "label",
    { class: `option ${intent}`, for: `option-${id}` },
    h("input", { type: "radio", name: "option", value: id, id: `option-${id}`, "aria-labelledby": `label-${id}`, "aria-describedby": leads && `leads-${id}` }),
    h("span", {}, h("span", { id: `label-${id}` }, words(label ?? id)), leads && h("span", { class: "quiet", id: `leads-${id}` }, leads)),
  );
}

/** What was typed and not sent, kept for this tab alone. */
function draftOf({ dag_id: dag, run_id: run, task_id: task, n }) {
  const name = `planexe-draft:${dag}/${run}/${task}/${n}`;
  const attempt = (act) => {
    try {
      return act();
    } catch {
      return null; // a browser that keeps nothing, or a text too long to keep
    }
  };
  return {
    keep: (value) => attempt(() => sessionStorage.setItem(name, JSON.stringify(value))),
    read: () => attempt(() => JSON.parse(sessionStorage.getItem(name))),
    drop: () => attempt(() => sessionStorage.removeItem(name)),
  };
}

/** One field. It is shown for the options that require it, or for all of them if none does; data that nobody must give is folded away. */
function field(ticket, name, schema) {
  const id = `field-${name}`;
  const wantedBy = ticket.options.filter(({ requires }) => requires.includes(name)).map((one) => one.id);
  const json = schema.contentMediaType === "application/json";
  const optional = name === "comment" || wantedBy.length === 0;
  const correction = json && wantedBy.includes("Correct") && ticket.agent_says;
  const inner = correction ? correctionOf(id, ticket) : plain(id, schema, json);
  const mark = h("span", { class: "quiet" });
  const error = h("p", { class: "error", id: `${id}-error` });
  const label = correction ? h("p", { class: "strong" }, "The result as it should be ", mark) : h("label", { for: id }, words(schema.title ?? name), " ", mark);
  const content = [label, schema.description && h("p", { class: "quiet" }, words(schema.description)), inner.element, error];
  const forExperts = json && wantedBy.length === 0;
  const element = forExperts ? h("details", { class: "field" }, h("summary", {}, "Add data for later steps"), content) : h("div", { class: "field" }, content);
  inner.focus.setAttribute("aria-describedby", error.id);
  element.hidden = !optional;
  return {
    name,
    element,
    shown: () => !element.hidden,
    value: inner.value,
    text: inner.text,
    restore: (text) => text !== undefined && inner.write(text),
    adapt(chosen, requires) {
      const required = requires.includes(name);
      element.hidden = !required && !optional;
      mark.textContent = required ? "(needed)" : "(optional)";
      inner.focus.setAttribute("aria-required", String(required));
      inner.changed?.();
    },
    complain(problems) {
      inner.clear?.();
      const rest = problems.filter((problem) => !inner.mark?.(problem));
      error.textContent = visible(rest.map((problem) => problem.replace(/^\w+: ?/, "")).join(" "));
      if (problems.length && forExperts) element.open = true;
      if (rest.length) inner.focus.setAttribute("aria-invalid", "true");
      else inner.focus.removeAttribute("aria-invalid");
    },
    wrong: () => inner.firstWrong?.() ?? (inner.focus.hasAttribute("aria-invalid") ? inner.focus : undefined),
  };
}

function plain(id, schema, json) {
  const input = control(id, schema, { json });
  return {
    element: input,
    focus: input,
    value: () => readControl(input, schema),
    text: () => (input.type === "checkbox" ? input.checked : input.value),
    write: (text) => (input.type === "checkbox" ? writeControl(input, schema, text) : (input.value = text)),
  };
}

/** The editor of a corrected result, and what it changes in what the agent brought. */
function correctionOf(id, ticket) {
  const before = ticket.agent_says.result ?? {};
  const editor = objectEditor(id, ticket.result_schema, before);
  const changes = h("div", { class: "difference", role: "group", "aria-label": "What you change" });
  function changed() {
    try {
      fill(changes, differenceView(differences(before, JSON.parse(editor.value()))));
    } catch {
      fill(changes, h("p", { class: "error" }, "This is not JSON yet."));
    }
  }
  return { ...editor, element: h("div", { oninput: changed, onchange: changed }, editor.element, changes), text: editor.value, changed };
}

function clear(errors, fields) {
  errors.replaceChildren();
  for (const one of fields) one.complain([]);
}

/** Each problem reads `field: what to do`; those about no field, and refusals, stand above the form. */
function complain(errors, fields, error) {
  const problems = error.problems ?? ["The server does not answer. Your answer was not sent, and is kept here: try again."];
  const about = (one, problem) => new RegExp(`^${one.name}\\b`).test(problem) && one.shown();
  for (const one of fields) one.complain(problems.filter((problem) => about(one, problem)));
  const rest = problems.filter((problem) => !fields.some((one) => about(one, problem)));
  if (rest.length) errors.append(h("div", { class: "notice danger" }, heading(error), rest.map((problem) => h("p", {}, words(problem)))));
  const first = fields.map((one) => one.wrong()).find(Boolean);
  (first ?? errors).focus();
}

function heading(error) {
  if (error.status === 409) return h("strong", {}, "Somebody was faster");
  if (error.status === 403) return h("strong", {}, "You may not answer this ticket");
  if (error.status === 401) return h("strong", {}, "You are not logged in");
  return h("strong", {}, "The answer was not taken");
}

/** Say what happens now, and offer the next ticket. */
async function thanks(ticket, taken) {
  const { tickets, total } = await get(["tickets"], { scope: "me", limit: 2 }).catch(() => ({ tickets: [], total: 0 }));
  const next = tickets.find((one) => one.task_id !== ticket.task_id || one.run_id !== ticket.run_id || one.dag_id !== ticket.dag_id);
  const panel = h(
    "div",
    { class: "notice good", tabindex: "-1" },
    h("h2", {}, "Answered: ", words(taken.option)),
    h("p", {}, taken.next),
    ticket.unblocks.length > 0 && h("p", {}, "Waiting for this: ", ticket.unblocks.slice(0, 3).map((name, index) => [index > 0 && ", ", words(name)]), "."),
    h("p", { class: "quiet" }, "Recorded for ", words(taken.by), "."),
    h("p", { class: "row" }, next ? h("a", { class: "button", href: page("tickets", next.dag_id, next.run_id, next.task_id) }, `Next ticket (${total} for you)`) : h("span", {}, "No more tickets wait for you."), h("a", { class: "button quiet", href: page("runs", ticket.dag_id, ticket.run_id) }, "See the run")),
  );
  announce(`Answered: ${taken.option}. ${taken.next}`);
  return panel;
}
