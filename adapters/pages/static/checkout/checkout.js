// A checkout that shows at once what becomes of it. Every text comes from the server: when the node has news, the page is
// fetched again and what changed is put in its place.

import { countDown, inLocalTime } from "./clock.js";
import { leave } from "./leave.js";
import { replace } from "./replace.js";
import { follow } from "../follow.js";

const page = /** @type {HTMLElement} */ (document.querySelector("#checkout"));
/** What may change while somebody looks. */
const PARTS = ["#now", "#lines", "#how"];
/** Each of them as the server wrote it: on the page it has changed since, by scripts and by its reader. */
const written = new Map(PARTS.map((part) => [part, document.querySelector(part)?.innerHTML]));
/** How far the server's clock is ahead of this one, in milliseconds. */
let ahead = aheadOf(page);

/** @param {Element | null} told */
function aheadOf(told) {
  const now = Number(told?.getAttribute("data-now"));
  return now > 0 ? now - Date.now() : 0;
}

/** Puts what the server says now in the place of what it said before. */
async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const state = document.querySelector("#state");
  const next = fresh.querySelector("#state");
  if (!state || !next) throw new Error("the page has another form");
  const returns = [];
  for (const part of PARTS) {
    const [old, now] = [document.querySelector(part), fresh.querySelector(part)];
    if (!old || !now || written.get(part) === now.innerHTML) continue;
    written.set(part, now.innerHTML);
    returns.push(replace(old, now));
  }
  ahead = aheadOf(fresh.querySelector("#checkout"));
  // Last, and only if it differs: this is read out.
  if (state.textContent !== next.textContent) state.textContent = next.textContent;
  state.className = next.className;
  state.setAttribute("data-state", next.getAttribute("data-state") ?? "");
  prepare();
  for (const back of returns) back();
  return Number(fresh.querySelector("#checkout")?.getAttribute("data-revision"));
}

/** What scripts add to a page that is whole without them. */
function prepare() {
  inLocalTime(document.documentElement.lang);
  countDown(page.dataset.timeLeft ?? "{time}", ahead);
  leave();
}

prepare();
follow({
  intent: page.dataset.intent ?? "",
  revision: Number(page.dataset.revision),
  refresh,
  online: (is) => document.querySelector("#offline")?.toggleAttribute("hidden", is),
});
