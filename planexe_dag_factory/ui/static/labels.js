// Words and small parts that several views share.

import { h, words } from "./dom.js";

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

export const STATES = {
  done: "Done",
  running: "Running",
  queued: "Queued",
  waiting: "Waiting on a person",
  refused: "Refused",
  failed: "Failed",
  pending: "Not started",
  skipped: "Will not run",
};

const RUN_STATES = { success: ["done", "Finished"], failed: ["failed", "Failed"], running: ["running", "Running"], queued: ["queued", "Queued"] };

export const KINDS = {
  approval: "Approval",
  review: "Review",
  senior_review: "Senior review",
  work: "Work",
};

export const PRIORITIES = { low: "Low", normal: "Normal", high: "High", urgent: "Urgent" };

/** A chip where a ticket is not as urgent as any. */
export const priorityChip = (priority) => priority !== "normal" && h("span", { class: priority === "low" ? "chip" : "chip is-waiting" }, `${PRIORITIES[priority] ?? "Unknown"} priority`);

const GATES = { budget: "Budget approval", regulatory: "Regulatory approval", irreversible: "Approval: cannot be undone" };

export const gate = (kind) => GATES[kind] ?? "Approval";

export const executor = (name) => (name === "human" ? "Person" : `${sentence(name)} agent`);

export const sentence = (name) => capitalised(String(name).replaceAll("_", " "));

export const capitalised = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export function chip(state, label = STATES[state] ?? sentence(state)) {
  return h("span", { class: `chip is-${state}` }, label);
}

export function runChip(state) {
  const [colour, label] = RUN_STATES[state] ?? ["pending", sentence(state)];
  return chip(colour, label);
}

export const kindChip = (kind) => h("span", { class: `chip kind-${kind}` }, KINDS[kind] ?? "Ticket");

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [["day", DAY], ["hour", HOUR], ["minute", MINUTE]];
const AGAIN_MS = 20000;

export function ago(moment) {
  const seconds = (new Date(moment) - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? [];
  return unit ? relative.format(Math.round(seconds / size), unit) : "just now";
}

/** A moment, relative in the text and exact in the tooltip. */
export function when(moment) {
  return h("time", { datetime: moment, title: new Date(moment).toLocaleString(), class: "ago" }, ago(moment));
}

/** A moment to come, as a date: nobody counts the days. */
export function dated(moment) {
  const shown = new Date(moment).toLocaleString("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
  return h("time", { datetime: moment }, shown);
}

/** A moment by the clock, for lines of which many lie within a minute. */
export function clock(moment) {
  const at = new Date(moment);
  const today = at.toDateString() === new Date().toDateString();
  const time = at.toLocaleTimeString("en-GB");
  return h("time", { datetime: moment, title: at.toLocaleString() }, today ? time : `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" })} ${time}`);
}

/** How long ago a moment was, as a stretch of time: `3 h 5 min`. */
export function since(moment) {
  return h("time", { datetime: moment, title: `since ${new Date(moment).toLocaleString()}`, class: "since" }, lasting(secondsSince(moment)));
}

const secondsSince = (moment) => (Date.now() - new Date(moment)) / 1000;

/** A duration in its two largest units. */
export function lasting(seconds) {
  const [days, hours, minutes] = [seconds / DAY, (seconds % DAY) / HOUR, (seconds % HOUR) / MINUTE].map(Math.floor);
  if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
  if (hours) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  return minutes ? `${minutes} min` : "less than a minute";
}

/** Texts that tell how long ago something was grow old while nothing else changes. */
setInterval(() => {
  for (const one of document.querySelectorAll("time.ago")) one.textContent = ago(one.dateTime);
  for (const one of document.querySelectorAll("time.since")) one.textContent = lasting(secondsSince(one.dateTime));
}, AGAIN_MS);

const money = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

export const amount = (value, currency) => `${currency ? `${currency} ` : ""}${money.format(value)}`;

/** A bar of the steps by state, told in words for those who do not see it. */
export function progressBar(counts, name) {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const told = Object.entries(counts).map(([state, count]) => `${count} ${STATES[state].toLowerCase()}`).join(", ");
  const parts = Object.keys(STATES).filter((state) => counts[state]);
  const bar = h("div", { class: "progress", role: "img", "aria-label": `${name}: ${told || "no steps yet"}` });
  for (const state of parts) {
    const part = h("span", { class: `part is-${state}` });
    part.style.flexGrow = counts[state];
    bar.append(part);
  }
  return total ? bar : h("div", { class: "progress empty", role: "img", "aria-label": `${name}: no steps yet` });
}

export const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);

export function legend(counts) {
  return h(
    "ul",
    { class: "legend" },
    Object.keys(STATES).filter((state) => counts[state]).map((state) =>
      h("li", {}, h("span", { class: `dot is-${state}`, "aria-hidden": "true" }), `${counts[state]} ${STATES[state].toLowerCase()}`),
    ),
  );
}

/** A card that is folded away until somebody wants it; `opened` is called whenever it has been. */
export function folded(id, name, about, opened, ...content) {
  const summary = h("summary", { id: `${id}-summary` }, h("h2", {}, name), h("span", { class: "quiet" }, about));
  const element = h("details", { class: "card folded", id, ontoggle: () => element.open && opened() }, summary, content);
  return element;
}

export function crumbs(...links) {
  return h("nav", { class: "crumbs", "aria-label": "Where you are" }, links.map(([text, href]) => h("a", { href }, words(text))));
}
