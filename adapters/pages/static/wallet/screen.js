// What the wallet's parts have in common: finding them, filling them, and saying what went wrong.

import * as camera from "./camera.js";

const QUARKS_PER_KIN = 100_000n;
export const LANG = "en";

/** How a request can have ended, in words, and whether that is `good` or `bad`. */
const ENDS = /** @type {Record<string, [string, string]>} */ ({
  confirmed: ["Paid", "good"],
  logged_in: ["Logged in", "good"],
  scheduled: ["Accepted, being carried out", "good"],
  canceled: ["Canceled. Nothing was paid", "bad"],
  expired: ["The time for this is over. Nothing was paid", "bad"],
  rejected: ["Refused by the rules. Nothing was paid", "bad"],
  failed: ["Failed. What was set aside is free again", "bad"],
});

/** @param {string} state @returns {[string, string]} */
export const ended = (state) => ENDS[state] ?? [state, "wait"];

/** @param {string} id */
export const part = (id) => /** @type {any} */ (document.getElementById(id));

/**
 * @param {string} id
 * @param {string} event
 * @param {(event: Event) => Promise<void> | void} work
 */
export function on(id, event, work) {
  part(id).addEventListener(event, (/** @type {Event} */ happened) => {
    happened.preventDefault();
    void guarded(() => work(happened));
  });
}

/** Whatever goes wrong is said, in the one place where people look. @param {() => Promise<void> | void} work */
export async function guarded(work) {
  part("problem").hidden = true;
  try {
    await work();
  } catch (error) {
    part("problem").textContent = /** @type {Error} */ (error).message;
    part("problem").hidden = false;
  }
}

/** @param {string} section */
export function show(section) {
  part("problem").hidden = true;
  if (section !== "home") camera.stop();
  for (const id of ["welcome", "backup", "home", "request"]) part(id).hidden = id !== section;
}

/**
 * @param {string} name
 * @param {string} text
 * @param {string} [style]
 */
export function line(name, text, style = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = style;
  return made;
}

/**
 * Fills a list.
 * @param {Element} list
 * @param {string[][]} rows name, value, and perhaps a class
 */
export function fill(list, rows) {
  list.replaceChildren(
    ...rows.map(([name, value, style = ""]) => {
      const row = document.createElement("div");
      row.className = style;
      row.append(line("dt", name), line("dd", value));
      return row;
    }),
  );
}

/** One thing that was done. @param {import("./store.js").Entry} done */
export function entry({ at, what, amount, state }) {
  const [words, tone] = ended(state);
  const row = document.createElement("li");
  const left = document.createElement("div");
  left.className = "what";
  left.append(line("strong", what), line("span", new Date(at).toLocaleString(LANG), "quiet small"));
  const right = document.createElement("div");
  right.className = "sum";
  right.append(line("span", amount), line("span", words, `small ${tone}`));
  row.append(left, right);
  return row;
}

/** @param {bigint} quarks */
export function kin(quarks) {
  const rest = String(quarks % QUARKS_PER_KIN).padStart(5, "0").replace(/0+$/, "");
  return `${new Intl.NumberFormat(LANG).format(quarks / QUARKS_PER_KIN)}${rest && `.${rest}`} Kin`;
}

/** @param {string} account */
export function short(account) {
  return `${account.slice(0, 4)}…${account.slice(-4)}`;
}
