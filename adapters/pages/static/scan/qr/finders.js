// Where the three squares of a QR code may be: along any line through their middle dark, light, dark, light, dark take
// 1 : 1 : 3 : 1 : 1 (ISO/IEC 18004, 6.3.3).

/** @typedef {import("../contrast.js").Contrast} Contrast */
/** @typedef {{ x: number, y: number, unit: number, seen: number }} Finder `unit`: a module's size on the picture, in pixels */

const ALL = 7;
/** How far a run may be off, as a part of a module: blur and a slanting light move edges. */
const OFF = 0.7;
/** A module of fewer pixels is not read. */
const LEAST_UNIT = 1.2;
/** How often the two directions may differ, since a tilt shortens one of them. */
const SKEW = 2;
/** Picture noise looks like a finder now and then: so many candidates are kept, and so many are combined. */
const MOST_KEPT = 200;
const MOST_COMBINED = 12;
const MOST_TRIPLES = 6;

/**
 * Candidates, the most often crossed first.
 * @param {Contrast} picture
 * @returns {Finder[]}
 */
export function finders(picture) {
  const { width, height, at } = picture;
  /** @type {Finder[]} */
  const found = [];
  const step = height > 360 ? 2 : 1;
  for (let y = 0; y < height && found.length < MOST_KEPT; y += step) {
    // The lengths of the last five runs, the newest last, and whether that one is dark.
    let [a, b, c, d, e] = [0, 0, 0, 0, 0];
    let isDark = false;
    for (let x = 0, i = y * width; x <= width; x += 1, i += 1) {
      const now = x < width && at[i] > 0;
      if (now === isDark && x < width) {
        e += 1;
        continue;
      }
      if (isDark && fits(a, b, c, d, e)) consider(picture, x - e - d - (c + 1) / 2, y, found);
      a = b;
      b = c;
      c = d;
      d = e;
      e = 1;
      isDark = now;
    }
  }
  return found.sort((a, b) => b.seen / b.unit - a.seen / a.unit);
}

/**
 * Whether five runs are a finder's.
 * @param {number} a @param {number} b @param {number} c @param {number} d @param {number} e
 */
function fits(a, b, c, d, e) {
  const unit = (a + b + c + d + e) / ALL;
  if (unit < LEAST_UNIT || a === 0) return false;
  const off = OFF * unit;
  const isOne = (/** @type {number} */ run) => Math.abs(run - unit) <= off;
  return Math.abs(c - 3 * unit) <= 2 * off && isOne(b) && isOne(d) && isOne(a) && isOne(e);
}

/**
 * Looks across a place that a row has shown, and keeps it if the other direction agrees.
 * @param {Contrast} picture
 * @param {number} x
 * @param {number} y
 * @param {Finder[]} found
 */
function consider(picture, x, y, found) {
  const down = cross(picture, Math.round(x), y, 0, 1);
  if (down === undefined) return;
  const middleY = y + down.shift;
  const along = cross(picture, Math.round(x), Math.round(middleY), 1, 0);
  if (along === undefined || along.unit > SKEW * down.unit || down.unit > SKEW * along.unit) return;
  const [middleX, unit] = [Math.round(x) + along.shift, (along.unit + down.unit) / 2];
  // Whichever way a square is turned, its diagonals show the same, which text and other modules hardly ever do.
  const [nearX, nearY] = [Math.round(middleX), Math.round(middleY)];
  if (cross(picture, nearX, nearY, 1, 1) === undefined || cross(picture, nearX, nearY, 1, -1) === undefined) return;
  const same = found.find((one) => Math.hypot(one.x - middleX, one.y - middleY) < 2 * unit && one.unit < SKEW * unit && unit < SKEW * one.unit);
  if (same === undefined) {
    found.push({ x: middleX, y: middleY, unit, seen: 1 });
    return;
  }
  const share = 1 / (same.seen + 1);
  same.x += (middleX - same.x) * share;
  same.y += (middleY - same.y) * share;
  same.unit += (unit - same.unit) * share;
  same.seen += 1;
}

/**
 * The runs of a line through a point: how far their middle is from the point, and the size of a module along the line.
 * @param {Contrast} picture
 * @param {number} x
 * @param {number} y
 * @param {number} dx
 * @param {number} dy
 */
function cross({ width, height, at }, x, y, dx, dy) {
  const isDark = (/** @type {number} */ i) => {
    const [px, py] = [x + i * dx, y + i * dy];
    return px >= 0 && py >= 0 && px < width && py < height ? at[py * width + px] > 0 : undefined;
  };
  if (isDark(0) !== true) return undefined;
  const side = (/** @type {number} */ sign) => {
    const runs = [0, 0, 0];
    let i = sign;
    for (const [k, wanted] of [true, false, true].entries()) {
      for (; isDark(i) === wanted; i += sign) runs[k] += 1;
    }
    return runs;
  };
  const [back, ahead] = [side(-1), side(1)];
  const middle = back[0] + 1 + ahead[0];
  if (!fits(back[2], back[1], middle, ahead[1], ahead[2])) return undefined;
  return { shift: (ahead[0] - back[0]) / 2, unit: (back[2] + back[1] + middle + ahead[1] + ahead[2]) / ALL };
}

/**
 * Three candidates at a time that may be one code's, the likeliest first: the corner between the other two, then the one to
 * its right, then the one below.
 * @param {Finder[]} candidates
 * @returns {[Finder, Finder, Finder][]}
 */
export function triples(candidates) {
  const some = candidates.slice(0, MOST_COMBINED);
  /** @type {{ off: number, triple: [Finder, Finder, Finder] }[]} */
  const found = [];
  for (let i = 0; i < some.length; i += 1) {
    for (let j = i + 1; j < some.length; j += 1) {
      for (let k = j + 1; k < some.length; k += 1) {
        const [a, b, c] = [some[i], some[j], some[k]];
        for (const [corner, one, other] of [[a, b, c], [b, a, c], [c, a, b]]) {
          const off = offness(corner, one, other);
          if (off === undefined) continue;
          // Clockwise, with y downwards.
          const turn = (one.x - corner.x) * (other.y - corner.y) - (one.y - corner.y) * (other.x - corner.x);
          found.push({ off, triple: turn > 0 ? [corner, one, other] : [corner, other, one] });
        }
      }
    }
  }
  found.sort((a, b) => a.off - b.off);
  return found.slice(0, MOST_TRIPLES).map(({ triple }) => triple);
}

/**
 * How unlike an upright square's corner it is, or nothing where it is none.
 * @param {Finder} corner
 * @param {Finder} one
 * @param {Finder} other
 */
function offness(corner, one, other) {
  const [ax, ay, bx, by] = [one.x - corner.x, one.y - corner.y, other.x - corner.x, other.y - corner.y];
  const [a, b] = [Math.hypot(ax, ay), Math.hypot(bx, by)];
  const cosine = Math.abs(ax * bx + ay * by) / (a * b);
  const sides = Math.max(a, b) / Math.min(a, b);
  const units = [corner.unit, one.unit, other.unit];
  const sizes = Math.max(...units) / Math.min(...units);
  const mean = (units[0] + units[1] + units[2]) / 3;
  // The smallest code has 14 modules between the middles, the largest 170.
  if (cosine > 0.6 || sides > 2 || sizes > 2 || a < 9 * mean || b < 9 * mean || Math.max(a, b) > 230 * mean) return undefined;
  // Each row through the three modules in the middle shows a finder.
  const unseen = [corner, one, other].reduce((sum, { seen, unit }) => sum + Math.max(0, 1 - seen / unit), 0);
  return cosine + (sides - 1) + (sizes - 1) + unseen;
}
