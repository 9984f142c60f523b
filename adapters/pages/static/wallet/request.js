// The request on the screen: what it asks for, once that was checked, and what its reader decides.
//
// Whatever is waited for, another request may be there afterwards. So each is one object, which is handed on and compared: what
// belongs to an older one is remembered, and never drawn over the newer.

import { money } from "../views/texts.js";
import { available } from "./api.js";
import { read } from "./given.js";
import * as login from "./login.js";
import * as pay from "./pay.js";
import { total } from "./payment.js";
import { LANG, ended, fill, kin, on, part, short, show } from "./screen.js";
import * as store from "./store.js";

/** @typedef {login.Owner} Owner */

/**
 * @typedef {object} Request
 * @property {Owner} owner
 * @property {pay.Seen} seen
 * @property {import("./payment.js").Payment} [payment]
 * @property {string} [back] where its shop would like the payer to go on to
 * @property {boolean} [over] whether there is nothing more to decide
 */

/** What is on the screen. @type {Request | undefined} */
let request;
/** Counts what was asked for, of which only the last is drawn. */
let newest = 0;
let busy = false;

const PURPOSES = /** @type {Record<string, string>} */ ({ service_fee: "Service fee,", fee: "Share for", destination: "To" });

on("confirm", "click", () => working(async (mine) => {
  if (mine.payment === undefined) await logIn(mine);
  else await payIt(mine, mine.payment);
}));
on("decline", "click", () => working(async (mine) => {
  await pay.decline(mine.seen);
  await remember(mine, "canceled");
  decided(mine, "canceled", "Declined. Nothing was paid");
}));

/** Whether something is being signed and sent, until which the request stays where it is. */
export const isBusy = () => busy;

/** Takes the request off the screen. */
export function leave() {
  request = undefined;
  newest += 1;
}

/**
 * Opens what was given, unless something newer is opened in the meantime.
 * @param {string} text
 * @param {Owner} owner
 */
export async function open(text, owner) {
  leave();
  const turn = newest;
  try {
    const given = await read(text);
    const seen = await pay.look(given);
    if (turn !== newest) return;
    request = { owner, seen, back: given.options?.confirmParams?.success?.url };
    await offer(request);
  } catch (error) {
    // Of one that nobody looks at any more, nobody wants to know.
    if (turn === newest) throw error;
  }
}

/** Whether the account holds what is asked for; if not, made-up money is at hand. */
export async function isEnough() {
  const mine = request;
  if (mine?.payment === undefined) return;
  const held = await available(mine.owner.id);
  if (mine !== request) return;
  const isShort = held < total(mine.payment);
  part("short").textContent = isShort ? `Your account has ${kin(held)}, which is not enough.` : "";
  part("short").hidden = part("top-up").hidden = !isShort;
}

/** @param {Request} mine */
async function offer(mine) {
  const { seen, owner } = mine;
  const { intent, terms, site } = seen;
  part("given").value = "";
  show("request");
  part("short").hidden = part("top-up").hidden = part("return").hidden = true;
  part("request-title").textContent = title(seen);
  const from = terms?.domain ? `${terms.domain}${terms.proved ? "" : " (not proved)"}` : site?.domain;
  const asker = from ? [["Asked by", from]] : [];
  fill(part("request-lines"), [...asker, ...(terms ? [["To", short(terms.destination)]] : [])]);
  // The shop may write there what it likes: among the lines that were checked, it would look like one of them.
  const words = Object.entries(terms?.metadata ?? {});
  fill(part("request-words"), words);
  part("words-of-shop").hidden = words.length === 0;
  part("confirm").hidden = part("decline").hidden = intent.state !== "created";
  part("decline").hidden ||= seen.key === undefined;
  part("request-note").textContent = "";
  if (intent.state !== "created") return decided(mine, stateOf(intent));
  if (terms === undefined) return offerLogin();
  stateIs("Checking the quote …", "wait");
  part("confirm").disabled = true;
  part("confirm").textContent = "Pay";
  const payment = await pay.quote(seen, owner.id).catch((error) => {
    if (mine === request && !mine.over) stateIs("This cannot be paid", "bad");
    throw error;
  });
  if (mine !== request || mine.over) return;
  mine.payment = payment;
  fill(part("request-lines"), [
    ...asker,
    ...payment.transfers.map(({ purpose, destination, quarks }) => [`${PURPOSES[purpose]} ${short(destination)}`, kin(quarks)]),
    ["Together", kin(total(payment)), "total"],
    ...(terms.proved && terms.domain ? [["Logs you in at", terms.domain]] : []),
  ]);
  part("confirm").textContent = title(seen);
  part("confirm").disabled = false;
  stateIs("Checked: signed by the shop", "good");
  part("request-note").textContent = "Nothing leaves your account before you confirm. What you sign says each of these lines, and no other node can use it.";
  part("request-title").focus();
  await isEnough();
}

function offerLogin() {
  part("confirm").textContent = "Log in";
  part("confirm").disabled = false;
  stateIs("Checked: signed by the site", "good");
  part("request-note").textContent = "The site learns an account that is for this site alone, the same each time, and nothing else about you.";
  part("request-title").focus();
}

/** @param {(mine: Request) => Promise<void>} work */
async function working(work) {
  const mine = request;
  if (mine === undefined || busy) return;
  const buttons = ["confirm", "decline", "back", "top-up"].map(part);
  busy = true;
  for (const button of buttons) button.disabled = true;
  try {
    await work(mine);
  } finally {
    busy = false;
    for (const button of buttons) button.disabled = false;
  }
}

/**
 * @param {Request} mine
 * @param {import("./payment.js").Payment} payment
 */
async function payIt(mine, payment) {
  const { owner, seen } = mine;
  stateIs("Paying …", "wait");
  try {
    // Who pays a site that asks for it logs in by that; the site's account has to be there before.
    if (seen.terms?.proved && seen.terms.domain) await login.relate(seen.terms.domain, owner);
    await pay.submit(payment, owner);
  } catch (error) {
    stateIs(error instanceof pay.Unanswered ? "Not paid, as far as known here" : "Not paid", "bad");
    throw error;
  }
  // From here on it is paid: whatever cannot be learned now, and whether or not anybody waits for it.
  await remember(mine, "scheduled");
  decided(mine, "scheduled");
  void pay.end(payment.intent).then(async (intent) => {
    if (intent === undefined) return;
    await remember(mine, stateOf(intent));
    decided(mine, stateOf(intent));
  });
}

/** @param {Request} mine */
async function logIn(mine) {
  const { owner, seen } = mine;
  if (seen.site === undefined) return;
  stateIs("Logging in …", "wait");
  const user = await login.logIn(seen.id, seen.site.domain, owner).catch((error) => {
    stateIs("Not logged in", "bad");
    throw error;
  });
  await remember(mine, "logged_in");
  decided(mine, "logged_in");
  part("request-note").textContent = `The site knows you as ${user}.`;
}

/** A login that was answered is confirmed too. @param {any} intent */
function stateOf(intent) {
  return intent.state === "confirmed" && intent.terms === undefined ? "logged_in" : intent.state;
}

/** @param {Request} mine @param {string} state */
async function remember({ seen, payment }, state) {
  const amount = payment === undefined ? "" : kin(total(payment));
  await store.remember({ id: seen.id, at: Date.now(), what: title(seen), amount, state });
}

/**
 * Shows how it ended, where it is still looked at.
 * @param {Request} mine
 * @param {string} state
 * @param {string} [words]
 */
function decided(mine, state, words = ended(state)[0]) {
  mine.over = true;
  if (mine !== request) return;
  const [, tone] = ended(state);
  stateIs(words, tone);
  part("confirm").hidden = part("decline").hidden = true;
  part("short").hidden = part("top-up").hidden = true;
  part("request-note").textContent = "";
  const onward = tone === "good" ? wayOn(mine.back) : undefined;
  part("return").hidden = onward === undefined;
  if (onward === undefined) return;
  // Nobody has signed the way: the reader sees where it leads.
  part("return").href = onward.href;
  part("return").textContent = `Go on to ${onward.host}`;
}

/** An address that a reader can go on to. @param {unknown} address */
function wayOn(address) {
  try {
    const url = new URL(String(address));
    // Any other scheme would run something instead of going somewhere.
    return ["http:", "https:"].includes(url.protocol) ? url : undefined;
  } catch {
    return undefined;
  }
}

/** @param {pay.Seen} seen */
function title({ terms, site }) {
  if (terms !== undefined) return `Pay ${money(LANG, terms.currency, Number(terms.hundredths) / 100)}`;
  return `Log in to ${site?.domain}`;
}

/**
 * @param {string} words
 * @param {string} tone `good`, `bad` or `wait`
 */
function stateIs(words, tone) {
  part("request-state").className = `state ${tone}`;
  part("request-state").textContent = words;
}
