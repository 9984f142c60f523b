// Ed25519 keys by the browser's own cryptography.

import { concat, fromBase64, fromHex, sha256 } from "./bytes.js";
import { encode as base58 } from "./base58.js";

const ALGORITHM = "Ed25519";
// What stands before the 32 bytes of a seed in PKCS #8 (RFC 8410), the one form in which a browser takes a private key by itself.
const PKCS8 = fromHex("302e020100300506032b657004220420");

/**
 * A key pair whose private half may be beyond reach.
 * @typedef {{ publicKey: Uint8Array, id: string, sign: (bytes: Uint8Array) => Promise<Uint8Array>, secret: CryptoKey }} KeyPair
 * `id` is the public key in base58
 */

/** The browsers that can do this, for whoever has another one. */
export const BROWSERS = "Chrome or Edge 137, Firefox 129, Safari 17 or later, over https or on this very machine";

/** Whether this page can make and use keys at all. */
export async function available() {
  if (globalThis.crypto?.subtle === undefined) return false;
  try {
    await fromSeed(new Uint8Array(32));
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {Uint8Array} seed 32 bytes
 * @returns {Promise<KeyPair>}
 */
export async function fromSeed(seed) {
  if (seed.length !== 32) throw new RangeError(`a key: expected a seed of 32 bytes, got ${seed.length}`);
  const encoded = concat(PKCS8, seed);
  const open = await crypto.subtle.importKey("pkcs8", encoded, ALGORITHM, true, ["sign"]);
  // A browser has no other way to tell a private key's public half.
  const { x } = await crypto.subtle.exportKey("jwk", open);
  const publicKey = fromBase64(`${String(x).replace(/-/g, "+").replace(/_/g, "/")}=`);
  const secret = await crypto.subtle.importKey("pkcs8", encoded, ALGORITHM, false, ["sign"]);
  return pair(publicKey, secret);
}

/**
 * @param {Uint8Array} publicKey
 * @param {CryptoKey} secret
 * @returns {KeyPair}
 */
export function pair(publicKey, secret) {
  const sign = async (/** @type {Uint8Array} */ bytes) =>
    new Uint8Array(await crypto.subtle.sign(ALGORITHM, secret, bytes));
  return { publicKey, id: base58(publicKey), sign, secret };
}

/**
 * The key that all who see a code have. Its public half is the intent's id (protocol a.5).
 * @param {Uint8Array} payload
 */
export async function rendezvous(payload) {
  return fromSeed(await sha256(payload));
}

/**
 * Whether a key has signed bytes.
 * @param {Uint8Array} publicKey
 * @param {Uint8Array} bytes
 * @param {Uint8Array} signature
 */
export async function verifies(publicKey, bytes, signature) {
  try {
    const key = await crypto.subtle.importKey("raw", publicKey, ALGORITHM, false, ["verify"]);
    return await crypto.subtle.verify(ALGORITHM, key, signature, bytes);
  } catch {
    // A key that is no point on the curve has signed nothing.
    return false;
  }
}
