// The messages that a browser sends and reads (protocol d.2 to d.5).

import { concat } from "./bytes.js";
import { bytesField, bytesOf, doubleField, doubleOf, fields, stringField, stringOf, uintField, uintOf, without } from "./protobuf.js";

const QUARKS_PER_HUNDREDTH_KIN = 1000n;

/** The kinds of a `Message` by their field, with the names that they have as events. */
export const KINDS = Object.freeze({
  2: "requestToGrabBill",
  4: "airdropReceived",
  5: "requestToReceiveBill",
  6: "codeScanned",
  7: "clientRejectedPayment",
  8: "intentSubmitted",
  9: "webhookCalled",
  10: "requestToLogin",
  12: "clientRejectedLogin",
});

/**
 * A message as it came.
 * @typedef {{ kind: string, body: Uint8Array }} Message
 */

/**
 * What a merchant asks for, as its signed request says.
 * @typedef {object} Bill
 * @property {Uint8Array} destination
 * @property {string} currency
 * @property {number} amount in the currency's own units
 * @property {{ destination: Uint8Array, basisPoints: number }[]} fees
 * @property {Site | undefined} site
 */

/**
 * Who asks for a login.
 * @typedef {{ domain: string, verifier: Uint8Array | undefined }} Site
 */

/**
 * A key, an id or a signature, each of which is a message of one field.
 * @param {number} number
 * @param {Uint8Array} value
 */
export function idField(number, value) {
  return bytesField(number, bytesField(1, value));
}

/**
 * The request for a payment.
 * @param {{ destination: Uint8Array, currency: string, hundredths: bigint, fees?: { destination: Uint8Array, basisPoints: number }[] }} terms
 */
export function requestToReceiveBill({ destination, currency, hundredths, fees = [] }) {
  const amount = Number(hundredths) / 100;
  const price =
    currency === "kin"
      ? bytesField(
          2,
          concat(
            stringField(1, currency),
            doubleField(2, 1),
            doubleField(3, amount),
            uintField(4, hundredths * QUARKS_PER_HUNDREDTH_KIN),
          ),
        )
      : bytesField(3, concat(stringField(1, currency), doubleField(2, amount)));
  const shares = fees.map((fee) =>
    bytesField(8, concat(idField(1, fee.destination), uintField(2, BigInt(fee.basisPoints)))),
  );
  return bytesField(5, concat(idField(1, destination), price, ...shares));
}

/** @param {Date} at */
export function codeScanned(at) {
  return bytesField(6, bytesField(1, timestamp(at)));
}

/** @param {Uint8Array} intent */
export function clientRejectedPayment(intent) {
  return bytesField(7, idField(1, intent));
}

/** @param {Date} at */
export function clientRejectedLogin(at) {
  return bytesField(12, bytesField(4, timestamp(at)));
}

/**
 * The request of `SendMessage`.
 * @param {import("./keys.js").KeyPair} rendezvous
 * @param {Uint8Array} message
 */
export async function sendMessage(rendezvous, message) {
  const signature = await rendezvous.sign(message);
  return concat(bytesField(1, message), idField(2, rendezvous.publicKey), idField(3, signature));
}

/**
 * The request of `GetStatus`.
 * @param {Uint8Array} intent
 */
export function getStatus(intent) {
  return idField(1, intent);
}

/** @param {Uint8Array} response */
export function readStatus(response) {
  const flag = (/** @type {number} */ field) => uintOf(response, field) !== 0n;
  return { exists: flag(1), codeScanned: flag(2), intentSubmitted: flag(3) };
}

/**
 * The request of `OpenMessageStream`, unsigned as a browser sends it.
 * @param {Uint8Array} intent
 */
export function openMessageStream(intent) {
  return idField(1, intent);
}

/**
 * The messages in one answer of a stream. A kind that nobody knows here is left out.
 * @param {Uint8Array} response
 * @returns {Message[]}
 */
export function readMessages(response) {
  return fields(response).flatMap(({ number, value }) => (number === 1 ? readMessage(bytes(value)) : []));
}

/**
 * @param {Uint8Array} message
 * @returns {Message[]} one, or none of a known kind
 */
export function readMessage(message) {
  const kinds = /** @type {Record<number, string>} */ (KINDS);
  const found = fields(message).findLast(({ number }) => number in kinds);
  return found === undefined ? [] : [{ kind: kinds[found.number], body: bytes(found.value) }];
}

/**
 * @param {Uint8Array} body of a `requestToReceiveBill`
 * @returns {Bill}
 */
export function readBill(body) {
  const exact = bytesOf(body, 2);
  const partial = bytesOf(body, 3);
  const price = exact ?? partial;
  if (price === undefined) throw new RangeError("the request names no amount");
  return {
    destination: id(bytesOf(body, 1), "destination"),
    currency: stringOf(price, 1),
    amount: doubleOf(price, exact === undefined ? 2 : 3),
    fees: fields(body).flatMap(({ number, value }) => (number === 8 ? [readFee(bytes(value))] : [])),
    site: readSite(bytesOf(body, 4), bytesOf(body, 5)),
  };
}

/**
 * @param {Uint8Array} body of a `requestToLogin`
 * @returns {Site | undefined}
 */
export function readLogin(body) {
  return readSite(bytesOf(body, 1), bytesOf(body, 4));
}

/**
 * What a site's own key signed in a request, and for which code.
 * @param {Message} message
 * @returns {{ signed: Uint8Array, signature: Uint8Array | undefined, rendezvous: Uint8Array | undefined }}
 */
export function siteProof({ kind, body }) {
  const [signature, rendezvous] = kind === "requestToLogin" ? [5, 6] : [6, 7];
  const inner = (/** @type {number} */ field) => {
    const message = bytesOf(body, field);
    return message && bytesOf(message, 1);
  };
  return { signed: without(body, signature), signature: inner(signature), rendezvous: inner(rendezvous) };
}

/** @param {Uint8Array} fee */
function readFee(fee) {
  return { destination: id(bytesOf(fee, 1), "the receiver of a fee"), basisPoints: Number(uintOf(fee, 2)) };
}

/**
 * @param {Uint8Array | undefined} domain
 * @param {Uint8Array | undefined} verifier
 */
function readSite(domain, verifier) {
  if (domain === undefined) return undefined;
  return { domain: stringOf(domain, 1), verifier: verifier && id(verifier, "the site's key") };
}

/**
 * @param {Uint8Array | undefined} message
 * @param {string} name
 */
function id(message, name) {
  const value = message && bytesOf(message, 1);
  if (value?.length !== 32) throw new RangeError(`${name}: expected 32 bytes, got ${value?.length ?? "none"}`);
  return value;
}

/** @param {bigint | Uint8Array} value */
function bytes(value) {
  if (typeof value === "bigint") throw new RangeError("expected a message, got a number");
  return value;
}

/** @param {Date} at */
function timestamp(at) {
  const milliseconds = BigInt(at.getTime());
  return concat(uintField(1, milliseconds / 1000n), uintField(2, (milliseconds % 1000n) * 1_000_000n));
}
