// Talks to the plugin's API, and knows the addresses of the pages.

const base = document.body.dataset.base;
const join = (parts) => parts.map(encodeURIComponent).join("/");

export const page = (...parts) => `${base}/${join(parts)}`;
export const resource = (...parts) => `${base}/api/v1/${join(parts)}`;

/** An answer other than 2xx: its status, and the problems that it names. */
export class Refusal extends Error {
  constructor(status, detail) {
    const problems = (Array.isArray(detail) ? detail : [detail]).map((one) =>
      typeof one === "string" ? one : (one?.msg ?? "The server gave no reason."),
    );
    super(problems.join(" "));
    this.status = status;
    this.problems = problems;
  }
}

export async function get(parts, query = {}) {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== null && value !== ""));
  return read(await fetch(`${resource(...parts)}${search.size ? `?${search}` : ""}`, { cache: "no-store" }));
}

export async function post(parts, body) {
  const headers = { "Content-Type": "application/json" };
  return read(await fetch(resource(...parts), { method: "POST", headers, body: JSON.stringify(body) }));
}

async function read(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(response.status, body.detail);
  return body;
}
