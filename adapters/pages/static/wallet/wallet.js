// The wallet as a page: a key, what it holds, and one request at a time.

import { hex } from "../lib/bytes.js";
import { BROWSERS, available as canSign, fromSeed, pair } from "../lib/keys.js";
import { ask, available } from "./api.js";
import * as camera from "./camera.js";
import * as request from "./request.js";
import { entry, guarded, kin, line, on, part, show } from "./screen.js";
import * as store from "./store.js";
import { check, generate, seedOf, sitesOf } from "./words.js";

const WORDS = "/wallet/words.txt";
/** In quarks: a million kin, for some dozens of coffees at the rates of `--dev`. */
const DEPOSIT = 100_000_000_000;
/** How many payments that have not ended are asked about at a time. */
const ASKED = 10;

/** @typedef {import("../lib/keys.js").KeyPair & { sites: CryptoKey }} Owner */
/** @type {Owner | undefined} */
let key;
/** Whether the address has changed while something was being paid. */
let isWaiting = false;

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
  await request.isEnough();
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
on("back", "click", async () => {
  if (request.isBusy()) return;
  request.leave();
  if (isWaiting) return fromAddress();
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
  // What is being paid stays until it is closed; the next comes then.
  isWaiting = request.isBusy();
  if (isWaiting) return;
  if (location.hash.length > 1) await openRequest(location.href).catch(async (error) => {
    await home();
    throw error;
  });
  else await home();
}

/** @param {string} text */
function openRequest(text) {
  return request.open(text, owner());
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
  await done();
  await balance();
}

/** What was done. What had not ended when it was last seen, perhaps by a page that was closed then, is asked about again. */
async function done() {
  const entries = await store.history();
  part("history").replaceChildren(...entries.map(entry));
  part("history-none").hidden = entries.length > 0;
  for (const known of entries.filter(({ state }) => state === "scheduled").slice(0, ASKED)) {
    const intent = await ask(`/v1/intents/${known.id}`).catch(() => undefined);
    if (intent === undefined || intent.state === known.state) return;
    await store.remember({ ...known, state: intent.state });
    part("history").replaceChildren(...(await store.history()).map(entry));
  }
}

async function deposit() {
  const once = hex(crypto.getRandomValues(new Uint8Array(16)));
  await ask(`/v1/accounts/${owner().id}/deposits`, { quarks: DEPOSIT, key: `wallet-${once}` });
}

async function balance() {
  part("balance").textContent = kin(await available(owner().id));
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
