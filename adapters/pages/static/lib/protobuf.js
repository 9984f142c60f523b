// The protobuf wire format: as much of it as the protocol's messages use.

import { concat, littleEndian, text, utf8 } from "./bytes.js";

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/**
 * One field as it came.
 * @typedef {{ number: number, value: bigint | Uint8Array, raw: Uint8Array }} Field a varint is a bigint, everything else its bytes;
 * `raw` is all of it, tag included
 */

/**
 * A field of bytes, or of a message. Also written when it is empty, since an empty message is not an absent one.
 * @param {number} number
 * @param {Uint8Array} value
 */
export function bytesField(number, value) {
  return concat(varint(BigInt(number * 8 + LENGTH)), varint(BigInt(value.length)), value);
}

/**
 * A field of text; left out when empty, as the format's third version does.
 * @param {number} number
 * @param {string} value
 */
export function stringField(number, value) {
  return value === "" ? new Uint8Array() : bytesField(number, utf8(value));
}

/**
 * A field of a whole number, left out when zero.
 * @param {number} number
 * @param {bigint} value 0 to 2^64 - 1
 */
export function uintField(number, value) {
  return value === 0n ? new Uint8Array() : concat(varint(BigInt(number * 8 + VARINT)), varint(value));
}

/**
 * A field of floating point, left out when zero.
 * @param {number} number
 * @param {number} value
 */
export function doubleField(number, value) {
  if (value === 0) return new Uint8Array();
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return concat(varint(BigInt(number * 8 + FIXED64)), bytes);
}

/**
 * All fields of a message, in the order in which they came.
 * @param {Uint8Array} message
 * @returns {Field[]}
 */
export function fields(message) {
  /** @type {Field[]} */
  const found = [];
  let at = 0;
  const take = (/** @type {number} */ length) => {
    if (length > message.length - at) throw new RangeError("a message ends in the middle of a field");
    at += length;
    return message.subarray(at - length, at);
  };
  const number = () => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const [byte] = take(1);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new RangeError("a number in a message has more than ten bytes");
  };
  const value = (/** @type {number} */ wire, /** @type {number} */ field) => {
    if (wire === VARINT) return number();
    if (wire === LENGTH) return take(Number(number()));
    if (wire === FIXED64) return take(8);
    if (wire === FIXED32) return take(4);
    throw new RangeError(`field ${field} of a message has a wire type that there is not`);
  };
  while (at < message.length) {
    const start = at;
    const tag = number();
    const field = Number(tag >> 3n);
    if (field === 0) throw new RangeError("a message has a field 0");
    const read = value(Number(tag & 7n), field);
    found.push({ number: field, value: read, raw: message.subarray(start, at) });
  }
  return found;
}

/**
 * A message as it came, but for one field: what a signature in that field covers.
 * @param {Uint8Array} message
 * @param {number} number
 */
export function without(message, number) {
  return concat(...fields(message).flatMap((field) => (field.number === number ? [] : [field.raw])));
}

/**
 * The bytes of a field; of several, those of the last, which is the one that counts.
 * @param {Uint8Array} message
 * @param {number} number
 * @returns {Uint8Array | undefined}
 */
export function bytesOf(message, number) {
  const value = last(message, number);
  if (typeof value === "bigint") throw new RangeError(`field ${number}: expected bytes, got a number`);
  return value;
}

/**
 * @param {Uint8Array} message
 * @param {number} number
 * @returns {string} empty when the field is absent
 */
export function stringOf(message, number) {
  return text(bytesOf(message, number) ?? new Uint8Array());
}

/**
 * @param {Uint8Array} message
 * @param {number} number
 * @returns {bigint} 0 when the field is absent
 */
export function uintOf(message, number) {
  const value = last(message, number) ?? 0n;
  if (typeof value !== "bigint") throw new RangeError(`field ${number}: expected a number, got bytes`);
  return value;
}

/**
 * @param {Uint8Array} message
 * @param {number} number
 * @returns {number} 0 when the field is absent
 */
export function doubleOf(message, number) {
  const bytes = bytesOf(message, number);
  if (bytes === undefined) return 0;
  if (bytes.length !== 8) throw new RangeError(`field ${number}: expected a double of 8 bytes`);
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
}

/**
 * @param {Uint8Array} message
 * @param {number} number
 */
function last(message, number) {
  return fields(message).findLast((field) => field.number === number)?.value;
}

/** @param {bigint} value */
function varint(value) {
  const groups = [];
  let rest = value;
  do {
    groups.push(rest & 127n);
    rest >>= 7n;
  } while (rest > 0n);
  return concat(...groups.map((group, index) => littleEndian(index + 1 < groups.length ? group | 128n : group, 1)));
}
