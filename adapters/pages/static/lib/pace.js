// How long to wait: never all at once, and never again at once.

/**
 * About so long, up to a quarter less or more: whoever lost the same node does not come back in the same moment.
 * @param {number} milliseconds
 */
export function jittered(milliseconds, chance = Math.random()) {
  return milliseconds * (0.75 + chance / 2);
}

/** @param {number} milliseconds @returns {Promise<void>} */
export function sleep(milliseconds) {
  return new Promise((resume) => setTimeout(resume, milliseconds));
}
