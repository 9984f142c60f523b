// A picture as how much darker each pixel is than what is around it: what is read does not depend on how the light falls.

/**
 * `at` is above zero where a pixel is darker than the mean of its neighbourhood, below where it is lighter, row by row.
 * @typedef {{ width: number, height: number, at: Int16Array }} Contrast
 */

/**
 * How bright each pixel is, 0 to 255 (weights of ITU-R BT.601).
 * @param {Uint8ClampedArray | Uint8Array} rgba
 */
export function grey(rgba) {
  const bright = new Uint8Array(rgba.length >> 2);
  for (let i = 0, at = 0; i < bright.length; i += 1, at += 4) {
    bright[i] = (77 * rgba[at] + 150 * rgba[at + 1] + 29 * rgba[at + 2]) >> 8;
  }
  return bright;
}

/**
 * Each pixel as the mean of itself and its eight neighbours: less noise, and less of what is small. The edge stays as it is.
 * @param {Uint8Array} bright
 * @param {number} width
 * @param {number} height
 */
export function smooth(bright, width, height) {
  const smoothed = Uint8Array.from(bright);
  for (let y = 1; y < height - 1; y += 1) {
    for (let x = 1, i = y * width + 1; x < width - 1; x += 1, i += 1) {
      const above = bright[i - width - 1] + bright[i - width] + bright[i - width + 1];
      const below = bright[i + width - 1] + bright[i + width] + bright[i + width + 1];
      smoothed[i] = (above + bright[i - 1] + bright[i] + bright[i + 1] + below) / 9;
    }
  }
  return smoothed;
}

/**
 * @param {Uint8Array} bright one byte for each pixel
 * @param {number} width
 * @param {number} height
 * @param {number} side of the square that is a pixel's neighbourhood
 * @returns {Contrast}
 */
export function contrast(bright, width, height, side) {
  // sums[y][x] is of all pixels above and to the left. Even at 255 a frame of 4096 by 4096 fits 32 bits.
  const stride = width + 1;
  const sums = new Uint32Array(stride * (height + 1));
  for (let y = 0; y < height; y += 1) {
    let row = 0;
    for (let x = 0; x < width; x += 1) {
      row += bright[y * width + x];
      sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + row;
    }
  }
  const half = Math.max(1, side >> 1);
  const at = new Int16Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const top = Math.max(0, y - half);
    const bottom = Math.min(height, y + half + 1);
    const [above, below] = [top * stride, bottom * stride];
    for (let x = 0, i = y * width; x < width; x += 1, i += 1) {
      const left = x < half ? 0 : x - half;
      const right = x + half + 1 > width ? width : x + half + 1;
      const sum = sums[below + right] - sums[above + right] - sums[below + left] + sums[above + left];
      at[i] = sum / ((bottom - top) * (right - left)) - bright[i] + 0.5;
    }
  }
  return { width, height, at };
}

/**
 * The same picture with light and dark exchanged.
 * @param {Contrast} picture
 * @returns {Contrast}
 */
export function inverted({ width, height, at }) {
  return { width, height, at: at.map((value) => -value) };
}

/**
 * The contrast at a point between pixels, whose middles are at whole numbers. Outside the picture it is 0: neither.
 * @param {Contrast} picture
 * @param {number} x
 * @param {number} y
 */
export function sample({ width, height, at }, x, y) {
  const left = Math.floor(x);
  const top = Math.floor(y);
  // Written so that a point that is not a number is outside too.
  if (!(left >= 0 && top >= 0 && left < width - 1 && top < height - 1)) return 0;
  const i = top * width + left;
  const right = x - left;
  const above = at[i] + (at[i + 1] - at[i]) * right;
  const below = at[i + width] + (at[i + width + 1] - at[i + width]) * right;
  return above + (below - above) * (y - top);
}

/** Half of what counts as certain, in steps of grey: the noise of a camera is some three to eight. */
const DOUBT = 12;

/**
 * From -1, certainly light, to 1, certainly dark.
 * @param {Contrast} picture
 * @param {number} x
 * @param {number} y
 */
export function darkness(picture, x, y) {
  const value = sample(picture, x, y);
  return value / (Math.abs(value) + DOUBT);
}
