// The drawn code: 35 bytes with their parity, on six rings around a disc (protocol a.6).

import { concat, equal } from "./bytes.js";

const HEADER = [2, 0];
/** What the innermost ring shows, the same on every code. */
export const START_MARK = [0xb2, 0xcb, 0x25, 0xc6];
// The generator's coefficients below x^13, from x^12 down. It has the root 1 twice, so no stock encoder fits.
const GENERATOR = [69, 51, 52, 53, 170, 195, 24, 83, 8, 35, 170, 180, 97];

// Parts of the drawing's half width, measured off the official drawing: phones look for them.
export const RADII = [0.43675, 0.55625, 0.64375, 0.73125, 0.81875, 0.90625];
export const DISC_RADIUS = 0.32;
export const MARK_WIDTH = 0.065625;

const SVG = "http://www.w3.org/2000/svg";
const SIDE = 1000;
const HALF = SIDE / 2;

/**
 * Neighbouring marks of one ring: a dot when `length` is 1, a circle when it is all of the ring.
 * @typedef {{ ring: number, start: number, length: number }} Run
 */

/**
 * Puts header and parity before a payload.
 * @param {Uint8Array} payload 20 bytes
 * @returns {Uint8Array} 35 bytes
 */
export function encode(payload) {
  if (payload.length !== 20) throw new RangeError(`a code: expected 20 bytes, got ${payload.length}`);
  const data = concat(HEADER, payload);
  const register = Array(GENERATOR.length).fill(0);
  for (const byte of data) {
    const lead = byte ^ register.shift();
    register.push(0);
    GENERATOR.forEach((coefficient, index) => {
      register[index] ^= multiply(lead, coefficient);
    });
  }
  return concat(register, data);
}

/**
 * The payload of a code that was put right, if it is one.
 * @param {Uint8Array} word 35 bytes: header and payload, and behind them the parity
 * @returns {Uint8Array | undefined} 20 bytes
 */
export function payloadOf(word) {
  const payload = word.slice(HEADER.length, HEADER.length + 20);
  const code = encode(payload);
  // Also where the parity's thirteenth root, which corrects nothing, and the header are wrong.
  return equal(concat(word.subarray(HEADER.length + 20), word.subarray(0, HEADER.length + 20)), code) ? payload : undefined;
}

/**
 * What is drawn: the start mark, then the code; least significant bit first.
 * @param {Uint8Array} code
 */
export function drawnBytes(code) {
  return concat(START_MARK, code);
}

/**
 * How many positions a ring has; position 0 is at the top, the others follow clockwise.
 * @param {number} ring 0 to 5, from the inside
 */
export function positions(ring) {
  return 32 + 8 * ring;
}

/**
 * The dots and arcs of a code, ring by ring.
 * @param {Uint8Array} code
 * @returns {Run[]}
 */
export function runs(code) {
  const drawn = drawnBytes(code);
  let first = 0;
  return RADII.flatMap((_, ring) => {
    const all = positions(ring);
    const offset = first;
    first += all;
    const marked = (/** @type {number} */ position) => {
      const bit = offset + (position % all);
      return ((drawn[bit >> 3] >> (bit & 7)) & 1) === 1;
    };
    /** @type {Run[]} */
    const found = [];
    for (let start = 0; start < all; start += 1) {
      if (!marked(start) || marked(start + all - 1)) continue;
      let length = 1;
      while (marked(start + length)) length += 1;
      found.push({ ring, start, length });
    }
    return found.length === 0 && marked(0) ? [{ ring, start: 0, length: all }] : found;
  });
}

/**
 * The path of all marks, in a square of 1000 by 1000. With round ends, a line of no length is a dot.
 * @param {Uint8Array} code
 */
export function path(code) {
  return runs(code)
    .map(({ ring, start, length }) => {
      const all = positions(ring);
      const radius = (RADII[ring] * HALF).toFixed(2);
      const arc = (/** @type {number} */ to, /** @type {boolean} */ large) =>
        `A${radius} ${radius} 0 ${large ? 1 : 0} 1 ${point(ring, to)}`;
      const begin = `M${point(ring, start)}`;
      if (length === 1) return `${begin}h0`;
      if (length === all) return begin + arc(start + all / 2, false) + arc(start, false);
      return begin + arc(start + length - 1, length - 1 > all / 2);
    })
    .join(" ");
}

/**
 * The drawing as an element; it is as large as the page makes it, and coloured by the page through its classes.
 * @param {Uint8Array} payload
 * @param {string} title read out to those who do not see it
 * @returns {SVGSVGElement}
 */
export function draw(payload, title) {
  const svg = element("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", class: "ring-code", "aria-label": title });
  const circle = (/** @type {number} */ radius, /** @type {string} */ name) =>
    element("circle", { cx: HALF, cy: HALF, r: radius, class: name });
  svg.append(
    circle(HALF, "ring-code-ground"),
    circle(DISC_RADIUS * HALF, "ring-code-disc"),
    element("path", { class: "ring-code-tick", d: "M425 505l52 52 98-108", "stroke-width": 34 }),
    element("path", { class: "ring-code-marks", d: path(encode(payload)), "stroke-width": MARK_WIDTH * HALF }),
  );
  return /** @type {SVGSVGElement} */ (svg);
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 */
function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

/**
 * @param {number} ring
 * @param {number} position
 */
function point(ring, position) {
  const turn = (2 * Math.PI * position) / positions(ring);
  const radius = RADII[ring] * HALF;
  return `${(HALF + radius * Math.sin(turn)).toFixed(2)} ${(HALF - radius * Math.cos(turn)).toFixed(2)}`;
}

/**
 * In the field of 256 elements with the polynomial x^8 + x^4 + x^3 + x^2 + 1.
 * @param {number} one
 * @param {number} other
 */
function multiply(one, other) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = product & 128 ? (product << 1) ^ 0x11d : product << 1;
    if ((other >> bit) & 1) product ^= one;
  }
  return product;
}
