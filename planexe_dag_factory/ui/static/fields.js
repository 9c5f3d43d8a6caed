// Controls made from JSON Schema: one for a value that is simple, JSON for one that is not.

import { h, visible, words } from "./dom.js";

const SIMPLE = new Set(["string", "number", "integer", "boolean"]);
const LONG_TEXT = 60;

const isSimple = (schema) => Array.isArray(schema?.enum) || SIMPLE.has(schema?.type);
const isNumber = (schema) => schema.type === "number" || schema.type === "integer";

/** The control of a schema: an input, a list to choose from, or a box for text or JSON. */
export function control(id, schema, { json = false, rows = 4 } = {}) {
  if (Array.isArray(schema.enum)) return h("select", { id }, h("option", { value: "" }, "Choose…"), schema.enum.map((one) => h("option", { value: JSON.stringify(one) }, visible(one))));
  if (schema.type === "boolean") return h("input", { id, type: "checkbox" });
  if (isNumber(schema)) return h("input", { id, inputmode: "decimal", autocomplete: "off" });
  return h("textarea", { id, rows: json ? 10 : rows, class: json ? "code" : null, spellcheck: json ? "false" : null });
}

// A comma is a decimal point to half of the world: it is read between groups of three digits alone, and "9600,00" never.
const PLAIN = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const GROUPED = /^[+-]?\d{1,3}(?<mark>[,'’\s])\d{3}(\k<mark>\d{3})*(\.\d+)?$/;

/** Read a number as it is typed, or copied from the page with its currency; what is none, or is ambiguous, stays text. */
export function readNumber(text) {
  const digits = text.replace(/^[A-Z]{3}\s+/, "");
  return PLAIN.test(digits) || GROUPED.test(digits) ? Number(digits.replaceAll(/[\s,'’]/g, "")) : text;
}

/** Read a control as its schema wants it; what is not a number stays text, to be refused by name. */
export function readControl(input, schema) {
  if (input.type === "checkbox") return input.checked;
  if (Array.isArray(schema.enum)) return input.value === "" ? "" : JSON.parse(input.value);
  const text = input.value.trim();
  return isNumber(schema) ? readNumber(text) : text;
}

export function writeControl(input, schema, value) {
  if (input.type === "checkbox") input.checked = value === true;
  else if (Array.isArray(schema.enum)) input.value = JSON.stringify(value);
  else input.value = value === undefined || value === null ? "" : String(value);
}

/**
 * An editor of a JSON object: a control for each property that its schema names, those that are not simple as JSON,
 * and the whole as JSON for whoever prefers it. `value()` is the text of the object.
 */
export function objectEditor(id, schema, start) {
  const properties = Object.entries(schema?.properties ?? {});
  const raw = h("textarea", { id, rows: 14, class: "code", spellcheck: "false", "aria-label": "Result as JSON" });
  raw.value = JSON.stringify(start, null, 2);
  if (!properties.length) return { element: raw, focus: raw, value: () => raw.value.trim(), write: (text) => (raw.value = text), mark: () => false };

  const parts = properties.map(([name, one]) => part(`${id}-${name}`, name, one, schema.required?.includes(name), start[name]));
  const asJson = h("input", { type: "checkbox", id: `${id}-as-json`, onchange: () => swap() });
  const form = h("div", { class: "parts" }, parts.map(({ element }) => element));
  raw.hidden = true;

  function swap() {
    if (asJson.checked) raw.value = JSON.stringify(together(), null, 2);
    else if (!spread(raw.value)) asJson.checked = true;
    raw.hidden = !asJson.checked;
    form.hidden = asJson.checked;
  }
  /** The properties that the schema does not name stay as the agent wrote them. */
  const together = () => Object.assign({ ...start }, ...parts.map((one) => one.read()));
  function spread(text) {
    try {
      const value = JSON.parse(text);
      for (const one of parts) one.write(value[one.name]);
      return true;
    } catch {
      return false;
    }
  }
  return {
    element: h("div", { role: "group", "aria-label": "Result" }, form, raw, h("label", { class: "check" }, asJson, "Edit as JSON")),
    focus: raw,
    value: () => (asJson.checked ? raw.value.trim() : JSON.stringify(together())),
    write(text) {
      raw.value = text;
      if (!spread(text)) asJson.checked = true;
      raw.hidden = !asJson.checked;
      form.hidden = asJson.checked;
    },
    /** Put a problem such as `result.days: ...` at its part; false where none is meant. */
    mark(problem) {
      const found = asJson.checked ? null : parts.find(({ name }) => new RegExp(`^result\\.${name.replaceAll(/\W/g, "\\$&")}\\b`).test(problem));
      found?.complain(problem);
      return Boolean(found);
    },
    clear: () => parts.forEach((one) => one.complain("")),
    firstWrong: () => parts.find(({ input }) => input.hasAttribute("aria-invalid"))?.input,
  };
}

function part(id, name, schema, required, value) {
  const simple = isSimple(schema) && (value === undefined || typeof value !== "object");
  const input = control(id, simple ? schema : {}, { json: !simple, rows: typeof value === "string" && value.length > LONG_TEXT ? 5 : 1 });
  const write = (next) => {
    if (simple) writeControl(input, schema, next);
    else input.value = next === undefined ? "" : JSON.stringify(next, null, 2);
  };
  write(value);
  if (!simple) input.rows = Math.min(12, Math.max(3, input.value.split("\n").length));
  const error = h("p", { class: "error", id: `${id}-error` });
  input.setAttribute("aria-describedby", error.id);
  const hint = simple ? (required ? null : " (optional)") : " (as JSON)";
  return {
    name,
    input,
    element: h("div", { class: "field" }, h("label", { for: id }, words(schema.title ?? name), hint && h("span", { class: "quiet" }, hint)), schema.description && h("p", { class: "quiet" }, words(schema.description)), input, error),
    write,
    read() {
      const read = simple ? readControl(input, schema) : parsed(input.value);
      return read === "" && value === undefined ? {} : { [name]: read };
    },
    complain(problem) {
      error.textContent = visible(problem.replace(/^[^:]*: ?/, ""));
      if (problem) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    },
  };
}

/** JSON where it is JSON, else the text, for the schema to refuse. */
function parsed(text) {
  try {
    return text.trim() === "" ? "" : JSON.parse(text);
  } catch {
    return text;
  }
}
