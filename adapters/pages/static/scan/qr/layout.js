// What every QR code of a size has in the same place (ISO/IEC 18004, 6.3): the patterns that say where and how large it is, and
// in which order the rest is filled.

export const MIN_VERSION = 1;
export const MAX_VERSION = 40;

const FINDER = 7;

/**
 * @typedef {{ version: number, side: number, reserved: Uint8Array, marks: { x: number, y: number, isDark: boolean }[] }} Layout
 * `reserved`: whether a module holds no data, row by row; `marks`: the modules whose colour is always the same
 */

/** @type {(Layout | undefined)[]} */
const known = [];

/** Modules across. @param {number} version 1 to 40 */
export function sideOf(version) {
  return 4 * version + 17;
}

/** @param {number} version 1 to 40 @returns {Layout} */
export function layout(version) {
  return (known[version] ??= make(version));
}

/** @param {number} version @returns {Layout} */
function make(version) {
  const side = sideOf(version);
  const reserved = new Uint8Array(side * side);
  /** @type {Layout["marks"]} */
  const marks = [];
  const reserve = (/** @type {number} */ x, /** @type {number} */ y) => {
    reserved[y * side + x] = 1;
  };
  const mark = (/** @type {number} */ x, /** @type {number} */ y, /** @type {boolean} */ isDark) => {
    if (reserved[y * side + x]) return;
    reserve(x, y);
    marks.push({ x, y, isDark });
  };
  // Concentric squares: by how far a module is from the middle it is dark or light.
  const squares = (/** @type {number} */ middleX, /** @type {number} */ middleY, /** @type {string} */ rings) => {
    const reach = rings.length - 1;
    for (let dy = -reach; dy <= reach; dy += 1) {
      for (let dx = -reach; dx <= reach; dx += 1) {
        const [x, y] = [middleX + dx, middleY + dy];
        if (x < 0 || y < 0 || x >= side || y >= side) continue;
        mark(x, y, rings[Math.max(Math.abs(dx), Math.abs(dy))] === "#");
      }
    }
  };
  const far = side - 1 - (FINDER >> 1);
  for (const [x, y] of [[3, 3], [far, 3], [3, far]]) squares(x, y, "##.#.");
  const lines = alignment(version);
  const last = lines.length - 1;
  for (const [i, y] of lines.entries()) {
    for (const [j, x] of lines.entries()) {
      const isAtFinder = (i === 0 && (j === 0 || j === last)) || (i === last && j === 0);
      if (!isAtFinder) squares(x, y, "#.#");
    }
  }
  for (let i = 0; i < side; i += 1) {
    mark(i, 6, i % 2 === 0);
    mark(6, i, i % 2 === 0);
  }
  mark(8, side - 8, true);
  for (let i = 0; i < 9; i += 1) {
    reserve(8, i);
    reserve(i, 8);
  }
  for (let i = 0; i < 8; i += 1) {
    reserve(side - 1 - i, 8);
    reserve(8, side - 1 - i);
  }
  if (version >= 7) {
    for (let i = 0; i < 18; i += 1) {
      const [across, along] = [side - 11 + (i % 3), Math.floor(i / 3)];
      reserve(across, along);
      reserve(along, across);
    }
  }
  return { version, side, reserved, marks };
}

/**
 * The lines on whose crossings alignment patterns lie (annex E): evenly spaced from the far side, the first gap takes the rest.
 * @param {number} version
 */
export function alignment(version) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const last = sideOf(version) - 7;
  // The one version whose spacing the rule does not give.
  const gap = version === 32 ? 26 : 2 * Math.ceil((last - 6) / (count - 1) / 2);
  return [6, ...Array.from({ length: count - 1 }, (_, i) => last - gap * (count - 2 - i))];
}

/**
 * The modules that hold data, in the order in which they are filled: by columns of two from the right, up and down in turn.
 * @param {Layout} layout
 * @param {(x: number, y: number) => void} each
 */
export function walk({ side, reserved }, each) {
  let isUp = true;
  for (let right = side - 1; right > 0; right -= 2) {
    // The column of the vertical timing pattern counts for none.
    if (right === 6) right -= 1;
    for (let i = 0; i < side; i += 1) {
      const y = isUp ? side - 1 - i : i;
      for (const x of [right, right - 1]) {
        if (!reserved[y * side + x]) each(x, y);
      }
    }
    isUp = !isUp;
  }
}
