// Starts the view that the server named, with the place it named.

import { get } from "./api.js";
import { show } from "./dom.js";
import { inbox } from "./inbox.js";
import { listenForKeys } from "./keys.js";
import { failure } from "./live.js";
import { plan, plans } from "./plans.js";
import { ownReport, report, run } from "./run.js";
import { ticket } from "./ticket.js";

const VIEWS = { plans, plan, run, report, ownReport, inbox, ticket };
const COUNT_MS = 30000;

async function countTickets() {
  if (document.hidden) return;
  const { total } = await get(["tickets"], { scope: "me", limit: 1 });
  const count = document.getElementById("inbox-count");
  count.hidden = total === 0;
  count.textContent = String(total);
}

const { view, ...place } = document.body.dataset;
listenForKeys();
Promise.resolve(VIEWS[view](place)).catch((error) => show(failure(error)));
const count = () => countTickets().catch(() => {});
setInterval(count, COUNT_MS);
count();
