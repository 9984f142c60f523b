// The story as a diagram that is drawn while it happens, and that can be walked through.

import { follow } from "../follow.js";
import { draw, mark, since } from "./diagram.js";

/** @typedef {import("./diagram.js").Arrow} Arrow */

/** How long a record is shown when it is played, in milliseconds. */
const BEAT = 900;

const page = /** @type {HTMLElement} */ (document.querySelector("#story"));
const part = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const until = /** @type {HTMLInputElement} */ (part("until"));

/** @type {Arrow[]} */
let arrows = [];
let playing = 0;

/** Reads all of it again. Whoever looks at the end goes on to look at the end. */
async function refresh() {
  const address = `/intents/${encodeURIComponent(page.dataset.intent ?? "")}/story/arrows`;
  const answer = await fetch(address, { cache: "no-store" });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const story = await answer.json();
  const atEnd = Number(until.value) >= arrows.length;
  arrows = story.arrows;
  until.max = String(arrows.length);
  part("picture").replaceChildren(draw(arrows, (index) => show(index + 1)));
  part("state").textContent = story.state;
  part("rows").replaceChildren(...arrows.map(row));
  show(atEnd ? arrows.length : Number(until.value));
  return story.revision;
}

/** Shows the first so many records. @param {number} count */
function show(count) {
  const at = Math.min(Math.max(count, 1), arrows.length);
  until.value = String(at);
  const arrow = arrows[at - 1];
  const svg = document.querySelector("#picture svg");
  if (!arrow || !svg) return;
  mark(svg, at - 1);
  until.setAttribute("aria-valuetext", `${at} of ${arrows.length}: ${arrow.label}`);
  part("at").textContent = `${at} of ${arrows.length}`;
  const told = part("told");
  const more = arrow.detail ? ` (${arrow.detail})` : "";
  // Where the first records are left out, the state is not known at once.
  const state = arrow.state ? ` The payment is ${arrow.state}.` : "";
  told.textContent = `#${arrow.position}, ${since(arrow.after_us)}: ${arrow.label}${more}.${state}`;
  told.className = `state ${arrow.bad ? "bad" : "good"}`;
}

/** @param {Arrow} arrow */
function row(arrow) {
  const line = document.createElement("tr");
  if (arrow.bad) line.className = "bad";
  const name = (/** @type {string} */ party) => party.charAt(0).toUpperCase() + party.slice(1);
  for (const words of [String(arrow.position), arrow.at, name(arrow.from), name(arrow.to), arrow.label, arrow.state]) {
    line.insertCell().textContent = words;
  }
  if (arrow.detail) {
    const more = document.createElement("span");
    more.className = "quiet small";
    more.textContent = arrow.detail;
    line.cells[4]?.append(document.createElement("br"), more);
  }
  return line;
}

function stop() {
  clearInterval(playing);
  playing = 0;
  part("play").textContent = "Play";
}

until.addEventListener("input", () => (stop(), show(Number(until.value))));
part("back").addEventListener("click", () => (stop(), show(Number(until.value) - 1)));
part("on").addEventListener("click", () => (stop(), show(Number(until.value) + 1)));
part("play").addEventListener("click", () => {
  if (playing) return stop();
  if (Number(until.value) >= arrows.length) show(1);
  part("play").textContent = "Pause";
  playing = setInterval(() => {
    show(Number(until.value) + 1);
    if (Number(until.value) >= arrows.length) stop();
  }, BEAT);
});

const revision = await refresh();
part("drawn").hidden = false;
part("table").removeAttribute("open");
follow({ intent: page.dataset.intent ?? "", revision, refresh, online: () => {} });
