// What a camera sees that is held in front of a screen: a screenshot on a desk, turned, aslant, with noise, as a film.

import { writeFile } from "node:fs/promises";

import { require } from "./stage.mjs";

const { PNG } = require("pngjs");

const [WIDTH, HEIGHT] = [640, 480];
const DESK = 96;
/** Pictures in the film, which the browser plays again and again. */
const FRAMES = 4;

/**
 * @typedef {{ turn?: number, size?: number, tilt?: [number, number] }} Held `turn` in radians, `size` of the longer side in pixels,
 * `tilt`: how much farther away right and lower edge are than the middle, as parts of the distance
 */

/**
 * Films a screenshot.
 * @param {string} path @param {Buffer | undefined} screenshot as PNG; nothing for an empty desk @param {Held} [held]
 */
export async function film(path, screenshot, { turn = 0, size = 360, tilt = [0, 0] } = {}) {
  const picture = screenshot && PNG.sync.read(screenshot);
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  /** The brightness at a point of the camera's picture. */
  const seen = (/** @type {number} */ x, /** @type {number} */ y) => {
    if (picture === undefined) return DESK;
    const [dx, dy] = [(x - WIDTH / 2) / size, (y - HEIGHT / 2) / size];
    const [u, v] = [cos * dx + sin * dy, cos * dy - sin * dx];
    const depth = 1 - tilt[0] * u - tilt[1] * v;
    const longer = Math.max(picture.width, picture.height);
    const [px, py] = [Math.floor((u / depth) * longer + picture.width / 2), Math.floor((v / depth) * longer + picture.height / 2)];
    if (px < 0 || py < 0 || px >= picture.width || py >= picture.height) return DESK;
    const at = 4 * (py * picture.width + px);
    return 0.299 * picture.data[at] + 0.587 * picture.data[at + 1] + 0.114 * picture.data[at + 2];
  };
  const parts = [Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420jpeg\n`)];
  for (let frame = 0; frame < FRAMES; frame += 1) {
    const bright = Buffer.alloc(WIDTH * HEIGHT);
    for (let y = 0; y < HEIGHT; y += 1) {
      for (let x = 0; x < WIDTH; x += 1) {
        let sum = 0;
        for (const [dx, dy] of [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]) sum += seen(x + dx, y + dy);
        // A screen is never lit evenly, and no camera is without noise.
        const light = 1 - (0.35 * x) / WIDTH;
        bright[y * WIDTH + x] = Math.max(0, Math.min(255, (sum / 4) * light * 0.85 + 12 + 10 * (Math.random() - 0.5)));
      }
    }
    // Without colour.
    parts.push(Buffer.from("FRAME\n"), bright, Buffer.alloc((WIDTH * HEIGHT) / 2, 128));
  }
  await writeFile(path, Buffer.concat(parts));
}
