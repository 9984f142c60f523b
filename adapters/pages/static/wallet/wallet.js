// The wallet as a page: a key, what it holds, and one request at a time.

import { hex } from "../lib/bytes.js";
import { BROWSERS, available as canSign, fromSeed, pair } from "../lib/keys.js";
import { money } from "../views/texts.js";
import { Refused, ask, available } from "./api.js";
import * as camera from "./camera.js";
import { read } from "./given.js";
import * as login from "./login.js";
import * as pay from "./pay.js";
import { total } from "./payment.js";
import * as store from "./store.js";
import { check, generate, seedOf, sitesOf } from "./words.js";

const WORDS = "/wallet/words.txt";
/** In quarks: a million kin, for some dozens of coffees at the rates of `--dev`. */
const DEPOSIT = 100_000_000_000;
const QUARKS_PER_KIN = 100_000n;
const LANG = "en";

const part = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const on = (/** @type {string} */ id, /** @type {string} */ event, /** @type {(event: Event) => Promise<void> | void} */ work) =>
  part(id).addEventListener(event, (/** @type {Event} */ happened) => {
    happened.preventDefault();
    void guarded(() => work(happened));
  });

/** @typedef {import("../lib/keys.js").KeyPair & { sites: CryptoKey }} Owner */
/** @type {Owner | undefined} */
let key;
/** What is on the screen to be decided. */
/** @type {{ seen: pay.Seen, payment?: import("./payment.js").Payment, back?: string } | undefined} */
let request;

on("create", "click", async () => {
  const words = await generate(await list());
  const made = await keyOf(words);
  part("words").replaceChildren(...words.map((word) => line("li", word)));
  on("written", "click", () => use(made));
  show("backup");
});
on("import", "submit", async () => {
  const words = await check(part("words-typed").value, await list());
  part("words-typed").value = "";
  await use(await keyOf(words));
});
on("deposit", "click", async () => {
  await deposit();
  await balance();
});
on("top-up", "click", async () => {
  await deposit();
  await isEnough();
});
on("open", "submit", () => openRequest(part("given").value));
on("camera", "click", async () => {
  const found = await camera.toggle({ button: part("camera"), video: part("seen"), note: part("seen-note") });
  if (found !== undefined) await openRequest(found);
});
on("forget", "click", async () => {
  await store.forget();
  location.reload();
});
on("confirm", "click", confirm);
on("decline", "click", async () => {
  if (request === undefined) return;
  await pay.decline(request.seen);
  await decided("canceled", "Declined. Nothing was paid", "bad");
});
on("back", "click", async () => {
  request = undefined;
  history.replaceState(undefined, "", location.pathname);
  await home();
});
addEventListener("hashchange", () => void guarded(fromAddress));

void guarded(start);

async function start() {
  if (!(await canSign())) throw new Error(`This browser cannot keep a key. It works in ${BROWSERS}.`);
  const known = await store.loadKey();
  if (known === undefined) return show("welcome");
  key = { ...pair(known.publicKey, known.secret), sites: known.sites };
  await fromAddress();
}

/** A link from a shop has everything behind the `#`. */
async function fromAddress() {
  if (key === undefined) return;
  if (location.hash.length > 1) await openRequest(location.href).catch(async (error) => {
    await home();
    throw error;
  });
  else await home();
}

/** @param {Owner} made */
async function use(made) {
  await store.saveKey(made);
  // What is left of the words on the page would be read by whoever comes next.
  part("words").replaceChildren();
  await start();
}

async function home() {
  show("home");
  part("account").textContent = owner().id;
  const done = await store.history();
  part("history").replaceChildren(...done.map(entry));
  part("history-none").hidden = done.length > 0;
  await balance();
}

async function deposit() {
  const once = hex(crypto.getRandomValues(new Uint8Array(16)));
  await ask(`/v1/accounts/${owner().id}/deposits`, { quarks: DEPOSIT, key: `wallet-${once}` });
}

/** Whether the account holds what is asked for; if not, made-up money is at hand. */
async function isEnough() {
  const held = await available(owner().id);
  const isShort = request?.payment !== undefined && held < total(request.payment);
  part("short").textContent = isShort ? `Your account has ${kin(held)}, which is not enough.` : "";
  part("short").hidden = part("top-up").hidden = !isShort;
}

async function balance() {
  part("balance").textContent = kin(await available(owner().id));
}

/** @param {string} text */
async function openRequest(text) {
  const given = await read(text);
  const seen = await pay.look(given);
  request = { seen, back: given.options?.confirmParams?.success?.url };
  part("given").value = "";
  show("request");
  part("short").hidden = part("top-up").hidden = true;
  const { intent, terms, site } = seen;
  part("request-title").textContent = title(seen);
  const from = terms?.domain ? `${terms.domain}${terms.proved ? "" : " (not proved)"}` : site?.domain;
  lines([
    ...(from ? [["Asked by", from]] : []),
    ...Object.entries(terms?.metadata ?? {}),
    ...(terms ? [["To", short(terms.destination)]] : []),
  ]);
  part("return").hidden = true;
  part("confirm").hidden = part("decline").hidden = intent.state !== "created";
  part("decline").hidden ||= seen.key === undefined;
  part("request-note").textContent = "";
  if (intent.state !== "created") return decidedState(intent);
  if (terms === undefined) return offerLogin();
  stateIs("Checking the quote …", "wait");
  part("confirm").disabled = true;
  part("confirm").textContent = "Pay";
  const payment = await pay.quote(seen, owner().id).catch((error) => {
    stateIs("This cannot be paid", "bad");
    throw error;
  });
  request.payment = payment;
  lines([
    ...(from ? [["Asked by", from]] : []),
    ...Object.entries(terms.metadata),
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

const PURPOSES = /** @type {Record<string, string>} */ ({ service_fee: "Service fee,", fee: "Share for", destination: "To" });

function offerLogin() {
  part("confirm").textContent = "Log in";
  part("confirm").disabled = false;
  stateIs("Checked: signed by the site", "good");
  part("request-note").textContent = "The site learns an account that is for this site alone, the same each time, and nothing else about you.";
  part("request-title").focus();
}

async function confirm() {
  if (request === undefined) return;
  const { seen, payment } = request;
  part("confirm").disabled = part("decline").disabled = true;
  stateIs(payment === undefined ? "Logging in …" : "Paying …", "wait");
  try {
    if (payment === undefined) return await logIn(seen);
    // Who pays a site that asks for it logs in by that; the site's account has to be there before.
    if (seen.terms?.proved && seen.terms.domain) await login.relate(seen.terms.domain, owner());
    await decidedState(await pay.submit(payment, owner()));
  } catch (error) {
    // Without an answer the payment may have gone through: the same one again cannot pay twice.
    const known = error instanceof Refused ? "Not paid" : "Not paid, as far as known here";
    stateIs(payment === undefined ? "Not logged in" : known, "bad");
    throw error;
  } finally {
    part("confirm").disabled = part("decline").disabled = false;
  }
}

/** @param {pay.Seen} seen */
async function logIn(seen) {
  if (seen.site === undefined) return;
  const user = await login.logIn(seen.id, seen.site.domain, owner());
  await decided("logged_in", "Logged in", "good");
  part("request-note").textContent = `The site knows you as ${user}.`;
}

const ENDS = /** @type {Record<string, [string, string]>} */ ({
  confirmed: ["Paid", "good"],
  logged_in: ["Logged in", "good"],
  scheduled: ["Accepted, being carried out", "good"],
  canceled: ["Canceled. Nothing was paid", "bad"],
  expired: ["The time for this is over. Nothing was paid", "bad"],
  rejected: ["Refused by the rules. Nothing was paid", "bad"],
  failed: ["Failed. What was set aside is free again", "bad"],
});

/** @param {any} intent */
async function decidedState(intent) {
  // A login that was answered is confirmed too.
  const state = intent.state === "confirmed" && intent.terms === undefined ? "logged_in" : intent.state;
  const [words, tone] = ENDS[state] ?? [state, "wait"];
  await decided(state, words, tone);
}

/**
 * @param {string} state
 * @param {string} words
 * @param {string} tone
 */
async function decided(state, words, tone) {
  stateIs(words, tone);
  part("confirm").hidden = part("decline").hidden = true;
  part("short").hidden = part("top-up").hidden = true;
  part("request-note").textContent = "";
  if (request === undefined) return;
  const { seen, payment, back } = request;
  if (payment !== undefined || state === "canceled" || state === "logged_in") {
    const amount = payment === undefined ? "" : kin(total(payment));
    await store.remember({ id: seen.id, at: Date.now(), what: title(seen), amount, state });
  }
  // Any other scheme would run something instead of going somewhere.
  if (tone === "good" && back !== undefined && /^https?:\/\//i.test(back)) {
    part("return").href = back;
    part("return").hidden = false;
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

/** @param {string[][]} rows name, value, and perhaps a class */
function lines(rows) {
  part("request-lines").replaceChildren(
    ...rows.map(([name, value, style = ""]) => {
      const row = document.createElement("div");
      row.className = style;
      row.append(line("dt", name), line("dd", value));
      return row;
    }),
  );
}

/** @param {store.Entry} done */
function entry({ at, what, amount, state }) {
  const [words, tone] = ENDS[state] ?? [state, "wait"];
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

/**
 * @param {string} name
 * @param {string} text
 * @param {string} [style]
 */
function line(name, text, style = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = style;
  return made;
}

/** @param {string} section */
function show(section) {
  part("problem").hidden = true;
  if (section !== "home") camera.stop();
  for (const id of ["welcome", "backup", "home", "request"]) part(id).hidden = id !== section;
}

/** Whatever goes wrong is said, in the one place where people look. @param {() => Promise<void> | void} work */
async function guarded(work) {
  part("problem").hidden = true;
  try {
    await work();
  } catch (error) {
    part("problem").textContent = /** @type {Error} */ (error).message;
    part("problem").hidden = false;
  }
}

/** @param {bigint} quarks */
function kin(quarks) {
  const rest = String(quarks % QUARKS_PER_KIN).padStart(5, "0").replace(/0+$/, "");
  return `${new Intl.NumberFormat(LANG).format(quarks / QUARKS_PER_KIN)}${rest && `.${rest}`} Kin`;
}

/** @param {string} account */
function short(account) {
  return `${account.slice(0, 4)}…${account.slice(-4)}`;
}

function owner() {
  if (key === undefined) throw new Error("There is no key in this browser yet.");
  return key;
}

/** @param {string[]} words */
async function keyOf(words) {
  const seed = await seedOf(words);
  return { ...(await fromSeed(seed)), sites: await sitesOf(seed) };
}

async function list() {
  const answer = await fetch(WORDS);
  if (!answer.ok) throw new Error("The list of words cannot be had from the node.");
  return (await answer.text()).trim().split("\n");
}
