// Where each module of a QR code lies on a picture, from the middles of its three finders.

import { darkness, sample } from "../contrast.js";
import { project, settle, through } from "../plane.js";
import { MAX_VERSION, MIN_VERSION, layout, sideOf } from "./layout.js";

/** @typedef {import("../contrast.js").Contrast} Contrast */
/** @typedef {import("../plane.js").Point} Point */
/** @typedef {import("../plane.js").Plane} Plane */
/** @typedef {import("./finders.js").Finder} Finder */

/** How well the marks have to be seen, from 0 for noise to 1, for a grid to be worth fitting, and for a code to be worth reading. */
const LIKE = 0.2;
const WORTH = 0.35;
/** Sizes of one place that are fitted; the right one is nearly always the first. */
const MOST_SIZES = 2;
/** A finder's middle from its code's edge, and the last alignment pattern's from the far edges, in modules. */
const FINDER_MIDDLE = 3.5;
const ALIGNMENT_MIDDLE = 6.5;
/** Points of a module, in modules from its middle, by which a grid is laid: off the middle, so that a shift is noticed. */
const OFF = 0.28;
/** Points by which a module is read. */
const READ = /** @type {Point[]} */ ([[0, 0], [0.2, 0.2], [-0.2, 0.2], [0.2, -0.2], [-0.2, -0.2]]);

/** @typedef {{ version: number, fit: number, isDark: (x: number, y: number) => boolean }} Grid */

/**
 * Grids that fit, the best first.
 * @param {Contrast} picture
 * @param {[Finder, Finder, Finder]} corners the one between the others, to its right, below it
 * @returns {Grid[]}
 */
export function grids(picture, corners) {
  const frame = measure(picture, corners);
  if (frame === undefined) return [];
  const guess = Math.round((frame.side - 17) / 4);
  // The larger a code, the less is known of its size.
  const spread = guess < 3 ? 1 : guess < 14 ? 2 : 3;
  /** @type {Laid[]} */
  const roughly = [];
  for (let version = guess - spread; version <= guess + spread; version += 1) {
    if (version < MIN_VERSION || version > MAX_VERSION) continue;
    const laid = lay(picture, frame, version);
    if (laid !== undefined && laid.fit(laid.plane) > LIKE) roughly.push(laid);
  }
  roughly.sort((one, other) => other.fit(other.plane) - one.fit(one.plane));
  /** @type {Grid[]} */
  const found = [];
  for (const { version, from, to, fit } of roughly.slice(0, MOST_SIZES)) {
    const fitted = settle(from, to, fit, frame.unit * (version > 1 ? 0.6 : 1.2));
    if (fitted === undefined || fitted.fit < WORTH) continue;
    found.push({ version, fit: fitted.fit, isDark: reader(picture, fitted.plane, sideOf(version)) });
  }
  return found.sort((one, other) => other.fit - one.fit);
}

/**
 * What the finders tell: how many modules are between them, and where the fourth corner is, since what is farther away is
 * smaller.
 * @typedef {{ corners: Point[], fourth: Point, side: number, unit: number }} Frame
 */

/**
 * @param {Contrast} picture
 * @param {[Finder, Finder, Finder]} corners
 * @returns {Frame | undefined}
 */
function measure(picture, corners) {
  const [corner, right, below] = corners;
  const across = towards(corner, right);
  const down = towards(corner, below);
  const spans = corners.map((one) => [span(picture, one, across), span(picture, one, down)]);
  if (spans.flat().some((length) => length === undefined)) return undefined;
  const [[c1, c2], [r1, r2], [b1, b2]] = /** @type {number[][]} */ (spans);
  // Along a line, so many modules as the distance has of the geometric mean of the sizes at both ends.
  const columns = Math.hypot(right.x - corner.x, right.y - corner.y) / Math.sqrt(c1 * r1);
  const rows = Math.hypot(below.x - corner.x, below.y - corner.y) / Math.sqrt(c2 * b2);
  // How much farther away than the first one the others are: areas go with the third power.
  const far = (/** @type {number} */ area) => Math.min(1.6, Math.max(0.6, Math.cbrt((c1 * c2) / area)));
  const [a, b] = [far(r1 * r2), far(b1 * b2)];
  const depth = Math.max(0.4, a + b - 1);
  const mix = (/** @type {"x" | "y"} */ axis) => (a * right[axis] + b * below[axis] - corner[axis]) / depth;
  return {
    corners: corners.map(({ x, y }) => [x, y]),
    fourth: [mix("x"), mix("y")],
    side: (columns + rows) / 2 + 2 * FINDER_MIDDLE,
    unit: (c1 + c2 + r1 + r2 + b1 + b2) / 6,
  };
}

/** @param {Finder} from @param {Finder} to @returns {Point} */
function towards(from, to) {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  return [(to.x - from.x) / length, (to.y - from.y) / length];
}

/**
 * The size of a finder's modules along a line through its middle.
 * @param {Contrast} picture
 * @param {Finder} finder
 * @param {Point} direction of length 1
 */
function span(picture, { x, y, unit }, [dx, dy]) {
  const step = 0.5;
  const reach = (/** @type {number} */ sign) => {
    let edges = 0;
    for (let way = 0; way < 9 * unit; way += step) {
      const isDark = sample(picture, x + sign * way * dx, y + sign * way * dy) > 0;
      if (isDark !== (edges % 2 === 0)) edges += 1;
      // Dark to light, to dark, to light: that is its outer edge.
      if (edges === 3) return way - step / 2;
    }
    return undefined;
  };
  const [back, ahead] = [reach(-1), reach(1)];
  return back === undefined || ahead === undefined ? undefined : (back + ahead) / 7;
}

/**
 * A grid of one size as far as it is known before it is fitted: four points of the code, where they are seen, and what says how
 * well a plane fits.
 * @typedef {{ version: number, from: Point[], to: Point[], plane: Plane, fit: (plane: Plane) => number }} Laid
 */

/**
 * @param {Contrast} picture
 * @param {Frame} frame
 * @param {number} version
 * @returns {Laid | undefined}
 */
function lay(picture, frame, version) {
  const side = sideOf(version);
  const far = side - FINDER_MIDDLE;
  /** @type {Point[]} */
  const from = [[FINDER_MIDDLE, FINDER_MIDDLE], [far, FINDER_MIDDLE], [FINDER_MIDDLE, far], [far, far]];
  const to = [...frame.corners, frame.fourth];
  const rough = through(from, to);
  if (rough === undefined) return undefined;
  if (version > 1) {
    const last = side - ALIGNMENT_MIDDLE;
    const seen = search(picture, rough, last, side);
    if (seen !== undefined) [from[3], to[3]] = [[last, last], seen];
  }
  const { marks } = layout(version);
  const fit = (/** @type {Plane} */ plane) => {
    let sum = 0;
    for (const { x, y, isDark } of marks) {
      // Two points of a diagonal, another one for every other module.
      const slant = (x + y) % 2 === 0 ? OFF : -OFF;
      const [x1, y1] = project(plane, x + 0.5 + OFF, y + 0.5 + slant);
      const [x2, y2] = project(plane, x + 0.5 - OFF, y + 0.5 - slant);
      const value = darkness(picture, x1, y1) + darkness(picture, x2, y2);
      sum += isDark ? value : -value;
    }
    return sum / (2 * marks.length);
  };
  const plane = through(from, to);
  return plane && { version, from, to, plane, fit };
}

/**
 * Where the alignment pattern nearest to the corner without a finder is, by its five by five modules.
 * @param {Contrast} picture
 * @param {Plane} plane
 * @param {number} middle where it ought to be, in modules in both directions
 * @param {number} side
 * @returns {Point | undefined}
 */
function search(picture, plane, middle, side) {
  const reach = 2 + 0.08 * side;
  let [best, place] = [WORTH, /** @type {Point | undefined} */ (undefined)];
  for (let v = middle - reach; v <= middle + reach; v += 0.5) {
    for (let u = middle - reach; u <= middle + reach; u += 0.5) {
      let sum = 0;
      for (let dy = -2; dy <= 2; dy += 1) {
        for (let dx = -2; dx <= 2; dx += 1) {
          const [x, y] = project(plane, u + dx, v + dy);
          const value = darkness(picture, x, y);
          sum += Math.max(Math.abs(dx), Math.abs(dy)) === 1 ? -value : value;
        }
      }
      if (sum / 25 > best) [best, place] = [sum / 25, project(plane, u, v)];
    }
  }
  return place;
}

/**
 * @param {Contrast} picture
 * @param {Plane} plane
 * @param {number} side
 */
function reader(picture, plane, side) {
  const dark = new Uint8Array(side * side);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      let sum = 0;
      for (const [dx, dy] of READ) sum += darkness(picture, ...project(plane, x + 0.5 + dx, y + 0.5 + dy));
      dark[y * side + x] = sum > 0 ? 1 : 0;
    }
  }
  return (/** @type {number} */ x, /** @type {number} */ y) => dark[y * side + x] === 1;
}
