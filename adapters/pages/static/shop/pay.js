// The shop's own script: what any merchant writes around the official element.

const part = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const counter = part("counter");
const { good = "", amount = "", destination = "" } = counter.dataset;

/** The order, once the customer has pressed the button. @type {{ id: string, clientSecret: string } | undefined} */
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

/** Asks the shop's server, which asks the node. */
async function ask() {
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
    order = await ask();
    button.update({ clientSecret: order?.clientSecret });
  } catch (error) {
    say(`The order could not be made: ${/** @type {Error} */ (error).message}`, "bad");
    // The element goes no further.
    return true;
  }
});

button.on("success", (/** @type {any} */ told) => {
  hear("success", told?.intent ?? order?.id);
  say("Paid. Thank you", "good");
  /** @type {HTMLAnchorElement} */ (part("story")).href = `/intents/${encodeURIComponent(told?.intent ?? order?.id ?? "")}/story`;
  part("after").hidden = false;
  part("form").hidden = true;
  part("pay").hidden = true;
  // Nothing to go on to: the customer stays here.
  return true;
});

button.on("cancel", () => {
  hear("cancel");
  say("Not paid. Nothing was taken", "bad");
  return true;
});

button.on("error", (/** @type {any} */ told) => {
  hear("error", told?.message);
  say("Something went wrong. Nothing was taken by this", "bad");
});

button.mount("#pay");
