// How a QR code's bytes are spread over blocks that are corrected one by one (ISO/IEC 18004, 6.5.1 and 6.6).

import { correct } from "../reed_solomon.js";

/** @typedef {"L" | "M" | "Q" | "H"} Level how much can be lost: some 7, 15, 25 or 30 % */

const list = (/** @type {string} */ text) => text.split(" ").map(Number);

/** Bytes of parity in each block, for versions 1 to 40 (table 9). */
const PARITY = {
  L: list("7 10 15 20 26 18 20 24 30 18 20 24 26 30 22 24 28 30 28 28 28 28 30 30 26 28 30 30 30 30 30 30 30 30 30 30 30 30 30 30"),
  M: list("10 16 26 18 24 16 18 22 22 26 30 22 22 24 24 28 28 26 26 26 26 28 28 28 28 28 28 28 28 28 28 28 28 28 28 28 28 28 28 28"),
  Q: list("13 22 18 26 18 24 18 22 20 24 28 26 24 20 30 24 28 28 26 30 28 30 30 30 30 28 30 30 30 30 30 30 30 30 30 30 30 30 30 30"),
  H: list("17 28 22 16 22 28 26 26 24 28 24 28 22 24 24 30 28 28 26 28 30 24 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30"),
};
/** Blocks, for versions 1 to 40 (table 9). */
const BLOCKS = {
  L: list("1 1 1 1 1 2 2 2 2 4 4 4 4 4 6 6 6 6 7 8 8 9 9 10 12 12 12 13 14 15 16 17 18 19 19 20 21 22 24 25"),
  M: list("1 1 1 2 2 4 4 4 5 5 5 8 9 9 10 10 11 13 14 16 17 17 18 20 21 23 25 26 28 29 31 33 35 37 38 40 43 45 47 49"),
  Q: list("1 1 2 2 4 4 6 6 8 8 8 10 12 16 12 17 16 18 21 20 23 23 25 27 29 34 34 35 38 40 43 45 48 51 53 56 59 62 65 68"),
  H: list("1 1 2 4 4 4 5 6 8 8 11 11 16 16 18 16 19 21 25 25 25 34 30 32 35 37 40 42 45 48 51 54 57 60 63 66 70 74 77 81"),
};
/** Parity of the smallest codes that is kept for noticing that too much is wrong (table 9). */
const KEPT = /** @type {Record<string, number>} */ ({ "1L": 3, "1M": 2, "1Q": 1, "1H": 1, "2L": 2, "3L": 1 });

/**
 * The data of all blocks, or nothing when one of them is beyond repair.
 * @param {Uint8Array} bytes as they are read off the code
 * @param {number} version
 * @param {Level} level
 * @returns {Uint8Array | undefined}
 */
export function data(bytes, version, level) {
  const [count, parity] = [BLOCKS[level][version - 1], PARITY[level][version - 1]];
  const short = Math.floor(bytes.length / count) - parity;
  // The last blocks take one byte more where it does not come out even.
  const longer = bytes.length % count;
  const lengths = Array.from({ length: count }, (_, i) => short + (i >= count - longer ? 1 : 0));
  const blocks = lengths.map((length) => new Uint8Array(length + parity));
  let next = 0;
  for (let i = 0; i <= short; i += 1) {
    for (const [b, block] of blocks.entries()) {
      if (i < lengths[b]) block[i] = bytes[next++];
    }
  }
  for (let i = 0; i < parity; i += 1) {
    for (const [b, block] of blocks.entries()) block[lengths[b] + i] = bytes[next++];
  }
  const most = (parity - (KEPT[`${version}${level}`] ?? 0)) >> 1;
  const whole = new Uint8Array(bytes.length - count * parity);
  let filled = 0;
  for (const [b, block] of blocks.entries()) {
    if (correct(block, parity, most) === undefined) return undefined;
    whole.set(block.subarray(0, lengths[b]), filled);
    filled += lengths[b];
  }
  return whole;
}
