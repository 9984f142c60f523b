// The options that a merchant's page opens a view with: JSON in base64 in the part of the address that stays in the browser
// (protocol g.1).

import { decode as fromBase58 } from "./base58.js";
import { base64, fromBase64, text, utf8 } from "./bytes.js";
import { hundredthsOf, loginPayload, nonceOfKey, nonceOfSecret, paymentPayload } from "./scan_code.js";

// As much as the node's own reader takes.
const MAX_LENGTH = 16 * 1024;

/**
 * The options as they have to be; any of them can be missing.
 * @typedef {object} Options
 * @property {"payment" | "login" | "tip"} [mode]
 * @property {string} [currency]
 * @property {number} [amount]
 * @property {string} [destination] base58
 * @property {string} [clientSecret]
 * @property {string} [idempotencyKey]
 * @property {{ destination: string, basisPoints: number }[]} [fees]
 * @property {{ domain?: string, verifier?: string }} [login]
 * @property {string} [locale]
 * @property {{ success?: { url?: string }, cancel?: { url?: string } }} [confirmParams]
 */

/**
 * Reads the text behind `p=`.
 * @param {string} encoded
 * @returns {Options}
 */
export function decode(encoded) {
  if (encoded.length > MAX_LENGTH) throw new RangeError(`options: expected at most ${MAX_LENGTH} characters`);
  let options;
  try {
    options = JSON.parse(text(fromBase64(decodeURIComponent(encoded))));
  } catch {
    throw new RangeError("options: expected JSON in base64");
  }
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new RangeError("options: expected an object");
  }
  check(options);
  return options;
}

/**
 * The text behind `p=`.
 * @param {Options} options
 */
export function encode(options) {
  return encodeURIComponent(base64(utf8(JSON.stringify(options))));
}

/**
 * The code of what is asked for.
 * @param {Options} options
 * @returns {Promise<Uint8Array>}
 */
export async function payload(options) {
  const nonce = await nonceOf(options);
  if (options.mode === "login") return loginPayload(nonce);
  return paymentPayload(needed(options, "currency"), hundredthsOf(needed(options, "amount")), nonce, Boolean(options.fees));
}

/**
 * The terms of a payment, for a request that nobody has sent yet.
 * @param {Options} options
 */
export function terms(options) {
  return {
    destination: key(needed(options, "destination"), "destination"),
    currency: needed(options, "currency").toLowerCase(),
    hundredths: hundredthsOf(needed(options, "amount")),
    fees: (options.fees ?? []).map((fee, index) => ({
      destination: key(fee.destination, `fees[${index}].destination`),
      basisPoints: fee.basisPoints,
    })),
  };
}

/** @param {Options} options */
async function nonceOf({ clientSecret, idempotencyKey }) {
  // Empty texts count as none in the official package too.
  if (clientSecret && idempotencyKey) throw new RangeError("clientSecret and idempotencyKey: expected one of the two");
  if (clientSecret) return nonceOfSecret(clientSecret);
  if (idempotencyKey) return nonceOfKey(idempotencyKey);
  throw new RangeError("clientSecret: expected it, or an idempotencyKey");
}

/**
 * What comes with the wrong type is named here, before anything is made of it.
 * @param {Record<string, unknown>} options
 */
function check(options) {
  const types = {
    mode: "string",
    currency: "string",
    amount: "number",
    destination: "string",
    clientSecret: "string",
    idempotencyKey: "string",
    locale: "string",
  };
  for (const [name, type] of Object.entries(types)) {
    // The published elements write what is not set as null or leave it out.
    if (options[name] === null) delete options[name];
    const got = typeof options[name];
    if (got !== "undefined" && got !== type) throw new RangeError(`${name}: expected a ${type}, got a ${got}`);
  }
  if (options.fees === null) delete options.fees;
  if (options.fees === undefined) return;
  if (!Array.isArray(options.fees)) throw new RangeError("fees: expected a list");
  options.fees.forEach((fee, index) => {
    const whole = Number.isInteger(fee?.basisPoints) && fee.basisPoints >= 0;
    if (!whole || typeof fee.destination !== "string") {
      throw new RangeError(`fees[${index}]: expected a destination and whole basisPoints`);
    }
  });
}

/**
 * @template {"currency" | "amount" | "destination"} Name
 * @param {Options} options
 * @param {Name} name
 * @returns {NonNullable<Options[Name]>}
 */
function needed(options, name) {
  const value = options[name];
  if (value === undefined) throw new RangeError(`${name}: expected one, got none`);
  return /** @type {NonNullable<Options[Name]>} */ (value);
}

/**
 * @param {string} text
 * @param {string} name
 */
function key(text, name) {
  try {
    return fromBase58(text, 32);
  } catch (error) {
    throw new RangeError(`${name}: ${/** @type {Error} */ (error).message}`);
  }
}
