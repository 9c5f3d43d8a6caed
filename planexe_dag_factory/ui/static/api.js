// Talks to the plugin's API, and knows the addresses of the pages.

const base = document.body.dataset.base;
const join = (parts) => parts.map(encodeURIComponent).join("/");
const PATIENCE_MS = 30000;

export const page = (...parts) => `${base}/${join(parts)}`;
export const resource = (...parts) => `${base}/api/v1/${join(parts)}`;

/** An address with a query; what is empty is left out. */
export function withQuery(address, query) {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== ""));
  return search.size ? `${address}?${search}` : address;
}

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

export const get = (parts, query = {}) => ask(withQuery(resource(...parts), query), { cache: "no-store" });

export const post = (parts, body) =>
  ask(resource(...parts), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const put = (parts, body) =>
  ask(resource(...parts), { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const remove = (parts) => ask(resource(...parts), { method: "DELETE" });

/** Start a run of a plan, by Airflow's own API and by its rules. Returns the id of the run. */
export const trigger = async (dagId, conf) => {
  const address = `${base.replace(/\/planexe$/, "")}/api/v2/dags/${encodeURIComponent(dagId)}/dagRuns`;
  const started = await ask(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ logical_date: null, conf }) });
  return started.dag_run_id;
};

/** Send a file as it is, with what belongs to it. */
export const upload = (parts, form) => ask(resource(...parts), { method: "POST", body: form });

export const text = async (parts, query = {}) => {
  const response = await fetch(withQuery(resource(...parts), query), { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!response.ok) throw new Refusal(response.status, (await response.json().catch(() => ({}))).detail);
  return response.text();
};

async function ask(address, options) {
  const response = await fetch(address, { signal: AbortSignal.timeout(PATIENCE_MS), ...options });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(response.status, body.detail);
  return body;
}
