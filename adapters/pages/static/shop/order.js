// What becomes of an order, by the word of the node: a view that was closed says nothing of the payment.

/** @typedef {{ id: string, clientSecret: string }} Order */
/**
 * `paid`; `open`, when it can still be paid; `over`, when it cannot and nothing was taken; `unknown`, when the node cannot be asked.
 * @typedef {"paid" | "open" | "over" | "unknown"} Outcome
 */

const OVER = ["canceled", "expired", "rejected", "failed"];

/** @param {string} state of an intent */
export function outcomeOf(state) {
  if (state === "scheduled" || state === "confirmed") return "paid";
  return OVER.includes(state) ? "over" : "open";
}

/**
 * Asks the node.
 * @param {Order} order
 * @returns {Promise<Outcome>}
 */
export async function ask({ id }) {
  try {
    const answer = await fetch(`/v1/intents/${encodeURIComponent(id)}`, { cache: "no-store", signal: AbortSignal.timeout(10_000) });
    return answer.ok ? outcomeOf((await answer.json()).state) : "unknown";
  } catch {
    return "unknown";
  }
}

/** What the customer is told of an order that was not paid in front of the shop. @type {Record<Outcome, [string, "good" | "bad"]>} */
export const WORDS = {
  paid: ["Paid. Thank you", "good"],
  open: ["Not paid yet. The order is still open: press the button to go on with it", "bad"],
  over: ["Not paid. Nothing was taken", "bad"],
  unknown: ["The node cannot say whether it was paid. Press the button to look again", "bad"],
};
