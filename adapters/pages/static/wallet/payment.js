// The payment that is signed: every quark and where it goes, in the one encoding that it has.

import { encode as base58, decode as fromBase58 } from "../lib/base58.js";
import { concat, equal, fromLittleEndian, littleEndian, text, utf8 } from "../lib/bytes.js";

const DOMAIN = utf8("quittance.payment");
const VERSION = 1;
const MAX_TRANSFERS = 16;
const QUARKS_PER_KIN = 100_000n;
/** The longest that a quote may stay good: after that nobody can take the signed payment out of a drawer. */
const MAX_VALIDITY = 10n * 60n * 1_000_000n;
const PURPOSES = { 1: "service_fee", 2: "fee", 3: "destination" };

/**
 * @typedef {{ purpose: string, destination: string, quarks: bigint }} Transfer
 * @typedef {object} Payment
 * @property {string} node
 * @property {string} intent
 * @property {string} payer
 * @property {string} currency
 * @property {bigint} hundredths
 * @property {bigint} mantissa of the price of one kin, over ten to the power of `scale`
 * @property {number} scale
 * @property {bigint} validUntil microseconds since 1970
 * @property {Transfer[]} transfers
 */

/** The quote is not what was asked for. */
export class WrongQuote extends Error {
  /** @param {string} why */
  constructor(why) {
    super(`The node's quote is not what the merchant asked for: ${why}. Nothing was signed.`);
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {Payment}
 */
export function read(bytes) {
  let at = 0;
  const take = (/** @type {number} */ length) => {
    if (length > bytes.length - at) throw new WrongQuote("it ends too early");
    at += length;
    return bytes.slice(at - length, at);
  };
  const number = (/** @type {number} */ length) => fromLittleEndian(take(length));
  if (!equal(take(DOMAIN.length), DOMAIN) || number(1) !== BigInt(VERSION)) throw new WrongQuote("it is no payment");
  const payment = {
    node: base58(take(32)),
    intent: base58(take(32)),
    payer: base58(take(32)),
    currency: text(take(3)),
    hundredths: number(8),
    mantissa: number(8),
    scale: Number(number(1)),
    validUntil: number(8),
    /** @type {Transfer[]} */
    transfers: [],
  };
  const count = Number(number(1));
  if (count === 0 || count > MAX_TRANSFERS) throw new WrongQuote(`it has ${count} transfers`);
  for (let transfer = 0; transfer < count; transfer += 1) {
    const purpose = /** @type {Record<number, string>} */ (PURPOSES)[Number(number(1))];
    if (purpose === undefined) throw new WrongQuote("a transfer has no known purpose");
    payment.transfers.push({ purpose, destination: base58(take(32)), quarks: number(8) });
  }
  if (at !== bytes.length) throw new WrongQuote("something follows its last transfer");
  return payment;
}

/**
 * The bytes to be signed: what was read, not what came.
 * @param {Payment} payment
 */
export function write(payment) {
  const purposes = Object.values(PURPOSES);
  return concat(
    DOMAIN,
    [VERSION],
    fromBase58(payment.node, 32),
    fromBase58(payment.intent, 32),
    fromBase58(payment.payer, 32),
    utf8(payment.currency),
    littleEndian(payment.hundredths, 8),
    littleEndian(payment.mantissa, 8),
    [payment.scale],
    littleEndian(payment.validUntil, 8),
    [payment.transfers.length],
    ...payment.transfers.map(({ purpose, destination, quarks }) =>
      concat([purposes.indexOf(purpose) + 1], fromBase58(destination, 32), littleEndian(quarks, 8)),
    ),
  );
}

/** Everything the payer loses. @param {Payment} payment */
export function total(payment) {
  return payment.transfers.reduce((sum, { quarks }) => sum + quarks, 0n);
}

/**
 * Checks that a quote is what the terms ask for, and nothing more.
 * @param {Payment} payment
 * @param {{ node: string, intent: string, payer: string, terms: import("./terms.js").Terms, now: number }} expected `now` in
 * milliseconds since 1970
 */
export function check(payment, { node, intent, payer, terms, now }) {
  const wrong = (/** @type {string} */ why) => {
    throw new WrongQuote(why);
  };
  if (payment.node !== node) wrong("it is for another node");
  if (payment.intent !== intent || payment.payer !== payer) wrong("it is for another intent or payer");
  if (payment.currency !== terms.currency || payment.hundredths !== terms.hundredths) wrong("its amount or currency differs");
  if (payment.mantissa === 0n || payment.scale > 19) wrong("its rate is none");
  if (terms.currency === "kin" && (payment.mantissa !== 1n || payment.scale !== 0)) wrong("a kin is not worth a kin in it");
  const all = total(payment);
  if (payment.transfers.some(({ quarks }) => quarks === 0n)) wrong("it moves nothing");
  if (worth(payment) !== all) wrong("its transfers are not worth the amount at its rate");
  const by = (/** @type {string} */ purpose) => payment.transfers.filter((transfer) => transfer.purpose === purpose);
  // One cent of the smallest request, five cents, is a fifth of it; more than half is no fee.
  const service = by("service_fee");
  if (service.length > 1 || service.some(({ quarks }) => quarks > all / 2n)) {
    wrong("it takes more than one service fee, or more than half of the payment for it");
  }
  const share = (/** @type {{ basisPoints: number }} */ fee) => (all * BigInt(fee.basisPoints)) / 10_000n;
  const asked = terms.fees.filter((fee) => share(fee) > 0n);
  const fees = by("fee");
  const same = fees.length === asked.length && fees.every(({ destination, quarks }, at) => destination === asked[at].destination && quarks === share(asked[at]));
  if (!same) wrong("its fees differ");
  const rest = by("destination");
  if (rest.length !== 1 || rest[0].destination !== terms.destination) wrong("the rest does not go to the destination");
  // By this device's clock: a node that is not believed is not asked for the time either.
  if (payment.validUntil > BigInt(Math.floor(now)) * 1000n + MAX_VALIDITY) {
    const time = (/** @type {number} */ at) => (Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : "the end of time");
    wrong(
      `it would stay valid for too long, until ${time(Number(payment.validUntil / 1000n))}, while this device's clock says ` +
        `${time(now)}. If that clock is wrong, set it right and open the request again`,
    );
  }
}

/** What the amount is worth at the payment's rate, to the nearest quark, halves up. @param {Payment} payment */
function worth({ hundredths, mantissa, scale }) {
  const numerator = hundredths * 10n ** BigInt(scale) * (QUARKS_PER_KIN / 100n);
  const whole = numerator / mantissa;
  const rest = numerator % mantissa;
  return rest >= mantissa - rest ? whole + 1n : whole;
}
