// Keeps a view fresh: asks every few seconds, less often where nothing changes, and not while nobody looks.

import { announce, h, show } from "./dom.js";

const PERIOD_MS = 2500;
const SLOWEST_MS = 10000;
const SLOWER = 1.25;

/**
 * Load and draw now, and again and again. An error is shown; the last good view stays when one was drawn.
 * Returns a function that refreshes at once, for use after the reader has changed something.
 */
export function keepFresh(load, draw) {
  let drawn = null;
  let period = PERIOD_MS;
  let timer = null;
  let turns = Promise.resolve();

  async function refresh() {
    if (document.hidden) return;
    try {
      const data = await load();
      const text = JSON.stringify(data);
      period = text === drawn ? Math.min(period * SLOWER, SLOWEST_MS) : PERIOD_MS;
      if (text !== drawn) draw(data);
      drawn = text;
      connected();
    } catch (error) {
      period = PERIOD_MS;
      if (drawn === null) show(failure(error));
      else disconnected(error);
    }
  }
  function turn() {
    clearTimeout(timer);
    turns = turns.then(refresh).then(() => {
      clearTimeout(timer);
      timer = setTimeout(turn, period);
    });
    return turns;
  }
  const now = () => {
    period = PERIOD_MS;
    return turn();
  };
  document.addEventListener("visibilitychange", now);
  addEventListener("online", now);
  turn();
  return now;
}

/** Say what went wrong and what to do, where nothing else is to be seen. */
export function failure(error) {
  const { heading, remedy, login } = explain(error);
  return h("div", { class: "notice danger", role: "alert" }, h("h1", {}, heading), h("p", {}, remedy), login && loginLink());
}

function explain(error) {
  if (error.status === 401) return { heading: "You are not logged in", remedy: "Log in to Airflow, and this page goes on where it was.", login: true };
  if (error.status === 403) return { heading: "You may not see this", remedy: "Ask whoever runs this Airflow for access to the DAG." };
  if (error.status === 404) return { heading: "Nothing is here", remedy: error.message };
  if (error.status) return { heading: "This could not be loaded", remedy: `${error.message} Trying again every few seconds.` };
  return { heading: "The server does not answer", remedy: "Trying again every few seconds." };
}

/** The server sends a page that is asked for without a login to Airflow's own, and back. */
const loginLink = () => h("a", { class: "button small", href: location.href }, "Log in again");

function disconnected(error) {
  const banner = document.getElementById("banner");
  const { heading, login } = explain(error);
  if (banner.dataset.about === heading) return;
  banner.dataset.about = heading;
  banner.hidden = false;
  banner.replaceChildren(h("span", {}, `${heading}. `, login ? "What you have typed is kept. " : "What you see is the last that was heard. "), login && loginLink());
  document.body.classList.add("stale");
}

function connected() {
  const banner = document.getElementById("banner");
  if (banner.hidden) return;
  banner.hidden = true;
  delete banner.dataset.about;
  banner.replaceChildren();
  document.body.classList.remove("stale");
  announce("Connected again");
}
