// A ring code on a picture: the innermost ring, which is the same for all, says which way up it is (protocol a.6).

import { darkness } from "../contrast.js";
import { DISC_RADIUS, MARK_WIDTH, RADII, START_MARK, payloadOf, positions } from "../../lib/ring_code.js";
import { project, settle } from "../plane.js";
import { correct } from "../reed_solomon.js";
import { discs } from "./discs.js";

/** @typedef {import("../contrast.js").Contrast} Contrast */
/** @typedef {import("../plane.js").Plane} Plane */
/** @typedef {import("../plane.js").Point} Point */

/** How well the innermost ring has to be seen, from 0 for noise to 1, before and after the code is fitted. */
const LIKE = 0.3;
const SURE = 0.55;
/** Turns that are tried: eight between two positions of the innermost ring, so that the outermost is not off by half of one. */
const STEPS = 8;
const TURNS = STEPS * positions(0);
/** How much nearer than its middle an edge may be, as parts of the distance: the tilts that are tried. */
const TILTS = [-0.16, -0.08, 0, 0.08, 0.16];
const MOST_FITTED = 2;
/** Corners of the code's own plane, in its half widths, that are moved to fit it. */
const CORNERS = /** @type {Point[]} */ ([[-0.7, -0.7], [0.7, -0.7], [-0.7, 0.7], [0.7, 0.7]]);
/** The parity's roots that tell where a byte is wrong, and the bytes that they put right. */
const ROOTS = 12;
const PARITY = 13;

const INNERMOST = Array.from({ length: positions(0) }, (_, i) => ((START_MARK[i >> 3] >> (i & 7)) & 1) === 1);
/** How far off a mark's middle it is looked at to fit the code, so that a shift is noticed; a mark reaches 0.033 from there. */
const OFF = 0.018;
/** The marks' middles in the drawing's own plane. @type {Point[]} */
const PLACES = RADII.flatMap((radius, ring) => around(radius, positions(ring)));
/** Two points of each mark, once on one diagonal of it and once on the other. @type {[Point, Point][]} */
const PAIRS = PLACES.map(([x, y], i) => {
  const radius = Math.hypot(x, y);
  const [out, along] = [OFF / radius, (i % 2 === 0 ? OFF : -OFF) / radius];
  const [dx, dy] = [x * out - y * along, y * out + x * along];
  return [[x + dx, y + dy], [x - dx, y - dy]];
});
/** Points between the rings, which are never marked. @type {Point[]} */
const GAPS = [(DISC_RADIUS + RADII[0] - MARK_WIDTH / 2) / 2, ...RADII.slice(1).map((radius, i) => (radius + RADII[i]) / 2), 0.97].flatMap((radius) => around(radius, 48));

/**
 * The 20 bytes of a code with light marks on a dark ground, or nothing where there is none to be read.
 * @param {Contrast} picture
 * @returns {Uint8Array | undefined}
 */
export function readRings(picture) {
  for (const disc of discs(picture)) {
    const turned = turn(picture, disc);
    if (turned === undefined) continue;
    const tilted = TILTS.flatMap((g) => TILTS.map((h) => seenAslant(disc, turned, g, h)))
      .map((plane) => ({ plane, fit: fit(picture, plane) }))
      .sort((a, b) => b.fit - a.fit);
    for (const { plane } of tilted.slice(0, MOST_FITTED)) {
      const size = Math.hypot(...disc.right) / DISC_RADIUS;
      const corners = CORNERS.map(([x, y]) => project(plane, x, y));
      const laid = settle(CORNERS, corners, (tried) => fit(picture, tried), 0.03 * size);
      const payload = laid && payloadAt(picture, laid.plane);
      if (payload !== undefined) return payload;
    }
  }
  return undefined;
}

/** So many points on a circle, clockwise from the top. @param {number} radius @param {number} count @returns {Point[]} */
function around(radius, count) {
  return Array.from({ length: count }, (_, i) => {
    const turn = (2 * Math.PI * i) / count;
    return [radius * Math.sin(turn), -radius * Math.cos(turn)];
  });
}

/**
 * By how much a code around a disc is turned, if there is one.
 * @param {Contrast} picture
 * @param {import("./discs.js").Disc} disc
 */
function turn(picture, disc) {
  const plane = seenAslant(disc, 0, 0, 0);
  const seen = around(RADII[0], TURNS).map((at) => -darkness(picture, ...project(plane, ...at)));
  // A mark is about as long as this; its mean is the clearest where it is met in the middle.
  const reach = (STEPS >> 1) - 1;
  const lights = seen.map((_, i) => {
    let sum = 0;
    for (let by = -reach; by <= reach; by += 1) sum += seen[(i + by + TURNS) % TURNS];
    return sum / (2 * reach + 1);
  });
  let [best, turned] = [LIKE, /** @type {number | undefined} */ (undefined)];
  for (let by = 0; by < TURNS; by += 1) {
    let sum = 0;
    for (const [position, isMarked] of INNERMOST.entries()) {
      const light = lights[(STEPS * position + by) % TURNS];
      sum += isMarked ? light : -light;
    }
    if (sum / INNERMOST.length > best) [best, turned] = [sum / INNERMOST.length, (2 * Math.PI * by) / TURNS];
  }
  return turned;
}

/**
 * The plane of a code whose disc is seen as an ellipse.
 * @param {import("./discs.js").Disc} disc
 * @param {number} turned
 * @param {number} g how much farther away the code's right edge is, and
 * @param {number} h its lower edge
 * @returns {Plane}
 */
function seenAslant({ x, y, right, down }, turned, g, h) {
  const [cos, sin] = [Math.cos(turned) / DISC_RADIUS, Math.sin(turned) / DISC_RADIUS];
  const [a, b] = [right[0] * cos + down[0] * sin, down[0] * cos - right[0] * sin];
  const [d, e] = [right[1] * cos + down[1] * sin, down[1] * cos - right[1] * sin];
  // The nearer half of the disc looks larger, so that its middle is not where the ellipse has its own.
  const [cx, cy] = [x + (a * g + b * h) * DISC_RADIUS ** 2, y + (d * g + e * h) * DISC_RADIUS ** 2];
  return [a + g * cx, b + h * cx, cx, d + g * cy, e + h * cy, cy, g, h];
}

/**
 * How well a code is seen: what is the same for all as it has to be, the rest either light or dark.
 * @param {Contrast} picture
 * @param {Plane} plane
 */
function fit(picture, plane) {
  let sum = 0;
  for (const [i, [one, other]] of PAIRS.entries()) {
    const light = -(darkness(picture, ...project(plane, ...one)) + darkness(picture, ...project(plane, ...other))) / 2;
    sum += i >= INNERMOST.length ? Math.abs(light) : INNERMOST[i] ? light : -light;
  }
  for (const at of GAPS) sum += darkness(picture, ...project(plane, ...at));
  return sum / (PLACES.length + GAPS.length);
}

/**
 * @param {Contrast} picture
 * @param {Plane} plane
 */
function payloadAt(picture, plane) {
  let known = 0;
  const drawn = new Uint8Array(PLACES.length >> 3);
  for (const [i, [x, y]] of PLACES.entries()) {
    // The middle of a mark and four points around it.
    let light = 0;
    for (const [dx, dy] of [[0, 0], [0.012, 0], [-0.012, 0], [0, 0.012], [0, -0.012]]) {
      light -= darkness(picture, ...project(plane, x + dx, y + dy)) / 5;
    }
    if (i < INNERMOST.length) known += INNERMOST[i] ? light : -light;
    if (light > 0) drawn[i >> 3] |= 1 << (i & 7);
  }
  if (known / INNERMOST.length < SURE) return undefined;
  // As a polynomial the data come before their parity.
  const code = drawn.subarray(START_MARK.length);
  const word = Uint8Array.from([...code.subarray(PARITY), ...code.subarray(0, PARITY)]);
  if (correct(word, ROOTS) === undefined) return undefined;
  return payloadOf(word);
}
