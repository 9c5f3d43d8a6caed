// The answer form: the ticket's options, and the fields of its JSON Schema that the chosen option can use.
// The server checks; here its problems are put next to the fields that they are about.

import { get, page, post } from "./api.js";
import { announce, h, words } from "./dom.js";

export function answerForm(ticket) {
  const chosen = () => ticket.options.find(({ id }) => id === form.elements.option.value);
  const fields = Object.entries(ticket.form.properties ?? {}).map(([name, schema]) => field(ticket, name, schema));
  const button = h("button", { class: "button", type: "submit", disabled: true }, "Choose an answer");
  const errors = h("div", { class: "errors", role: "alert", tabindex: "-1" });
  const form = h(
    "form",
    { novalidate: true, onchange: () => adapt(), onsubmit: (event) => submit(event) },
    h("h2", {}, "Your answer"),
    errors,
    h("fieldset", {}, h("legend", { class: "unseen" }, "Decision"), ticket.options.map(option)),
    fields.map((one) => one.element),
    button,
  );

  function adapt() {
    const { id, label, intent, requires } = chosen();
    for (const one of fields) one.adapt(id, requires);
    button.disabled = false;
    button.textContent = label ?? id;
    button.className = intent === "danger" ? "button danger" : "button";
  }

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    clear(errors, fields);
    const values = Object.fromEntries(fields.filter((one) => one.shown()).map((one) => [one.name, one.value()]).filter(([, value]) => value !== ""));
    try {
      const taken = await post(["tickets", ticket.dag_id, ticket.run_id, ticket.task_id, "answer"], { option: chosen().id, fields: values, n: ticket.n });
      await thank(form, ticket, taken);
    } catch (error) {
      button.disabled = false;
      complain(errors, fields, error);
    }
  }
  return form;
}

function option({ id, label, intent }) {
  return h("label", { class: `option ${intent}` }, h("input", { type: "radio", name: "option", value: id }), words(label ?? id));
}

/** One field. It is shown for the options that require it, or for all of them if none does; data that nobody must give is folded away. */
function field(ticket, name, schema) {
  const id = `field-${name}`;
  const wantedBy = ticket.options.filter(({ requires }) => requires.includes(name)).map((one) => one.id);
  const json = schema.contentMediaType === "application/json";
  const optional = name === "comment" || wantedBy.length === 0;
  const input = control(id, schema, json);
  if (json && wantedBy.includes("Correct") && ticket.agent_says) input.value = JSON.stringify(ticket.agent_says.result ?? {}, null, 2);
  const mark = h("span", { class: "quiet" });
  const error = h("p", { class: "error", id: `${id}-error` });
  const content = [h("label", { for: id }, words(schema.title ?? name), " ", mark), schema.description && h("p", { class: "quiet" }, words(schema.description)), input, error];
  const forExperts = json && wantedBy.length === 0;
  const element = forExperts ? h("details", { class: "field" }, h("summary", {}, "Add data for later steps"), content) : h("div", { class: "field" }, content);
  input.setAttribute("aria-describedby", error.id);
  element.hidden = !optional;
  return {
    name,
    element,
    input,
    shown: () => !element.hidden,
    value: () => read(input, schema),
    adapt(chosen, requires) {
      const required = requires.includes(name);
      element.hidden = !required && !optional;
      mark.textContent = required ? "(needed)" : "(optional)";
      input.setAttribute("aria-required", String(required));
    },
    complain(problems) {
      error.textContent = problems.join(" ");
      if (problems.length && forExperts) element.open = true;
      if (problems.length) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    },
  };
}

function control(id, schema, json) {
  if (Array.isArray(schema.enum)) return h("select", { id }, h("option", { value: "" }, "Choose…"), schema.enum.map((one) => h("option", { value: String(one) }, String(one))));
  if (schema.type === "boolean") return h("input", { id, type: "checkbox" });
  if (schema.type === "number" || schema.type === "integer") return h("input", { id, inputmode: "decimal", autocomplete: "off" });
  return h("textarea", { id, rows: json ? 10 : 4, class: json ? "code" : null, spellcheck: json ? "false" : null });
}

/** Read a field as its schema wants it; what is not a number stays text, for the server to refuse by name. */
function read(input, schema) {
  if (input.type === "checkbox") return input.checked;
  const text = input.value.trim();
  const number = Number(text.replaceAll(/[\s,'’]/g, ""));
  return (schema.type === "number" || schema.type === "integer") && text !== "" && Number.isFinite(number) ? number : text;
}

function clear(errors, fields) {
  errors.replaceChildren();
  for (const one of fields) one.complain([]);
}

/** Each problem reads `field: what to do`; those about no field, and refusals, stand above the form. */
function complain(errors, fields, error) {
  const problems = error.problems ?? ["The server does not answer. Your answer was not sent: try again."];
  const about = (one, problem) => new RegExp(`^${one.name}\\b`).test(problem) && one.shown();
  for (const one of fields) one.complain(problems.filter((problem) => about(one, problem)).map((problem) => problem.replace(/^\w+: ?/, "")));
  const rest = problems.filter((problem) => !fields.some((one) => about(one, problem)));
  if (rest.length) errors.append(h("div", { class: "notice danger" }, heading(error), rest.map((problem) => h("p", {}, words(problem)))));
  const first = fields.find((one) => one.input.hasAttribute("aria-invalid"));
  (first?.input ?? errors).focus();
}

function heading(error) {
  if (error.status === 409) return h("strong", {}, "Somebody was faster");
  if (error.status === 403) return h("strong", {}, "You may not answer this ticket");
  return h("strong", {}, "The answer was not taken");
}

/** Say what happens now, and offer the next ticket. */
async function thank(form, ticket, taken) {
  const { tickets, total } = await get(["tickets"], { limit: 2 }).catch(() => ({ tickets: [], total: 0 }));
  const next = tickets.find((one) => one.task_id !== ticket.task_id || one.run_id !== ticket.run_id);
  const panel = h(
    "div",
    { class: "notice good", tabindex: "-1" },
    h("h2", {}, "Answered: ", words(taken.option)),
    h("p", {}, taken.next),
    ticket.unblocks.length > 0 && h("p", {}, "Waiting for this: ", ticket.unblocks.slice(0, 3).map((name, index) => [index > 0 && ", ", words(name)]), "."),
    h("p", { class: "quiet" }, "Recorded for ", words(taken.by), "."),
    h("p", { class: "row" }, next ? h("a", { class: "button", href: page("tickets", next.dag_id, next.run_id, next.task_id) }, `Next ticket (${total} open)`) : h("span", {}, "No more tickets wait."), h("a", { class: "button quiet", href: page("runs", ticket.dag_id, ticket.run_id) }, "See the run")),
  );
  form.replaceWith(panel);
  panel.focus();
  announce(`Answered: ${taken.option}. ${taken.next}`);
}
