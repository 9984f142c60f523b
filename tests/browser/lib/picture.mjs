// Reads codes off screenshots: what a phone's camera would see.

import { require } from "./stage.mjs";

const jsQR = require("jsqr").default ?? require("jsqr");
const { PNG } = require("pngjs");

/** @param {any} page @param {string} selector */
async function pixels(page, selector) {
  return PNG.sync.read(await page.locator(selector).screenshot());
}

/** The text of a QR code. @param {any} page @param {string} selector */
export async function qrCode(page, selector) {
  const { data, width, height } = await pixels(page, selector);
  return jsQR(new Uint8ClampedArray(data), width, height)?.data;
}

/** Where the rings' marks are centred, as parts of the half width. */
const RADII = [0.43675, 0.55625, 0.64375, 0.73125, 0.81875, 0.90625];
/** Protocol a.6: an encoded code has 35 bytes behind a mark of 4. */
const [MARK, PARITY, HEADER, DRAWN] = [4, 13, 2, 39];
/** The roots of the parity's generator, as powers of 2; the first one it has twice. */
const ROOTS = 12;

/**
 * The payload that a drawn code shows, as hex. Nothing is corrected: on a screen nothing may have to be.
 * @param {any} page @param {string} selector
 */
export async function ringCode(page, selector) {
  const { data, width } = await pixels(page, selector);
  const radii = RADII.map((radius) => (radius * width) / 2);
  const bits = [];
  for (const [ring] of RADII.entries()) {
    const count = 32 + 8 * ring;
    for (let position = 0; position < count; position += 1) {
      const turn = (2 * Math.PI * position) / count;
      const [x, y] = [width / 2 + radii[ring] * Math.sin(turn), width / 2 - radii[ring] * Math.cos(turn)];
      const at = 4 * (Math.floor(y) * width + Math.floor(x));
      bits.push(data[at] + data[at + 1] + data[at + 2] > 384 ? 1 : 0);
    }
  }
  const bytes = Uint8Array.from({ length: DRAWN }, (_, i) => bits.slice(8 * i, 8 * i + 8).reduce((byte, bit, place) => byte | (bit << place), 0));
  const code = bytes.subarray(MARK);
  // With the parity behind the data, a code without a fault is zero at every root.
  const whole = [...code.subarray(PARITY), ...code.subarray(0, PARITY)];
  for (let root = 0; root < ROOTS; root += 1) {
    const value = whole.reduce((sum, byte) => times(sum, power(root)) ^ byte, 0);
    if (value !== 0) throw new Error(`the drawing is misread: ${Buffer.from(code).toString("hex")}`);
  }
  return Buffer.from(code.subarray(PARITY + HEADER)).toString("hex");
}

/** In GF(256) with the polynomial 0x11D. @param {number} a @param {number} b */
function times(a, b) {
  let product = 0;
  for (let bit = 0; bit < 8; bit += 1) {
    if ((b >> bit) & 1) product ^= a << bit;
  }
  for (let bit = 14; bit >= 8; bit -= 1) {
    if ((product >> bit) & 1) product ^= 0x11d << (bit - 8);
  }
  return product;
}

/** @param {number} exponent */
function power(exponent) {
  return Array.from({ length: exponent }).reduce((/** @type {number} */ value) => times(value, 2), 1);
}
