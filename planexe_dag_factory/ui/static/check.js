// Checks an answer as the server will: what the chosen option needs, the form's JSON Schema, the result's schema, and
// the amount. It only spares a round trip; the server checks again, twice.

import { Validator } from "./json-schema/validator.js";

// Keywords that only pass on what one of their parts says.
const PASSED_ON = new Set(["properties", "items", "prefixItems", "additionalItems", "patternProperties", "allOf", "$ref", "$dynamicRef", "if", "then", "else", "false"]);
const ALTERNATIVES = new Set(["anyOf", "oneOf", "not"]);

/** The problems of an answer, as the server writes them: `field: what to do`. */
export function answerProblems(ticket, option, fields) {
  const { requires } = ticket.options.find(({ id }) => id === option);
  const missing = requires.filter((name) => fields[name] === undefined || fields[name] === "").map((name) => `${name}: needed to answer '${option}'`);
  return [...missing, ...problemsOf(fields, ticket.form), ...amountProblems(ticket, option, fields), ...resultProblems(ticket, fields)];
}

function amountProblems({ amount }, option, { amount: given }) {
  const wrong = option === "Approve" && typeof amount === "number" && given !== undefined && given !== amount;
  if (!wrong) return [];
  const plain = amount.toFixed(2);
  const grouped = plain.replaceAll(/\B(?=(\d{3})+\.)/g, ",");
  return [`amount: type ${[...new Set([plain, grouped])].join(" or ")} to confirm it`];
}

function resultProblems({ result_schema: schema }, { result }) {
  if (typeof result !== "string" || result === "") return [];
  try {
    const value = JSON.parse(result);
    if (value === null || typeof value !== "object" || Array.isArray(value)) return ['result: a JSON object is needed, such as {"summary": "..."}'];
    return schema ? problemsOf(value, schema, "result") : [];
  } catch (error) {
    return [`result: this is not JSON: ${error.message}`];
  }
}

/** Where a value does not fit a JSON Schema: `path: what is wrong`, the innermost problems only. */
export function problemsOf(value, schema, root = "") {
  let errors;
  try {
    ({ errors } = new Validator(schema, "2020-12", false).validate(value));
  } catch {
    return []; // a schema that this validator cannot read: the server has the last word
  }
  const alternatives = errors.filter(({ keyword }) => ALTERNATIVES.has(keyword)).map(({ instanceLocation }) => instanceLocation);
  const inner = (one) => alternatives.some((place) => one.instanceLocation.startsWith(`${place}/`) || (one.instanceLocation === place && !ALTERNATIVES.has(one.keyword)));
  const told = errors.filter((one) => !PASSED_ON.has(one.keyword) && !inner(one)).map((one) => `${placed(one, root)}: ${inWords(one)}`);
  return [...new Set(told)];
}

function placed({ instanceLocation, keyword, error }, root) {
  const path = instanceLocation.replace(/^#\/?/, "").split("/").filter(Boolean).map((part) => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~"));
  if (keyword === "required") path.push(named(error));
  return [root, ...path].filter(Boolean).join(".") || "answer";
}

const named = (error) => /"(.*)"/.exec(error)?.[1] ?? "";
const TYPES = { number: "a number", integer: "a whole number", string: "a text", boolean: "yes or no", array: "a list", object: "an object" };

function inWords({ keyword, error }) {
  if (keyword === "required") return "needed";
  if (keyword === "type") {
    const wanted = /Expected "(.*)"\.$/.exec(error)?.[1].split('", "') ?? [];
    return `${wanted.map((type) => TYPES[type] ?? type).join(" or ")} is needed`;
  }
  return error;
}
