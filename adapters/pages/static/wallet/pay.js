// What a payer's app does: look, check, sign, submit, wait. The same way as `quittance pay`.

import { encode as base58 } from "../lib/base58.js";
import { base64, fromBase64 } from "../lib/bytes.js";
import { clientRejectedLogin, clientRejectedPayment, codeScanned, sendMessage } from "../lib/messages.js";
import { jittered, sleep } from "../lib/pace.js";
import { call, here } from "../lib/rpc.js";
import { Refused, ask } from "./api.js";
import { keyOf } from "./given.js";
import * as payments from "./payment.js";
import { signedTerms } from "./terms.js";

/** How long the end of a payment is waited for at a time, in milliseconds. */
const WAIT = 10_000;
const PAUSE = 250;
const LONGEST_PAUSE = 15_000;
const ROUNDS = 30;

/**
 * A request that was looked at and found to be what it says.
 * @typedef {object} Seen
 * @property {string} id
 * @property {any} intent as the node shows it
 * @property {import("./terms.js").Terms | undefined} terms
 * @property {{ domain: string } | undefined} site who asks for a login
 * @property {import("../lib/keys.js").KeyPair | undefined} key of the code, when it was given
 */

/**
 * Fetches an intent, checks what was signed, and tells the merchant's page that its code was seen.
 * @param {import("./given.js").Given} given
 * @returns {Promise<Seen>}
 */
export async function look(given) {
  const id = base58(given.id);
  const intent = await ask(`/v1/intents/${id}`);
  if (intent.id !== id) throw new Error("The node shows another intent.");
  const { terms, site } = await signedTerms(given.id, intent);
  const key = await keyOf(given, terms);
  if (key !== undefined && intent.state === "created" && !intent.scanned) {
    // A courtesy to the merchant's page, without which the payment is as good.
    await say(key, codeScanned(new Date())).catch(() => {});
  }
  return { id, intent, terms, site, key };
}

/**
 * A quote that is what the terms ask for.
 * @param {Seen} seen
 * @param {string} payer
 * @returns {Promise<payments.Payment>}
 */
export async function quote({ id, terms }, payer) {
  if (terms === undefined) throw new Error("There is nothing to pay.");
  const { node } = await ask("/v1/node");
  const { payload } = await ask(`/v1/intents/${id}/quote`, { payer });
  const payment = payments.read(fromBase64(payload));
  payments.check(payment, { node, intent: id, payer, terms, now: Date.now() });
  return payment;
}

/** Nobody can say whether the payment was accepted. The same one again cannot pay twice. */
export class Unanswered extends Error {}

/**
 * Signs and submits; returns when the payment was accepted.
 * @param {payments.Payment} payment
 * @param {import("../lib/keys.js").KeyPair} key the payer's
 */
export async function submit(payment, key) {
  const bytes = payments.write(payment);
  const submission = { payer: key.id, payload: base64(bytes), signature: base58(await key.sign(bytes)) };
  try {
    await ask(`/v1/intents/${payment.intent}/submissions`, submission);
  } catch (error) {
    const isRefused = error instanceof Refused && error.isFinal;
    if (isRefused && error.code !== "intent_already_submitted") throw error;
    // It may have been this payer: an answer that was lost, or another tab.
    if (await isPaidBy(payment)) return;
    throw isRefused ? error : new Unanswered(/** @type {Error} */ (error).message);
  }
}

/**
 * Waits for the end of an accepted payment. A question that fails changes nothing of it, and is asked again.
 * @param {string} id the intent's
 * @returns {Promise<any>} the intent; nothing if the end is not to be had within minutes
 */
export async function end(id) {
  let [pause, revision] = [PAUSE, -1];
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = performance.now();
    try {
      const intent = await ask(`/v1/intents/${id}${revision < 0 ? "" : `?after=${revision}&wait_ms=${WAIT}`}`);
      if (intent.state !== "scheduled") return intent;
      // Without news the node answers late, unless it lets nobody wait just now.
      const isHasty = intent.revision === revision && performance.now() - began < WAIT / 10;
      pause = isHasty ? longer(pause) : PAUSE;
      revision = intent.revision;
    } catch {
      pause = longer(pause);
    }
    await sleep(jittered(pause));
  }
  return undefined;
}

/** @param {number} pause */
function longer(pause) {
  return Math.min(pause * 2, LONGEST_PAUSE);
}

/** Whether the intent was paid by this payer. Who cannot tell says no. @param {payments.Payment} payment */
async function isPaidBy({ intent, payer }) {
  const known = await ask(`/v1/intents/${intent}`).catch(() => undefined);
  return known?.payment?.payer === payer;
}

/** Tells the merchant that the payer will not. @param {Seen} seen */
export async function decline({ key, site }) {
  if (key === undefined) throw new Error("Only who has the code can decline: an id alone does not prove that it was seen.");
  await say(key, site === undefined ? clientRejectedPayment(key.publicKey) : clientRejectedLogin(new Date()));
}

/**
 * @param {import("../lib/keys.js").KeyPair} key
 * @param {Uint8Array} message
 */
async function say(key, message) {
  await call(here(), { service: "Messaging", method: "sendMessage", body: await sendMessage(key, message) });
}
