// Pictures as a camera takes them, made point by point: a flat thing turned, aslant, out of focus, badly lit, with noise. The
// same numbers give the same picture every time.

/** How much ink is at a point of a square of side 1 around the middle: 0 for paper to 1. @typedef {(x: number, y: number) => number} Ink */
/**
 * `size`: of the square, in pixels; `turn` in degrees; `tilt`: how much farther away the square's right and lower edge are than
 * its middle, as parts of the distance; `blur`: radius of a box, taken twice; `slope`: of the light that is missing in the far
 * corner; `noise` in steps of grey.
 * @typedef {{ width?: number, height?: number, size?: number, turn?: number, tilt?: [number, number], blur?: number, slope?: number,
 *   noise?: number, ink?: number, paper?: number, seed?: number }} Shot
 */

const FINE = 2;

/** Numbers from 0 to 1 that only look random. @param {number} seed */
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** @param {Ink} drawn @param {Shot} [shot] */
export function photo(drawn, shot = {}) {
  const { width = 640, height = 480, size = 340, turn = 0, tilt = [0, 0], blur = 0, slope = 0, noise = 0, ink = 20, paper = 235, seed = 1 } = shot;
  const [cos, sin] = [Math.cos((turn * Math.PI) / 180), Math.sin((turn * Math.PI) / 180)];
  const at = (/** @type {number} */ x, /** @type {number} */ y) => {
    const [dx, dy] = [(x - width / 2) / size, (y - height / 2) / size];
    const [u, v] = [cos * dx + sin * dy, cos * dy - sin * dx];
    const depth = 1 - tilt[0] * u - tilt[1] * v;
    return depth > 0.05 ? drawn(u / depth, v / depth) : 0;
  };
  let bright = new Float32Array(width * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      let sum = 0;
      for (let i = 0; i < FINE * FINE; i += 1) sum += at(x + ((i % FINE) + 0.5) / FINE, y + (Math.floor(i / FINE) + 0.5) / FINE);
      bright[y * width + x] = paper + ((ink - paper) * sum) / FINE ** 2;
    }
  }
  for (let pass = 0; pass < (blur > 0 ? 2 : 0); pass += 1) {
    bright = box(bright, width, height, blur, 1, 0);
    bright = box(bright, width, height, blur, 0, 1);
  }
  const random = dice(seed);
  return picture(width, height, (x, y) => {
    const light = 1 - slope * ((0.7 * x) / width + (0.3 * y) / height);
    return bright[y * width + x] * light + noise * (random() + random() + random() - 1.5);
  });
}

/** A picture of any brightness. @param {number} width @param {number} height @param {(x: number, y: number) => number} bright 0 to 255 */
export function picture(width, height, bright) {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i += 1) data.fill(bright(i % width, Math.floor(i / width)), 4 * i, 4 * i + 3);
  return { data, width, height };
}

/**
 * @param {Float32Array} bright @param {number} width @param {number} height
 * @param {number} radius @param {number} dx @param {number} dy
 */
function box(bright, width, height, radius, dx, dy) {
  return bright.map((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    let [sum, count] = [0, 0];
    for (let by = -radius; by <= radius; by += 1) {
      const [px, py] = [x + by * dx, y + by * dy];
      if (px < 0 || py < 0 || px >= width || py >= height) continue;
      sum += bright[py * width + px];
      count += 1;
    }
    return sum / count;
  });
}

/**
 * A QR code of another's making, with its quiet zone.
 * @param {{ getModuleCount: () => number, isDark: (row: number, column: number) => boolean }} code
 * @returns {Ink}
 */
export function qrInk(code, quiet = 4) {
  const side = code.getModuleCount();
  return (u, v) => {
    const [x, y] = [u, v].map((part) => Math.floor((part + 0.5) * (side + 2 * quiet)) - quiet);
    return x >= 0 && y >= 0 && x < side && y < side && code.isDark(y, x) ? 1 : 0;
  };
}

/**
 * The same, kept as a print of so many dots: what takes long to draw is drawn once.
 * @param {Ink} drawn @returns {Ink}
 */
export function print(drawn, dots = 900) {
  const inks = Float32Array.from({ length: dots * dots }, (_, i) => drawn(((i % dots) + 0.5) / dots - 0.5, (Math.floor(i / dots) + 0.5) / dots - 0.5));
  return (u, v) => {
    if (!(Math.abs(u) < 0.5 && Math.abs(v) < 0.5)) return drawn(u, v);
    return inks[Math.floor((v + 0.5) * dots) * dots + Math.floor((u + 0.5) * dots)];
  };
}

/** The tick of the drawing, in a square of 1000 by 1000, and how thick it is. */
const TICK = [[425, 505], [477, 557], [575, 449]];
const TICK_WIDTH = 34;
/** How dark the tick's colour is beside the ground's. */
const TICK_INK = 0.65;

/**
 * A ring code from the path that the pages draw, which has round ends: an arc clockwise around the middle of 1000 by 1000, or a
 * dot; on a page that is light or dark.
 * @param {string} path @param {number} discRadius @param {number} markWidth as parts of the half width
 * @returns {Ink}
 */
export function ringInk(path, discRadius, markWidth, { isDark = false } = {}) {
  /** @type {Map<number, ReturnType<typeof arcsOf>>} */
  const circles = new Map();
  for (const arc of path.split(/(?=M)/).flatMap(arcsOf)) {
    // A dot's radius is known to a hundredth.
    const circle = Math.round(arc.radius);
    circles.set(circle, [...(circles.get(circle) ?? []), arc]);
  }
  const paper = isDark ? 1 : 0;
  return (u, v) => {
    // A little of the page around it.
    const [x, y] = [u * 1100, v * 1100];
    const radius = Math.hypot(x, y);
    if (radius > 500) return paper;
    if (radius <= discRadius * 500) {
      const points = TICK.map(([a, b]) => [a - 500, b - 500]);
      return Math.min(toLine(x, y, points[0], points[1]), toLine(x, y, points[1], points[2])) <= TICK_WIDTH / 2 ? TICK_INK : 0;
    }
    for (const [circle, arcs] of circles) {
      if (Math.abs(circle - radius) <= markWidth * 250 + 1) return arcs.some((arc) => toArc(x, y, arc) <= markWidth * 250) ? 0 : 1;
    }
    return 1;
  };
}

/** @param {string} text one `M`, and what follows it */
function arcsOf(text) {
  const [, startX, startY, rest] = /^M([\d.]+) ([\d.]+)(.*)$/s.exec(text.trim()) ?? [];
  let from = [Number(startX) - 500, Number(startY) - 500];
  if (rest === "h0") return [{ radius: Math.hypot(...from), from: bearing(from), length: 0 }];
  return Array.from(rest.matchAll(/A([\d.]+) [\d.]+ 0 [01] 1 ([\d.]+) ([\d.]+)/g), ([, radius, x, y]) => {
    const to = [Number(x) - 500, Number(y) - 500];
    const arc = { radius: Number(radius), from: bearing(from), length: past(bearing(from), bearing(to)) };
    from = to;
    return arc;
  });
}

/** Clockwise from the top. @param {number[]} point */
function bearing([x, y]) {
  return Math.atan2(x, -y);
}

/** @param {number} from @param {number} to */
function past(from, to) {
  const full = 2 * Math.PI;
  return (((to - from) % full) + full) % full;
}

/** @param {number} x @param {number} y @param {{ radius: number, from: number, length: number }} arc */
function toArc(x, y, { radius, from, length }) {
  if (past(from, bearing([x, y])) <= length) return Math.abs(Math.hypot(x, y) - radius);
  return Math.min(...[from, from + length].map((end) => Math.hypot(x - radius * Math.sin(end), y + radius * Math.cos(end))));
}

/** @param {number} x @param {number} y @param {number[]} from @param {number[]} to */
function toLine(x, y, [ax, ay], [bx, by]) {
  const share = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2);
  const at = Math.max(0, Math.min(1, share));
  return Math.hypot(x - ax - at * (bx - ax), y - ay - at * (by - ay));
}
