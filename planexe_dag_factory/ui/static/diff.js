// What a person changes in an agent's result, place by place, shown before it is sent.

import { h, words } from "./dom.js";

const CONTEXT = 40;
const SHORT = 60;
const LONGEST = 400;

/** The places where two JSON values differ, as [path, before, after]; undefined: not there. */
export function differences(before, after, path = "") {
  if (isTree(before) && isTree(after) && Array.isArray(before) === Array.isArray(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => differences(before[key], after[key], path ? `${path}.${key}` : key));
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [[path, before, after]];
}

const isTree = (value) => value !== null && typeof value === "object";

export function differenceView(found) {
  if (!found.length) return h("p", { class: "quiet" }, "You have changed nothing yet.");
  return [
    h("h3", {}, found.length === 1 ? "You change 1 place" : `You change ${found.length} places`),
    h("dl", { class: "changes" }, found.slice(0, 50).map(([path, before, after]) => [h("dt", {}, words(path)), h("dd", {}, change(before, after))])),
    found.length > 50 && h("p", { class: "quiet" }, `and ${found.length - 50} more`),
  ];
}

function change(before, after) {
  const [left, right] = [told(before), told(after)];
  if (left.length + right.length < SHORT) return [gone(left), left && right && " → ", come(right)];
  const start = common(left, right);
  const end = common([...left.slice(start)].reverse().join(""), [...right.slice(start)].reverse().join(""));
  const [cutLeft, cutRight] = [left.slice(start, left.length - end), right.slice(start, right.length - end)];
  const lead = left.slice(Math.max(0, start - CONTEXT), start);
  const tail = end ? left.slice(left.length - end, left.length - end + CONTEXT) : "";
  return [
    h("span", { class: "quiet" }, start > CONTEXT && "…", words(lead)),
    gone(cutLeft),
    come(cutRight),
    h("span", { class: "quiet" }, words(tail), end > CONTEXT && "…"),
  ];
}

const gone = (text) => text && h("del", {}, h("span", { class: "unseen" }, "removed: "), words(short(text)));
const come = (text) => text && h("ins", {}, h("span", { class: "unseen" }, "added: "), words(short(text)));

function common(left, right) {
  let count = 0;
  while (count < left.length && count < right.length && left[count] === right[count]) count += 1;
  return count;
}

const told = (value) => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));
const short = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
