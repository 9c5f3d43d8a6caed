// Keeps a view fresh: asks every few seconds, not while nobody looks, and draws only what has changed.

import { h, show } from "./dom.js";

const PERIOD_MS = 2500;

/** Load and draw now, and again and again. An error is shown; the last good view stays when one was drawn. */
export function keepFresh(load, draw) {
  let drawn = null;
  const refresh = async () => {
    if (document.hidden) return;
    try {
      const data = await load();
      const text = JSON.stringify(data);
      if (text !== drawn) draw(data);
      drawn = text;
      stale(false);
    } catch (error) {
      if (drawn === null) show(failure(error));
      else stale(true);
    }
  };
  const turn = () => refresh().then(() => setTimeout(turn, PERIOD_MS));
  document.addEventListener("visibilitychange", refresh);
  turn();
}

/** Say what went wrong and what to do. */
export function failure(error) {
  const [heading, remedy] = explain(error);
  return h("div", { class: "notice danger", role: "alert" }, h("h1", {}, heading), h("p", {}, remedy));
}

function explain(error) {
  if (error.status === 401) return ["You are not logged in", "Log in to Airflow, then reload this page."];
  if (error.status === 403) return ["You may not see this", "Ask whoever runs this Airflow for access to the DAG."];
  if (error.status === 404) return ["Nothing is here", error.message];
  if (error.status) return ["This could not be loaded", `${error.message} Trying again every few seconds.`];
  return ["The server does not answer", "Trying again every few seconds."];
}

function stale(is) {
  document.body.classList.toggle("stale", is);
}
