// A QR code on a picture.

import { decode } from "./code.js";
import { finders, triples } from "./finders.js";
import { grids } from "./grid.js";

/**
 * The text of a code with dark modules on a light ground, or nothing where there is none to be read.
 * @param {import("../contrast.js").Contrast} picture
 * @returns {string | undefined}
 */
export function readQr(picture) {
  for (const corners of triples(finders(picture))) {
    for (const { version, isDark } of grids(picture, corners)) {
      const text = decode(version, isDark);
      if (text !== undefined && text !== "") return text;
    }
  }
  return undefined;
}
