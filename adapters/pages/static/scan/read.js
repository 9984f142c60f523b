// Any code on a picture.

import { contrast, grey, inverted, smooth } from "./contrast.js";
import { readQr } from "./qr/read.js";
import { readRings } from "./ring/read.js";

/**
 * What was found: the text of a QR code, or the 20 bytes of a ring code.
 * @typedef {{ text: string } | { payload: Uint8Array }} Found
 * @typedef {{ data: Uint8ClampedArray, width: number, height: number }} Picture as a canvas gives it, four bytes for each pixel
 */

/**
 * Ways to look at a picture. `share`: of its smaller side a pixel's neighbourhood takes; a code that fills the picture needs a
 * large one, a slanting light a small one.
 */
const WAYS = [
  { share: 1 / 3, isSmooth: false, isInverted: false },
  { share: 1 / 3, isSmooth: true, isInverted: false },
  { share: 1 / 3, isSmooth: false, isInverted: true },
  { share: 1 / 8, isSmooth: false, isInverted: false },
];

/** How many ways there are to look at a picture. */
export const LOOKS = WAYS.length;

/**
 * Looks at a picture in one way: what is not seen in this one may be in the next, and a camera sees the same again.
 * @param {Picture} picture
 * @param {number} look 0 for the likeliest; from `LOOKS` on they come round again
 * @param {{ qr?: boolean }} [what] `qr`: false where QR codes are read by something else
 * @returns {Found | undefined}
 */
export function read({ data, width, height }, look, { qr = true } = {}) {
  const { share, isSmooth, isInverted } = WAYS[look % LOOKS];
  const plain = grey(data);
  const bright = isSmooth ? smooth(plain, width, height) : plain;
  const seen = contrast(bright, width, height, Math.round(share * Math.min(width, height)));
  const picture = isInverted ? inverted(seen) : seen;
  const payload = readRings(picture);
  if (payload !== undefined) return { payload };
  const text = qr ? readQr(picture) : undefined;
  return text === undefined ? undefined : { text };
}
