// The node's native interface, as much of it as a payer needs.

/** What a payer meets now and then, in words; the rest the node explains in its own. */
const WORDS = /** @type {Record<string, string>} */ ({
  funds_insufficient: "Your account does not hold enough for this",
  intent_not_found: "The node knows no such request",
  intent_already_submitted: "Somebody has paid this already",
  intent_canceled: "This request was canceled",
  intent_expired: "The time for this is over",
  quote_expired: "You took too long, and the price may have changed: open the request again",
});

/** A refusal that the node explains. */
export class Refused extends Error {
  /** @param {{ code?: string, message?: string }} problem @param {number} status of HTTP */
  constructor({ code = "", message = "The node refuses without saying why." }, status) {
    const words = WORDS[code];
    super(words === undefined ? message : `${words} (${code}).`);
    this.code = code;
    this.status = status;
  }

  /** Whether the node has decided against it, and not just failed to answer. */
  get isFinal() {
    return this.code !== "" && this.status < 500;
  }
}

const PATIENCE = 40_000;

/**
 * @param {string} path
 * @param {unknown} [body] sent as JSON when there is one
 * @returns {Promise<any>}
 */
export async function ask(path, body) {
  return JSON.parse(await raw(path, body));
}

/**
 * The answer as it is written. Quarks go up to 2^64, which JavaScript's own reader cannot hold.
 * @param {string} path
 * @param {unknown} [body]
 */
export async function raw(path, body) {
  const sent = body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE), ...sent });
  } catch {
    throw new Error("The node cannot be reached.");
  }
  const text = await answer.text();
  if (answer.ok) return text;
  let problem = {};
  try {
    problem = JSON.parse(text).error ?? {};
  } catch {
    // Whatever stands in between answers in its own words, which say nothing here.
  }
  throw new Refused(problem, answer.status);
}

/**
 * What an account can still spend, in quarks.
 * @param {string} account
 */
export async function available(account) {
  const found = /"available":(\d+)/.exec(await raw(`/v1/accounts/${account}`));
  if (found === null) throw new Error("The node does not say what the account holds.");
  return BigInt(found[1]);
}
