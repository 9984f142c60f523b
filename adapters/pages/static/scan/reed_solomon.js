// Putting misread bytes right, in the field that QR codes and ring codes share: 256 elements, x^8 + x^4 + x^3 + x^2 + 1.

const POWERS = new Uint8Array(510);
const LOGARITHMS = new Uint8Array(256);
for (let i = 0, value = 1; i < 255; i += 1) {
  POWERS[i] = POWERS[i + 255] = value;
  LOGARITHMS[value] = i;
  value = (value << 1) ^ (value & 128 ? 0x11d : 0);
}

/** @param {number} a @param {number} b */
function times(a, b) {
  return a === 0 || b === 0 ? 0 : POWERS[LOGARITHMS[a] + LOGARITHMS[b]];
}

/** @param {number} a @param {number} b not 0 */
function over(a, b) {
  return a === 0 ? 0 : POWERS[LOGARITHMS[a] + 255 - LOGARITHMS[b]];
}

/** The value of a polynomial, lowest coefficient first. @param {ArrayLike<number>} polynomial @param {number} x */
function evaluate(polynomial, x) {
  let value = 0;
  for (let i = polynomial.length - 1; i >= 0; i -= 1) value = times(value, x) ^ polynomial[i];
  return value;
}

/**
 * Corrects a word in place: the usual way, by Berlekamp and Massey, trial of all places, and Forney.
 * @param {Uint8Array} word at most 255 bytes, the highest coefficient first
 * @param {number} roots how many powers of 2, from 2^0 on, an unharmed word is zero at
 * @param {number} [most] wrong bytes that may be put right; half of `roots` is all that can be
 * @returns {number | undefined} how many were wrong, or nothing when they are too many; then the word is as it was
 */
export function correct(word, roots, most = roots >> 1) {
  const syndromes = syndromesOf(word, roots);
  if (syndromes.every((syndrome) => syndrome === 0)) return 0;
  const locator = locatorOf(syndromes);
  const wrong = locator.length - 1;
  if (wrong > most) return undefined;
  const evaluator = Array.from({ length: wrong }, (_, i) => {
    let sum = 0;
    for (let j = 0; j <= i; j += 1) sum ^= times(locator[j], syndromes[i - j]);
    return sum;
  });
  // The derivative: of each odd power one less, and nothing of the even ones.
  const slope = locator.slice(1).map((coefficient, i) => (i % 2 === 0 ? coefficient : 0));
  const mended = Uint8Array.from(word);
  let found = 0;
  for (let place = 0; place < word.length; place += 1) {
    const x = POWERS[(word.length - 1 - place) % 255];
    const inverse = over(1, x);
    if (evaluate(locator, inverse) !== 0) continue;
    const below = evaluate(slope, inverse);
    if (below === 0) return undefined;
    // With the first root 2^0 Forney's formula has the factor x.
    mended[place] ^= times(x, over(evaluate(evaluator, inverse), below));
    found += 1;
  }
  if (found !== wrong || syndromesOf(mended, roots).some((syndrome) => syndrome !== 0)) return undefined;
  word.set(mended);
  return wrong;
}

/** @param {Uint8Array} word @param {number} roots */
function syndromesOf(word, roots) {
  return Array.from({ length: roots }, (_, i) => word.reduce((sum, byte) => times(sum, POWERS[i]) ^ byte, 0));
}

/**
 * The shortest polynomial by which each syndrome follows from those before it, lowest coefficient first.
 * @param {number[]} syndromes
 */
function locatorOf(syndromes) {
  let [locator, before] = [[1], [1]];
  let [length, since, last] = [0, 1, 1];
  for (const [n] of syndromes.entries()) {
    let discrepancy = 0;
    for (let i = 0; i <= length; i += 1) discrepancy ^= times(locator[i] ?? 0, syndromes[n - i]);
    if (discrepancy === 0) {
      since += 1;
      continue;
    }
    const factor = over(discrepancy, last);
    const next = locator.slice();
    before.forEach((coefficient, i) => {
      next[i + since] = (next[i + since] ?? 0) ^ times(factor, coefficient);
    });
    for (let i = 0; i < next.length; i += 1) next[i] ??= 0;
    if (2 * length <= n) {
      [length, before, last, since] = [n + 1 - length, locator, discrepancy, 1];
    } else {
      since += 1;
    }
    locator = next;
  }
  while (locator.length > 1 && locator[locator.length - 1] === 0) locator.pop();
  return locator;
}
