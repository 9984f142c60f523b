// From the modules of a QR code to its text (ISO/IEC 18004, 7).

import { data } from "./blocks.js";
import { layout, walk } from "./layout.js";
import { text } from "./segments.js";

/** Format information (annex C): 5 bits, their remainder by the generator, and a mask over all. */
const FORMAT_GENERATOR = 0b10100110111;
const FORMAT_MASK = 0b101010000010010;
/** Wrong bits of a copy that are put right: two formats differ in 7. */
const FORMAT_WRONG = 3;
const LEVELS = /** @type {import("./blocks.js").Level[]} */ (["M", "L", "H", "Q"]);

/** Which modules a mask turns over. @type {((x: number, y: number) => boolean)[]} */
const MASKS = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/**
 * @param {number} version 1 to 40
 * @param {(x: number, y: number) => boolean} isDark column from the left, row from the top
 * @returns {string | undefined} nothing when too much of it is misread
 */
export function decode(version, isDark) {
  const plan = layout(version);
  const format = formatOf(plan.side, isDark);
  if (format === undefined) return undefined;
  const [level, mask] = [LEVELS[format >> 3], MASKS[format & 7]];
  /** @type {number[]} */
  const bytes = [];
  let [byte, count] = [0, 0];
  walk(plan, (x, y) => {
    byte = (byte << 1) | (isDark(x, y) !== mask(x, y) ? 1 : 0);
    count += 1;
    // The few bits that make no byte are left over.
    if (count < 8) return;
    bytes.push(byte);
    [byte, count] = [0, 0];
  });
  const whole = data(Uint8Array.from(bytes), version, level);
  if (whole === undefined) return undefined;
  try {
    return text(whole, version);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * Level and mask, from whichever of the two copies is nearer to one that there is.
 * @param {number} side
 * @param {(x: number, y: number) => boolean} isDark
 */
function formatOf(side, isDark) {
  const copies = [
    (/** @type {number} */ i) => (i < 6 ? [8, i] : i < 8 ? [8, i + 1] : i === 8 ? [7, 8] : [14 - i, 8]),
    (/** @type {number} */ i) => (i < 8 ? [side - 1 - i, 8] : [8, side - 15 + i]),
  ].map((place) => {
    let read = 0;
    for (let i = 0; i < 15; i += 1) {
      const [x, y] = place(i);
      if (isDark(x, y)) read |= 1 << i;
    }
    return read;
  });
  let [best, least] = [0, FORMAT_WRONG + 1];
  for (let format = 0; format < 32; format += 1) {
    let rest = format << 10;
    for (let bit = 14; bit >= 10; bit -= 1) {
      if ((rest >> bit) & 1) rest ^= FORMAT_GENERATOR << (bit - 10);
    }
    const word = ((format << 10) | rest) ^ FORMAT_MASK;
    for (const copy of copies) {
      const wrong = ones(copy ^ word);
      if (wrong < least) [best, least] = [format, wrong];
    }
  }
  return least > FORMAT_WRONG ? undefined : best;
}

/** @param {number} bits */
function ones(bits) {
  let count = 0;
  for (let left = bits; left !== 0; left &= left - 1) count += 1;
  return count;
}
