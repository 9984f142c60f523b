// Flat things seen aslant: where a point of a code's own plane lies on a picture, and how to find that out.

/** @typedef {[number, number]} Point */
/**
 * A projective map: (a x + b y + c, d x + e y + f) divided by (g x + h y + 1).
 * @typedef {number[]} Plane
 */

/** Times that steps are halved, and rounds at one length. */
const HALVINGS = 4;
const ROUNDS = 5;
const UNKNOWNS = 8;

/**
 * The map that takes four points to four others, or nothing when three of them are on a line.
 * @param {Point[]} from
 * @param {Point[]} to
 * @returns {Plane | undefined}
 */
export function through(from, to) {
  const rows = from.flatMap(([x, y], i) => {
    const [u, v] = to[i];
    return [
      [x, y, 1, 0, 0, 0, -x * u, -y * u, u],
      [0, 0, 0, x, y, 1, -x * v, -y * v, v],
    ];
  });
  // Gauss and Jordan, with the largest pivot.
  for (let column = 0; column < UNKNOWNS; column += 1) {
    let pivot = column;
    for (let row = column + 1; row < UNKNOWNS; row += 1) {
      if (Math.abs(rows[row][column]) > Math.abs(rows[pivot][column])) pivot = row;
    }
    if (Math.abs(rows[pivot][column]) < 1e-9) return undefined;
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    for (let row = 0; row < UNKNOWNS; row += 1) {
      const factor = rows[row][column] / rows[column][column];
      if (row === column || factor === 0) continue;
      for (let k = column; k <= UNKNOWNS; k += 1) rows[row][k] -= factor * rows[column][k];
    }
  }
  return rows.map((row, i) => row[UNKNOWNS] / row[i]);
}

/**
 * @param {Plane} plane
 * @param {number} x
 * @param {number} y
 * @returns {Point}
 */
export function project(plane, x, y) {
  const depth = plane[6] * x + plane[7] * y + 1;
  return [(plane[0] * x + plane[1] * y + plane[2]) / depth, (plane[3] * x + plane[4] * y + plane[5]) / depth];
}

/**
 * Moves four points on the picture, one coordinate at a time and by ever smaller steps, to where the code fits best.
 * @param {Point[]} from on the code's own plane
 * @param {Point[]} to on the picture
 * @param {(plane: Plane) => number} fit the higher the better
 * @param {number} step the first one, in pixels
 * @returns {{ plane: Plane, fit: number } | undefined}
 */
export function settle(from, to, fit, step) {
  const points = to.map(([x, y]) => /** @type {Point} */ ([x, y]));
  let plane = through(from, points);
  if (plane === undefined) return undefined;
  let best = fit(plane);
  for (let length = step, halved = 0; halved < HALVINGS; length /= 2, halved += 1) {
    for (let round = 0, moved = true; moved && round < ROUNDS; round += 1) {
      moved = false;
      for (const point of points) {
        for (const [axis, by] of [[0, length], [0, -length], [1, length], [1, -length]]) {
          point[axis] += by;
          const tried = through(from, points);
          const reached = tried === undefined ? -Infinity : fit(tried);
          if (tried !== undefined && reached > best) {
            [plane, best, moved] = [tried, reached, true];
          } else {
            point[axis] -= by;
          }
        }
      }
    }
  }
  return { plane, fit: best };
}
