// What a phone learns from a code: 20 bytes, from which everybody who sees them has the intent's key (protocol a.1 to a.5).

import { concat, fromLittleEndian, littleEndian, sha256, utf8 } from "./bytes.js";
import { decode as fromBase58, encode as base58 } from "./base58.js";

export const PAYLOAD_LENGTH = 20;
export const NONCE_LENGTH = 11;

export const PAYMENT = 2;
export const LOGIN = 3;
export const PAYMENT_WITH_FEES = 4;

/** The currencies in the order of their index (protocol a.2). */
export const CURRENCIES = (
  "kin aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd btn bwp byn bzd cad cdf chf clp " +
  "cny cop crc cup cve czk djf dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gnf gtq gyd hkd hnl hrk htg huf idr " +
  "ils inr iqd irr isk jmd jod jpy kes kgs khr kmf kpw krw kwd kyd kzt lak lbp lkr lrd lyd mad mdl mga mkd mmk mnt mop mru " +
  "mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sdg sek " +
  "sgd shp sll sos srd ssp stn syp szl thb tjs tmt tnd top try ttd twd tzs uah ugx usd uyu uzs ves vnd vuv wst xaf xcd xof " +
  "xpf yer zar zmw"
).split(" ");

/**
 * A code that was read.
 * @typedef {{ kind: number, currency?: string, hundredths?: bigint, nonce: Uint8Array }} ScanCode
 * `currency` and `hundredths` are those of a payment
 */

/**
 * The code of a payment.
 * @param {string} currency in either case
 * @param {bigint} hundredths
 * @param {Uint8Array} nonce
 * @param {boolean} withFees whether the merchant passed a list of fees, even an empty one
 */
export function paymentPayload(currency, hundredths, nonce, withFees) {
  const index = CURRENCIES.indexOf(currency.toLowerCase());
  if (index < 0) throw new RangeError(`currency: expected one that a code can carry, got ${currency}`);
  if (hundredths <= 0n) throw new RangeError("amount: expected an amount above zero");
  const kind = withFees ? PAYMENT_WITH_FEES : PAYMENT;
  return concat([kind, index], littleEndian(hundredths, 7), checkedNonce(nonce));
}

/**
 * The code of a login.
 * @param {Uint8Array} nonce
 */
export function loginPayload(nonce) {
  return concat([LOGIN], new Uint8Array(8), checkedNonce(nonce));
}

/**
 * Reads the code of a payment or a login. Codes for cash, gift cards and tips ask for nothing that can be paid here.
 * @param {Uint8Array} payload
 * @returns {ScanCode}
 */
export function readPayload(payload) {
  if (payload.length !== PAYLOAD_LENGTH) {
    throw new RangeError(`a code: expected ${PAYLOAD_LENGTH} bytes, got ${payload.length}`);
  }
  const kind = payload[0];
  const nonce = payload.slice(9);
  if (kind === LOGIN) {
    if (payload.subarray(1, 9).some((byte) => byte !== 0)) throw new RangeError("a code for a login that is none");
    return { kind, nonce };
  }
  if (kind !== PAYMENT && kind !== PAYMENT_WITH_FEES) {
    throw new RangeError(`a code: expected one for a payment or a login, got kind ${kind}`);
  }
  const currency = CURRENCIES[payload[1]];
  if (currency === undefined) throw new RangeError(`a code: expected a known currency, got number ${payload[1]}`);
  return { kind, currency, hundredths: fromLittleEndian(payload.subarray(2, 9)), nonce };
}

/**
 * The amount as the official SDK rounds it (protocol a.3).
 * @param {number} amount
 */
export function hundredthsOf(amount) {
  // Above 2^53 hundredths the SDK's own arithmetic is off, and toFixed writes exponents from 1e21.
  if (!Number.isFinite(amount) || amount < 0 || amount > Number.MAX_SAFE_INTEGER / 100) {
    throw new RangeError(`amount: expected a number above zero, got ${amount}`);
  }
  return BigInt((Number.parseFloat(amount.toFixed(2)) * 100).toFixed(0));
}

/**
 * An amount as decimal text: `0.25`.
 * @param {bigint} hundredths
 */
export function decimal(hundredths) {
  return `${hundredths / 100n}.${String(hundredths % 100n).padStart(2, "0")}`;
}

/**
 * The nonce that a merchant's own name for a payment gives.
 * @param {string} key
 */
export async function nonceOfKey(key) {
  return (await sha256(utf8(key))).slice(0, NONCE_LENGTH);
}

/**
 * The nonce that a client secret is.
 * @param {string} secret
 */
export function nonceOfSecret(secret) {
  try {
    return fromBase58(secret, NONCE_LENGTH);
  } catch (error) {
    throw new RangeError(`clientSecret: ${/** @type {Error} */ (error).message}`);
  }
}

/** @param {Uint8Array} nonce */
export function clientSecret(nonce) {
  return base58(checkedNonce(nonce));
}

/** @param {Uint8Array} nonce */
function checkedNonce(nonce) {
  if (nonce.length !== NONCE_LENGTH) throw new RangeError(`a nonce: expected ${NONCE_LENGTH} bytes, got ${nonce.length}`);
  return nonce;
}
