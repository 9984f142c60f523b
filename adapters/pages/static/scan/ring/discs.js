// Where the disc in the middle of a ring code may be: the one thing of it that is whole. Seen aslant it is an ellipse.

/** @typedef {import("../contrast.js").Contrast} Contrast */
/**
 * An ellipse: its middle, and where the unit circle's points (1, 0) and (0, 1) lie from there.
 * @typedef {{ x: number, y: number, right: [number, number], down: [number, number] }} Disc
 */

/** Of fewer pixels across, the marks around it are too small to be told apart; of a larger part, they are off the picture. */
const LEAST = 14;
const MOST_SHARE = 0.45;
/** How much longer than wide an ellipse may be: a tilt of 60 degrees. */
const MOST_LONG = 2;
/** How far an edge may be off the ellipse on average, as a part of its radius, and in pixels. */
const OFF = 0.03;
const OFF_PIXELS = 0.5;
/** How many are looked at. */
const MOST = 12;

/**
 * Light discs on a dark ground, the largest first.
 * @param {Contrast} picture
 * @returns {Disc[]}
 */
export function discs(picture) {
  const { width, height, at } = picture;
  const seen = new Uint8Array(width * height);
  const stack = new Int32Array(width * height);
  /** @type {Rows} */
  const rows = { left: new Int32Array(height), right: new Int32Array(height), count: 0 };
  const most = MOST_SHARE * Math.max(width, height);
  /** @type {{ area: number, disc: Disc }[]} */
  const found = [];
  for (let start = 0; start < at.length; start += 1) {
    if (seen[start] || at[start] >= 0) continue;
    fill(picture, start, seen, stack, rows);
    if (rows.count < LEAST || rows.count > most) continue;
    const fitted = ellipse(rows, Math.floor(start / width));
    if (fitted !== undefined) found.push(fitted);
  }
  found.sort((a, b) => b.area - a.area);
  return found.slice(0, MOST).map(({ disc }) => disc);
}

/** The first and last pixel of each row of a spot, from its top. @typedef {{ left: Int32Array, right: Int32Array, count: number }} Rows */

/**
 * Everything light that hangs together with a pixel, which is the first one of it.
 * @param {Contrast} picture
 * @param {number} start
 * @param {Uint8Array} seen marks what was found already
 * @param {Int32Array} stack room for every pixel once
 * @param {Rows} rows is filled
 */
function fill({ width, height, at }, start, seen, stack, rows) {
  const { left, right } = rows;
  const first = Math.floor(start / width);
  rows.count = 0;
  let waiting = 1;
  stack[0] = start;
  seen[start] = 1;
  while (waiting > 0) {
    waiting -= 1;
    const pixel = stack[waiting];
    const y = Math.floor(pixel / width);
    const x = pixel - y * width;
    const row = y - first;
    // No row is reached but from the one above or below, and none is above the first.
    if (row === rows.count) {
      rows.count += 1;
      left[row] = right[row] = x;
    }
    if (x < left[row]) left[row] = x;
    if (x > right[row]) right[row] = x;
    for (let side = 0; side < 4; side += 1) {
      const isInside = side === 0 ? x > 0 : side === 1 ? x < width - 1 : side === 2 ? y > 0 : y < height - 1;
      const next = side === 0 ? pixel - 1 : side === 1 ? pixel + 1 : side === 2 ? pixel - width : pixel + width;
      if (!isInside || seen[next] || at[next] >= 0) continue;
      stack[waiting] = next;
      seen[next] = 1;
      waiting += 1;
    }
  }
}

/**
 * The ellipse with the same moments as a spot whose holes are filled, if the spot is one.
 * @param {Rows} rows
 * @param {number} top of the first one
 */
function ellipse({ left, right, count }, top) {
  let [area, sumX, sumY] = [0, 0, 0];
  for (let row = 0; row < count; row += 1) {
    const length = right[row] - left[row] + 1;
    area += length;
    sumX += (length * (left[row] + right[row])) / 2;
    sumY += length * row;
  }
  const [x, y] = [sumX / area, sumY / area];
  let [xx, xy, yy] = [0, 0, 0];
  for (let row = 0; row < count; row += 1) {
    const length = right[row] - left[row] + 1;
    const middle = (left[row] + right[row]) / 2 - x;
    // A row's own moment, of pixels that have a width, and that of its middle.
    xx += length * (middle ** 2 + length ** 2 / 12);
    xy += length * middle * (row - y);
    yy += length * ((row - y) ** 2 + 1 / 12);
  }
  [xx, xy, yy] = [xx / area, xy / area, yy / area];
  const determinant = xx * yy - xy * xy;
  if (determinant <= 0) return undefined;
  // A unit disc has moments of a quarter: twice the square root of the matrix takes it to this ellipse.
  const root = Math.sqrt(determinant);
  const scale = 2 / Math.sqrt(xx + yy + 2 * root);
  const [a, b, d] = [scale * (xx + root), scale * xy, scale * (yy + root)];
  const spread = Math.sqrt(Math.max(0, ((xx - yy) / 2) ** 2 + xy ** 2));
  const mean = (xx + yy) / 2;
  if (mean + spread > MOST_LONG ** 2 * (mean - spread)) return undefined;
  // Each end of a row has to lie on it.
  let off = 0;
  for (let row = 0; row < count; row += 1) {
    for (const edge of [left[row] - 0.5, right[row] + 0.5]) {
      const [dx, dy] = [edge - x, row - y];
      off += Math.abs(Math.sqrt((yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy) / determinant) / 2 - 1);
    }
  }
  const radius = Math.sqrt(area / Math.PI);
  if (off / (2 * count) > OFF + OFF_PIXELS / radius) return undefined;
  /** @type {Disc} */
  const disc = { x, y: y + top, right: [a, b], down: [b, d] };
  return { area, disc };
}
