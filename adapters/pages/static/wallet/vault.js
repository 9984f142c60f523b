// The address of the account that an authority's key has on a node (protocol d.8): a hash that is nobody's key.

import { decode as fromBase58 } from "../lib/base58.js";
import { concat, fromLittleEndian, sha256, utf8 } from "../lib/bytes.js";

const PROGRAM = fromBase58("time2Z2SCnn3qYg3ULKVtdkh8YmZ5jFdKicnA1W2YnJ", 32);
const MINT = fromBase58("kinXdEcpDQeHPEuQnqmUgtYykqKGVFq6CeVX5iAHJq6", 32);
const DAYS_LOCKED = 21;
const DATA_VERSION = 3;

/** The field of ed25519, and the constant of its curve (RFC 8032, 5.1). */
const P = (1n << 255n) - 19n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;

/**
 * Where quarks for an authority's account go.
 * @param {Uint8Array} authority
 * @param {Uint8Array} node the time authority's key
 */
export async function vaultOf(authority, node) {
  const state = await derive(PROGRAM, [utf8("timelock_state"), MINT, node, authority, [DAYS_LOCKED]]);
  return derive(PROGRAM, [utf8("timelock_vault"), state, [DATA_VERSION]]);
}

/**
 * The address that a program derives from seeds, with the largest last seed for which nobody can hold a key.
 * @param {Uint8Array} program
 * @param {(Uint8Array | number[])[]} seeds
 */
export async function derive(program, seeds) {
  for (let bump = 255; bump >= 0; bump -= 1) {
    const address = await sha256(concat(...seeds, [bump], program, utf8("ProgramDerivedAddress")));
    if (!isKey(address)) return address;
  }
  throw new RangeError("seeds without an address, of which there is one in 2^256");
}

/** Whether 32 bytes are a point of the curve. @param {Uint8Array} bytes */
function isKey(bytes) {
  const y = (fromLittleEndian(bytes) & ((1n << 255n) - 1n)) % P;
  const square = (y * y) % P;
  // x^2 = (y^2 - 1) / (d y^2 + 1); multiplying by the square of the denominator leaves what a root needs unchanged.
  const product = ((square - 1n + P) * (D * square + 1n)) % P;
  return product === 0n || power(product, (P - 1n) / 2n) === 1n;
}

/**
 * @param {bigint} base
 * @param {bigint} exponent
 */
function power(base, exponent) {
  let [result, square, rest] = [1n, base % P, exponent];
  for (; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}
