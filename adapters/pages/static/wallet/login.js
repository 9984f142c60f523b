// Telling a site who one is, by an account that is for this site alone. The same way as `quittance login`.

import { decode as fromBase58 } from "../lib/base58.js";
import { concat, utf8 } from "../lib/bytes.js";
import { fromSeed } from "../lib/keys.js";
import { idField } from "../lib/messages.js";
import { bytesField, bytesOf, stringField, stringOf, uintField, uintOf } from "../lib/protobuf.js";
import { call, here } from "../lib/rpc.js";
import { ask } from "./api.js";
import { vaultOf } from "./vault.js";

/** `RELATIONSHIP` among the account types (protocol d.2). */
const RELATIONSHIP = 13n;
/** What a login is refused for, by its number (protocol d.5). */
const REFUSALS = [
  "",
  "the node knows no such request",
  "it wants a payment, and paying logs in",
  "the request asks nobody to log in",
  "somebody else has logged in with this code",
  "the node does not know the account",
];

/** @typedef {import("../lib/keys.js").KeyPair & { sites: CryptoKey }} Owner */

/**
 * Logs in; who the site knows the owner as.
 * @param {string} id the intent's
 * @param {string} domain
 * @param {Owner} owner
 */
export async function logIn(id, domain, owner) {
  const authority = await relate(domain, owner);
  const unsigned = concat(idField(1, fromBase58(id, 32)), idField(2, authority.publicKey));
  const body = concat(unsigned, idField(3, await authority.sign(unsigned)));
  const answer = await call(here(), { service: "Identity", method: "loginToThirdPartyApp", body });
  const refusal = Number(uintOf(answer, 1));
  if (refusal !== 0) throw new Error(`The login is refused: ${REFUSALS[refusal] ?? `reason ${refusal}`}.`);
  return authority.id;
}

/**
 * Makes sure that the node knows the owner at this site, and by which key. Asking again changes nothing.
 * @param {string} domain
 * @param {Owner} owner
 */
export async function relate(domain, owner) {
  const authority = await keyFor(domain, owner);
  const { node } = await ask("/v1/node");
  const token = await vaultOf(authority.publicKey, fromBase58(node, 32));
  const account = concat(
    uintField(1, RELATIONSHIP),
    idField(2, owner.publicKey),
    idField(4, authority.publicKey),
    idField(5, token),
  );
  const open = concat(account, idField(6, await authority.sign(account)));
  // A new account has an id of its own, which nobody asks about again.
  const { publicKey: id } = await fromSeed(crypto.getRandomValues(new Uint8Array(32)));
  const site = bytesField(1, bytesField(1, stringField(1, domain)));
  const actions = concat(idField(1, id), idField(2, owner.publicKey), bytesField(3, bytesField(8, site)), bytesField(4, bytesField(2, open)));
  const body = bytesField(1, concat(actions, idField(5, await owner.sign(actions))));
  const answer = await call(here(), { service: "Transaction", method: "submitIntent", body });
  const error = bytesOf(answer, 3);
  if (error !== undefined) throw new Error(`The node opens no account for ${domain}: ${reason(error)}.`);
  if (bytesOf(answer, 2) === undefined) throw new Error(`The node does not say whether it opened an account for ${domain}.`);
  return authority;
}

/**
 * The key that one site knows an owner by. Nobody can tell from two of them that they are the same owner's.
 * @param {string} domain
 * @param {Owner} owner
 */
async function keyFor(domain, { sites }) {
  const material = new Uint8Array(await crypto.subtle.sign("HMAC", sites, utf8(domain)));
  return fromSeed(material.slice(0, 32));
}

/** The words of a refused submission. @param {Uint8Array} error */
function reason(error) {
  const details = bytesOf(error, 2);
  const words = details && bytesOf(details, 1);
  return words === undefined ? `code ${uintOf(error, 1)}` : stringOf(words, 1);
}
