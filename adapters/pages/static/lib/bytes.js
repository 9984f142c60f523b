// Bytes and the texts they travel as.

const HEX = /^(?:[0-9a-f]{2})*$/i;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * One array of several.
 * @param {...(Uint8Array | number[])} parts
 * @returns {Uint8Array}
 */
export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Whether two arrays hold the same bytes.
 * @param {Uint8Array} one
 * @param {Uint8Array} other
 */
export function equal(one, other) {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** @param {string} text */
export function utf8(text) {
  return new TextEncoder().encode(text);
}

/**
 * The text in bytes that have to be UTF-8.
 * @param {Uint8Array} bytes
 */
export function text(bytes) {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** @param {Uint8Array} bytes */
export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} digits */
export function fromHex(digits) {
  if (!HEX.test(digits)) throw new RangeError("expected pairs of hex digits");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** @param {Uint8Array} bytes */
export function base64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** @param {string} letters standard alphabet, with its padding */
export function fromBase64(letters) {
  if (!BASE64.test(letters)) throw new RangeError("expected base64");
  return Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
}

/**
 * A whole number, least significant byte first.
 * @param {bigint} value 0 or more
 * @param {number} length how many bytes; what does not fit is an error
 */
export function littleEndian(value, length) {
  if (value < 0n || value >= 1n << BigInt(8 * length)) {
    throw new RangeError(`expected a number of at most ${length} bytes, got ${value}`);
  }
  return Uint8Array.from({ length }, (_, index) => Number((value >> BigInt(8 * index)) & 255n));
}

/** @param {Uint8Array} bytes */
export function fromLittleEndian(bytes) {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/**
 * @param {Uint8Array} bytes
 * @returns {Promise<Uint8Array>} 32 bytes
 */
export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
