// Twelve words and the key they stand for (BIP-39, then SLIP-0010 on the path that Solana wallets use).

import { concat, sha256, utf8 } from "../lib/bytes.js";

const ENTROPY = 16;
const COUNT = 12;
const ROUNDS = 2048;
/** m/44'/501'/0'/0': the same words give the same account in other wallets of this protocol. */
const PATH = [44, 501, 0, 0];
const HARDENED = 0x80000000;

/**
 * Twelve words nobody has had before.
 * @param {string[]} list 2048 words
 */
export async function generate(list) {
  return wordsOf(crypto.getRandomValues(new Uint8Array(ENTROPY)), list);
}

/**
 * @param {Uint8Array} entropy 16 bytes
 * @param {string[]} list
 */
export async function wordsOf(entropy, list) {
  const bits = concat(entropy, (await sha256(entropy)).slice(0, 1));
  return Array.from({ length: COUNT }, (_, index) => list[elevenBits(bits, index * 11)]);
}

/**
 * What somebody typed, as words, after checking that they are twelve of the list and belong together.
 * @param {string} typed
 * @param {string[]} list
 */
export async function check(typed, list) {
  const words = typed.normalize("NFKD").trim().toLowerCase().split(/\s+/);
  if (words.length !== COUNT) throw new RangeError(`expected ${COUNT} words, got ${typed.trim() === "" ? 0 : words.length}`);
  const numbers = words.map((word, index) => {
    const number = list.indexOf(word);
    if (number < 0) throw new RangeError(`word ${index + 1}, “${word}”, is not in the list of words`);
    return number;
  });
  const bits = numbers.map((number) => number.toString(2).padStart(11, "0")).join("");
  const entropy = Uint8Array.from({ length: ENTROPY }, (_, index) => Number.parseInt(bits.slice(8 * index, 8 * index + 8), 2));
  const same = (await wordsOf(entropy, list)).every((word, index) => word === words[index]);
  if (!same) throw new RangeError("these words do not belong together: one of them is another, or two have changed places");
  return words;
}

/**
 * The seed of the key that the words stand for.
 * @param {string[]} words
 * @returns {Promise<Uint8Array>} 32 bytes
 */
export async function seedOf(words) {
  const phrase = await crypto.subtle.importKey("raw", utf8(words.join(" ")), "PBKDF2", false, ["deriveBits"]);
  const stretch = { name: "PBKDF2", hash: "SHA-512", salt: utf8("mnemonic"), iterations: ROUNDS };
  let node = await hmac(utf8("ed25519 seed"), new Uint8Array(await crypto.subtle.deriveBits(stretch, phrase, 512)));
  for (const step of PATH) {
    const index = new Uint8Array(4);
    new DataView(index.buffer).setUint32(0, HARDENED + step);
    node = await hmac(node.slice(32), concat([0], node.slice(0, 32), index));
  }
  return node.slice(0, 32);
}

/**
 * What makes the keys for sites: as good as the seed, and of no use to find it.
 * @param {Uint8Array} seed
 */
export async function sitesOf(seed) {
  const material = await hmac(seed, utf8("quittance wallet, keys for sites, 1"));
  return crypto.subtle.importKey("raw", material, { name: "HMAC", hash: "SHA-512" }, false, ["sign"]);
}

/**
 * @param {Uint8Array} key
 * @param {Uint8Array} bytes
 */
async function hmac(key, bytes) {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-512" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, bytes));
}

/**
 * @param {Uint8Array} bytes
 * @param {number} from the first bit, most significant first
 */
function elevenBits(bytes, from) {
  let value = 0;
  for (let bit = from; bit < from + 11; bit += 1) value = (value << 1) | ((bytes[bit >> 3] >> (7 - (bit & 7))) & 1);
  return value;
}
