// The text in a QR code's data: segments of digits, of capitals and signs, of bytes, of kanji (ISO/IEC 18004, 6.4).

const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const [END, DIGITS, CAPITALS, PART, BYTES, FNC1_FIRST, CHARACTER_SET, KANJI, FNC1_SECOND] = [0, 1, 2, 3, 4, 5, 7, 8, 9];
/** Bits of a segment's length, for versions 1 to 9, 10 to 26 and 27 to 40. */
const LENGTH_BITS = /** @type {Record<number, number[]>} */ ({ [DIGITS]: [10, 12, 14], [CAPITALS]: [9, 11, 13], [BYTES]: [8, 16, 16], [KANJI]: [8, 10, 12] });
/** By their number among the extended channel interpretations. */
const CHARACTER_SETS = /** @type {Record<number, string>} */ ({ 1: "latin1", 3: "latin1", 20: "shift_jis", 26: "utf-8", 27: "latin1" });

/**
 * @param {Uint8Array} data
 * @param {number} version
 * @returns {string}
 * @throws {RangeError} when the data are none, or are written in a way that is not read here
 */
export function text(data, version) {
  const bits = new Bits(data);
  const size = version < 10 ? 0 : version < 27 ? 1 : 2;
  let characterSet = "";
  let text = "";
  while (bits.left >= 4) {
    const mode = bits.take(4);
    if (mode === END) break;
    if (mode === CHARACTER_SET) {
      const number = assignment(bits);
      characterSet = CHARACTER_SETS[number];
      if (characterSet === undefined) throw new RangeError(`QR code: the character set ${number} is not read here`);
      continue;
    }
    if (mode === PART) throw new RangeError("QR code: it is one part of several, which are not put together here");
    // What the text means to a shop's till; the text is the same.
    if (mode === FNC1_FIRST) continue;
    if (mode === FNC1_SECOND) {
      bits.take(8);
      continue;
    }
    const widths = LENGTH_BITS[mode];
    if (widths === undefined) throw new RangeError(`QR code: expected a known kind of segment, got ${mode}`);
    const count = bits.take(widths[size]);
    if (mode === DIGITS) text += digits(bits, count);
    else if (mode === CAPITALS) text += capitals(bits, count);
    else text += mode === BYTES ? bytes(bits, count, characterSet) : kanji(bits, count);
  }
  return text;
}

class Bits {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.next = 0;
  }

  get left() {
    return 8 * this.bytes.length - this.next;
  }

  /** @param {number} count at most 24 */
  take(count) {
    if (count > this.left) throw new RangeError("QR code: its data end in the middle of a segment");
    let value = 0;
    for (const end = this.next + count; this.next < end; this.next += 1) {
      value = (value << 1) | ((this.bytes[this.next >> 3] >> (7 - (this.next & 7))) & 1);
    }
    return value;
  }
}

/** @param {Bits} bits @param {number} count */
function digits(bits, count) {
  let text = "";
  for (let left = count; left > 0; left -= 3) {
    const group = Math.min(left, 3);
    const value = bits.take(3 * group + 1);
    if (value >= 10 ** group) throw new RangeError(`QR code: expected ${group} digits, got ${value}`);
    text += String(value).padStart(group, "0");
  }
  return text;
}

/** @param {Bits} bits @param {number} count */
function capitals(bits, count) {
  let text = "";
  for (let left = count; left > 0; left -= 2) {
    const pair = left > 1 ? bits.take(11) : bits.take(6);
    if (pair >= (left > 1 ? 45 * 45 : 45)) throw new RangeError(`QR code: expected letters, got ${pair}`);
    text += left > 1 ? LETTERS[Math.floor(pair / 45)] + LETTERS[pair % 45] : LETTERS[pair];
  }
  return text;
}

/** @param {Bits} bits @param {number} count @param {string} characterSet */
function bytes(bits, count, characterSet) {
  const taken = Uint8Array.from({ length: Math.min(count, bits.left) }, () => (bits.left >= 8 ? bits.take(8) : 0));
  if (taken.length < count) throw new RangeError("QR code: its data end in the middle of a segment");
  if (characterSet !== "") return new TextDecoder(characterSet).decode(taken);
  // The standard says Latin-1, and nearly everybody writes UTF-8.
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(taken);
  } catch {
    return new TextDecoder("latin1").decode(taken);
  }
}

/** Two bytes of Shift JIS in 13 bits. @param {Bits} bits @param {number} count */
function kanji(bits, count) {
  const taken = [];
  for (let left = count; left > 0; left -= 1) {
    const value = bits.take(13);
    const packed = (Math.floor(value / 0xc0) << 8) | (value % 0xc0);
    const word = packed + (packed < 0x1f00 ? 0x8140 : 0xc140);
    taken.push(word >> 8, word & 255);
  }
  return new TextDecoder("shift_jis").decode(Uint8Array.from(taken));
}

/** One to three bytes, as the first bits say. @param {Bits} bits */
function assignment(bits) {
  const first = bits.take(8);
  if (first < 0x80) return first;
  if (first < 0xc0) return ((first & 0x3f) << 8) | bits.take(8);
  return ((first & 0x1f) << 16) | bits.take(16);
}
