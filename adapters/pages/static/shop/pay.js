// The shop's own script: what any merchant writes around the official element.

import { WORDS, ask } from "./order.js";

const part = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const counter = part("counter");
const { good = "", amount = "", destination = "" } = counter.dataset;

/** The order, once the customer has pressed the button, until it is over. @type {import("./order.js").Order | undefined} */
let order;

/** What the shop heard, for people who want to see how it works. @param {string} event @param {string} [more] */
function hear(event, more = "") {
  const line = document.createElement("li");
  line.textContent = more ? `${event} ${more}` : event;
  part("events").querySelector("ol")?.append(line);
  part("events").hidden = false;
}

/** @param {string} words @param {"good" | "bad"} mood */
function say(words, mood) {
  part("told").textContent = words;
  part("told").className = `state ${mood}`;
  part("told").hidden = false;
}

/** Asks the shop's server for a new order. @returns {Promise<import("./order.js").Order>} */
async function place() {
  const headers = { accept: "application/json", "content-type": "application/x-www-form-urlencoded" };
  const answer = await fetch("/shop/orders", { method: "POST", headers, body: new URLSearchParams({ good }).toString() });
  if (!answer.ok) throw new Error(`the shop answers HTTP ${answer.status}`);
  return answer.json();
}

// The package is a classic script and leaves one name behind.
const { elements } = /** @type {any} */ (window).code;
const { button } = elements.create("button", { currency: "usd", amount: Number(amount), destination });

button.on("invoke", async () => {
  hear("invoke");
  try {
    // A second order while the first can still be paid is a customer who pays twice.
    const outcome = order === undefined ? "over" : await look();
    // The element goes no further where there is nothing to be paid, or nobody knows.
    if (outcome === "paid" || outcome === "unknown") return true;
    if (outcome === "over") order = await place();
    part("told").hidden = true;
    button.update({ clientSecret: order?.clientSecret });
  } catch (error) {
    say(`The order could not be made: ${/** @type {Error} */ (error).message}`, "bad");
    return true;
  }
});

button.on("success", (/** @type {any} */ told) => {
  hear("success", told?.intent ?? order?.id);
  sold(told?.intent ?? order?.id ?? "");
  // Nothing to go on to: the customer stays here.
  return true;
});

button.on("cancel", () => {
  hear("cancel");
  void look();
  return true;
});

button.on("error", (/** @type {any} */ told) => {
  hear("error", told?.message);
  if (order === undefined) say("Something went wrong. Nothing was taken by this", "bad");
  else void look();
});

/** Says how the order stands by the word of the node: what the element told of is the view, and not the payment. */
async function look() {
  if (order === undefined) return "over";
  const { id } = order;
  const outcome = await ask(order);
  if (outcome === "paid") sold(id);
  else say(...WORDS[outcome]);
  return outcome;
}

/** @param {string} id */
function sold(id) {
  say(...WORDS.paid);
  /** @type {HTMLAnchorElement} */ (part("story")).href = `/intents/${encodeURIComponent(id)}/story`;
  part("after").hidden = false;
  part("form").hidden = true;
  part("pay").hidden = true;
}

button.mount("#pay");
