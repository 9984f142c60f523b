// The terms that the merchant signed, which is what a payer goes by: the node only passes them on.

import { decode as fromBase58, encode as base58 } from "../lib/base58.js";
import { concat, equal, fromBase64, littleEndian, utf8 } from "../lib/bytes.js";
import { readBill, readLogin, readMessage, siteProof } from "../lib/messages.js";
import { hundredthsOf } from "../lib/scan_code.js";
import { verifies } from "../lib/keys.js";

/**
 * What is asked for.
 * @typedef {object} Terms
 * @property {string} destination base58
 * @property {string} currency
 * @property {bigint} hundredths
 * @property {{ destination: string, basisPoints: number }[]} fees
 * @property {string | undefined} domain
 * @property {boolean} proved whether the domain is known to be the merchant's
 * @property {Record<string, string>} metadata
 */

/** The terms, or the order, cannot be trusted. */
export class Forged extends Error {
  /** @param {string} why */
  constructor(why) {
    super(`The terms cannot be trusted: ${why}. Nothing was signed.`);
  }
}

/**
 * The terms that the intent's key signed, after checking that the node shows the same ones.
 * @param {Uint8Array} id
 * @param {any} intent as the node shows it
 * @returns {Promise<{ terms?: Terms, site?: { domain: string } }>} terms of a payment, or who asks for a login
 */
export async function signedTerms(id, intent) {
  const { form, signed: encoded, signature } = intent.authorization ?? {};
  let signed, signer;
  try {
    signed = fromBase64(encoded);
    signer = fromBase58(signature, 64);
  } catch (error) {
    throw new Forged(/** @type {Error} */ (error).message);
  }
  if (!(await verifies(id, signed, signer))) throw new Forged("the intent's key did not sign them");
  if (form === "native") return { terms: fromNative(id, intent.terms, signed) };
  if (form !== "code_message") throw new Forged(`they are signed in a form that this wallet cannot read: ${form}`);
  const [message] = readMessage(signed);
  if (message?.kind === "requestToLogin") {
    const site = readLogin(message.body);
    if (site === undefined || baseDomain(site.domain) !== intent.login?.domain) throw new Forged("it asks for another site than it shows");
    await checkSite(id, message, site);
    return { site: { domain: baseDomain(site.domain) } };
  }
  if (message?.kind !== "requestToReceiveBill") throw new Forged("the message is not a request for a payment");
  const bill = readBill(message.body);
  if (bill.site?.verifier !== undefined) await checkSite(id, message, bill.site);
  const terms = {
    destination: base58(bill.destination),
    currency: bill.currency,
    hundredths: hundredthsOf(bill.amount),
    fees: bill.fees.map(({ destination, basisPoints }) => ({ destination: base58(destination), basisPoints })),
    domain: bill.site && baseDomain(bill.site.domain),
    proved: bill.site?.verifier !== undefined,
    metadata: {},
  };
  if (!same(terms, shown(intent.terms))) throw new Forged("the terms shown are not the terms signed");
  return { terms };
}

/**
 * Checks that the site's own key has signed the request, for this code. That the key is published on the domain, the node has
 * seen.
 * @param {Uint8Array} id
 * @param {import("../lib/messages.js").Message} message
 * @param {import("../lib/messages.js").Site} site
 */
async function checkSite(id, message, { verifier }) {
  const { signed, signature, rendezvous } = siteProof(message);
  if (rendezvous === undefined || !equal(rendezvous, id)) throw new Forged("the site signed it for another code");
  if (verifier === undefined || signature === undefined || !(await verifies(verifier, signed, signature))) {
    throw new Forged("the site's key did not sign it");
  }
}

/**
 * The engine's own form is not read but written again: the terms shown give the same bytes, or are not the terms signed.
 * @param {Uint8Array} id
 * @param {any} given
 * @param {Uint8Array} signed
 */
function fromNative(id, given, signed) {
  const terms = shown(given);
  const entries = Object.entries(terms.metadata).sort(([one], [other]) => (one < other ? -1 : 1));
  const word = (/** @type {string} */ text) => concat(littleEndian(BigInt(utf8(text).length), 2), utf8(text));
  const deadline = given.expires_at === undefined ? 0n : micros(given.expires_at);
  const version = given.site ? 3 : entries.length > 0 ? 2 : 1;
  const bytes = concat(
    utf8("quittance.terms"),
    [version],
    id,
    fromBase58(terms.destination, 32),
    utf8(terms.currency),
    littleEndian(terms.hundredths, 8),
    littleEndian(deadline, 8),
    [terms.fees.length],
    ...terms.fees.map((fee) => concat(fromBase58(fee.destination, 32), littleEndian(BigInt(fee.basisPoints), 2))),
    version === 1 ? [] : concat([entries.length], ...entries.flatMap((entry) => entry.map(word))),
    version === 3 ? concat(given.site.verifier ? fromBase58(given.site.verifier, 32) : new Uint8Array(32), utf8(given.site.domain)) : [],
  );
  if (!equal(bytes, signed)) throw new Forged("the terms shown are not the terms signed");
  return terms;
}

/**
 * The terms as the node shows them.
 * @param {any} given
 * @returns {Terms}
 */
function shown(given) {
  if (typeof given?.destination !== "string") throw new Forged("the node shows none");
  const [, whole, fraction = ""] = /^(\d{1,16})(?:\.(\d{1,3}))?$/.exec(given.amount) ?? [];
  if (whole === undefined || /[^0]/.test(fraction.slice(2))) throw new Forged(`the amount is no decimal: ${given.amount}`);
  return {
    destination: given.destination,
    currency: given.currency,
    hundredths: BigInt(whole + fraction.slice(0, 2).padEnd(2, "0")),
    fees: (given.fees ?? []).map((/** @type {any} */ fee) => ({ destination: fee.destination, basisPoints: fee.basis_points })),
    domain: given.site?.domain,
    proved: given.site?.verifier !== undefined,
    metadata: given.metadata ?? {},
  };
}

/** The last two labels, in lower case (protocol e.5). @param {string} domain */
function baseDomain(domain) {
  return domain.toLowerCase().split(".").slice(-2).join(".");
}

/** @param {string} time RFC 3339 in UTC, with up to six decimals */
function micros(time) {
  const [, seconds, fraction = ""] = /^(.{19})(?:\.(\d{1,6}))?Z$/.exec(time) ?? [];
  if (seconds === undefined) throw new Forged(`the deadline is no time: ${time}`);
  return BigInt(Date.parse(`${seconds}Z`)) * 1000n + BigInt(fraction.padEnd(6, "0"));
}

/** @param {Terms} one @param {Terms} other */
function same(one, other) {
  const text = (/** @type {Terms} */ terms) => JSON.stringify({ ...terms, hundredths: String(terms.hundredths), metadata: {} });
  return text(one) === text(other);
}
