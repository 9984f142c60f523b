// A merchant without an SDK: codes (protocol a.1 to a.5) and the engine's own form of terms, written apart from the pages under
// test.

import { createHash, createPrivateKey, createPublicKey, randomBytes, sign } from "node:crypto";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/** Protocol a.2. */
const INDEX = { kin: 0, eur: 43, jpy: 67, usd: 140 };
/** An ed25519 secret key of RFC 8410 begins so. */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

export const MERCHANT = "E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR";
export const PARTNER = "67Au2pGKHnnTNiVX79U5kH57K7kDBTJZCR8M47KQM6D8";

/** @param {Uint8Array} bytes */
export function base58(bytes) {
  let number = BigInt(`0x${Buffer.from(bytes).toString("hex") || "0"}`);
  let text = "";
  for (; number > 0n; number /= 58n) text = ALPHABET[Number(number % 58n)] + text;
  for (const byte of bytes) {
    if (byte !== 0) break;
    text = `1${text}`;
  }
  return text;
}

/** @param {string} text */
export function fromBase58(text) {
  let number = 0n;
  for (const letter of text) number = number * 58n + BigInt(ALPHABET.indexOf(letter));
  const hex = number.toString(16);
  return Buffer.from(hex.padStart(64, "0"), "hex");
}

/** @param {number | bigint} value @param {number} bytes */
function little(value, bytes) {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer.subarray(0, bytes);
}

/** @param {Uint8Array} seed */
function keyOf(seed) {
  const secret = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
  const jwk = createPublicKey(secret).export({ format: "jwk" });
  return { secret, public: Buffer.from(jwk.x ?? "", "base64url") };
}

/**
 * Asks for a payment.
 * @param {{ url: string }} node
 * @param {{ hundredths?: number, amount?: string, currency?: keyof typeof INDEX, fees?: { destination: string, basis_points: number }[],
 *   metadata?: Record<string, string>, expiresIn?: number }} [wish] `expiresIn` in milliseconds
 */
export async function order(node, wish = {}) {
  const { hundredths = 25, currency = "usd", fees = [], metadata = {}, expiresIn } = wish;
  const nonce = randomBytes(11);
  const kind = fees.length > 0 ? 4 : 2;
  const payload = Buffer.concat([Buffer.from([kind, INDEX[currency]]), little(hundredths, 7), nonce]);
  const key = keyOf(createHash("sha256").update(payload).digest());
  const id = base58(key.public);
  const expires = expiresIn === undefined ? 0 : (Date.now() + expiresIn) * 1000;
  const entries = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = (/** @type {string} */ words) => [little(Buffer.byteLength(words), 2), Buffer.from(words)];
  const signed = Buffer.concat([
    Buffer.from("quittance.terms"),
    Buffer.from([entries.length > 0 ? 2 : 1]),
    key.public,
    fromBase58(MERCHANT),
    Buffer.from(currency),
    little(hundredths, 8),
    little(expires, 8),
    Buffer.from([fees.length]),
    ...fees.flatMap((fee) => [fromBase58(fee.destination), little(fee.basis_points, 2)]),
    ...(entries.length > 0 ? [Buffer.from([entries.length])] : []),
    ...entries.flatMap((entry) => entry.flatMap(text)),
  ]);
  const terms = {
    destination: MERCHANT,
    currency,
    amount: (hundredths / 100).toFixed(2),
    fees,
    metadata,
    ...(expires ? { expires_at: new Date(expires / 1000).toISOString() } : {}),
  };
  const body = JSON.stringify({ id, terms, signature: base58(sign(null, signed, key.secret)) });
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${node.url}/v1/intents`, { method: "POST", headers, body });
  if (!answer.ok) throw new Error(`the order is refused: ${await answer.text()}`);
  return { id, clientSecret: base58(nonce), payload: payload.toString("hex"), key };
}
