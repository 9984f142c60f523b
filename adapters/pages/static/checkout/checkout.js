// A checkout that shows at once what becomes of it. Every text comes from the server: when the node has news, the page is
// fetched again and what changed is put in its place.

import { countDown, inLocalTime } from "./clock.js";
import { leave } from "./leave.js";
import { follow } from "../follow.js";

const page = /** @type {HTMLElement} */ (document.querySelector("#checkout"));
/** What may change while somebody looks. */
const PARTS = ["#now", "#lines", "#how"];

/** Puts what the server says now in the place of what it said before. */
async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const state = document.querySelector("#state");
  const next = fresh.querySelector("#state");
  if (!state || !next) throw new Error("the page has another form");
  for (const part of PARTS) {
    const [old, now] = [document.querySelector(part), fresh.querySelector(part)];
    if (!old || !now || old.innerHTML === now.innerHTML) continue;
    old.replaceChildren(...[...now.childNodes].map((node) => document.importNode(node, true)));
  }
  // Last, and only if it differs: this is read out.
  if (state.textContent !== next.textContent) state.textContent = next.textContent;
  state.className = next.className;
  state.setAttribute("data-state", next.getAttribute("data-state") ?? "");
  prepare();
  return Number(fresh.querySelector("#checkout")?.getAttribute("data-revision"));
}

/** What scripts add to a page that is whole without them. */
function prepare() {
  inLocalTime(document.documentElement.lang);
  countDown(page.dataset.timeLeft ?? "{time}");
  leave();
}

prepare();
follow({
  intent: page.dataset.intent ?? "",
  revision: Number(page.dataset.revision),
  refresh,
  online: (is) => document.querySelector("#offline")?.toggleAttribute("hidden", is),
});
