// Base58 with the alphabet of Bitcoin: how keys, ids and client secrets are written.

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
// A signature has at most 88 letters. The time to read a text grows with the square of its length.
const MAX_LETTERS = 128;

/** @param {Uint8Array} bytes */
export function encode(bytes) {
  /** @type {number[]} the digits, least significant first */
  const digits = [];
  for (const byte of bytes) {
    let carry = byte;
    for (let at = 0; at < digits.length || carry > 0; at += 1) {
      carry += (digits[at] ?? 0) * 256;
      digits[at] = carry % 58;
      carry = Math.floor(carry / 58);
    }
  }
  return ALPHABET[0].repeat(leading(bytes, 0)) + digits.reverse().map((digit) => ALPHABET[digit]).join("");
}

/**
 * @param {string} text
 * @param {number} [length] how many bytes it has to be
 * @returns {Uint8Array}
 */
export function decode(text, length) {
  if (text.length > MAX_LETTERS) throw new RangeError(`expected at most ${MAX_LETTERS} letters of base58`);
  /** @type {number[]} the bytes, least significant first */
  const bytes = [];
  for (const letter of text) {
    let carry = ALPHABET.indexOf(letter);
    if (carry < 0) throw new RangeError(`expected base58, got the letter ${letter}`);
    for (let at = 0; at < bytes.length || carry > 0; at += 1) {
      carry += (bytes[at] ?? 0) * 58;
      bytes[at] = carry % 256;
      carry = Math.floor(carry / 256);
    }
  }
  const zeros = leading(Array.from(text), ALPHABET[0]);
  const decoded = Uint8Array.from([...Array(zeros).fill(0), ...bytes.reverse()]);
  if (length !== undefined && decoded.length !== length) {
    throw new RangeError(`expected base58 of ${length} bytes, got ${decoded.length}`);
  }
  return decoded;
}

/**
 * How many elements at the front are `what`.
 * @param {ArrayLike<unknown>} list
 * @param {unknown} what
 */
function leading(list, what) {
  let count = 0;
  while (count < list.length && list[count] === what) count += 1;
  return count;
}
