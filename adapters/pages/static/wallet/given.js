// What a payer has in hand: a link, a code in digits, or an intent's id.

import { decode as fromBase58 } from "../lib/base58.js";
import { equal, fromHex } from "../lib/bytes.js";
import { decode, payload } from "../lib/options.js";
import { encode as drawn } from "../lib/ring_code.js";
import { loginPayload, nonceOfSecret, paymentPayload, readPayload } from "../lib/scan_code.js";
import { rendezvous } from "../lib/keys.js";

const MAX_LENGTH = 20_000;

/**
 * What was given. With a code its key can speak for the intent; with a secret the terms have to be known first; with neither the
 * intent can be paid all the same.
 * @typedef {{ id: Uint8Array, payload?: Uint8Array, nonce?: Uint8Array, options?: import("../lib/options.js").Options }} Given
 */

/**
 * @param {string} text
 * @returns {Promise<Given>}
 */
export async function read(text) {
  const trimmed = text.trim();
  if (trimmed === "") throw new RangeError("expected a link, a code or an id, got nothing");
  if (trimmed.length > MAX_LENGTH) throw new RangeError("this is too long for a link");
  const options = /(?:^|[#/?&])p=([^&]+)/.exec(trimmed);
  if (options !== null) {
    const opened = decode(options[1]);
    return { ...(await withCode(await payload(opened))), options: opened };
  }
  if (/^[0-9a-f]{40}$/i.test(trimmed)) return withCode(fromHex(trimmed));
  if (/^[0-9a-f]{70}$/i.test(trimmed)) {
    const bytes = fromHex(trimmed);
    if (!equal(drawn(bytes.slice(15)), bytes)) throw new RangeError("the code is misread: its parity does not match");
    return withCode(bytes.slice(15));
  }
  // A checkout's link has the id in its path and the secret behind it.
  const [, id = trimmed, query = ""] = /\/(?:checkout|intents)\/([1-9A-HJ-NP-Za-km-z]+)[^?#]*(\?[^#]*)?/.exec(trimmed) ?? [];
  const secret = new URLSearchParams(query).get("code");
  try {
    return { id: fromBase58(id, 32), ...(secret && { nonce: nonceOfSecret(secret) }) };
  } catch (error) {
    throw new RangeError(`expected a link, a code of 40 or 70 hex digits, or an id; ${/** @type {Error} */ (error).message}`);
  }
}

/**
 * The key of what was given, after checking that the code is that of these terms.
 * @param {Given} given
 * @param {{ currency: string, hundredths: bigint } | undefined} terms nothing for a login
 * @returns {Promise<import("../lib/keys.js").KeyPair | undefined>}
 */
export async function keyOf(given, terms) {
  const nonce = given.nonce ?? (given.payload && readPayload(given.payload).nonce);
  if (nonce === undefined) return undefined;
  for (const candidate of candidates(terms, nonce)) {
    const pair = await rendezvous(candidate);
    if (equal(pair.publicKey, given.id)) return pair;
  }
  throw new RangeError(
    "the code does not belong to these terms: another amount or currency, or a wrong client secret. Nothing was signed",
  );
}

/**
 * The codes that an SDK can have made: with and without fees, and a hundredth low for the one that truncates (protocol a.3).
 * @param {{ currency: string, hundredths: bigint } | undefined} terms
 * @param {Uint8Array} nonce
 */
function candidates(terms, nonce) {
  if (terms === undefined) return [loginPayload(nonce)];
  const amounts = [terms.hundredths, terms.hundredths - 1n].filter((hundredths) => hundredths > 0n);
  return amounts.flatMap((hundredths) => [false, true].map((fees) => paymentPayload(terms.currency, hundredths, nonce, fees)));
}

/** @param {Uint8Array} code */
async function withCode(code) {
  readPayload(code);
  return { id: (await rendezvous(code)).publicKey, payload: code };
}
