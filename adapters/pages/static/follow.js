// Waits for news of an intent, for as long as somebody looks at the page.

import { jittered } from "./lib/pace.js";

/** How long the node may think before it says that there is no news, in milliseconds. */
const WAIT = 25_000;
/** When it has not answered by then, it will not. */
const PATIENCE = WAIT + 10_000;
/** Pauses after failures, in milliseconds: the last one again and again. */
const PAUSES = [500, 1_000, 2_000, 5_000, 10_000];
/** An answer without news comes this early when the node lets nobody wait: too many do already, or it shuts down. */
const HASTY = 1_000;
const HASTY_PAUSE = 4_000;
/** After an end there may be a delivery or a refund; what comes within a minute is shown at once, the rest within minutes. */
const LINGER = 60_000;
const SELDOM = 240_000;
const ENDS = ["confirmed", "canceled", "expired", "rejected", "failed"];

/**
 * When to ask next, and how long the node may wait with its answer then, both in milliseconds.
 * @param {{ failures: number, waited: number, took: number, moved: boolean, state: string, still: number }} last how the last
 *   question went: `failures` in a row; how long the node might have waited, and how long it took; whether there was news; the
 *   intent's state, and for how long there has been no news
 */
export function next({ failures, waited, took, moved, state, still }) {
  // After a failure the first answer is wanted at once: it says that the node is there again.
  if (failures > 0) return { pause: PAUSES[Math.min(failures, PAUSES.length) - 1] ?? 0, wait: 0 };
  if (ENDS.includes(state) && still > LINGER) return { pause: SELDOM, wait: 0 };
  return { pause: !moved && waited > 0 && took < HASTY ? HASTY_PAUSE : 0, wait: WAIT };
}

/**
 * @param {{ intent: string, revision: number, refresh: () => Promise<number>, online: (is: boolean) => void }} options
 *   `refresh` shows what there is now and gives its revision.
 */
export async function follow({ intent, revision, refresh, online }) {
  let [failures, waited, news, state] = [0, WAIT, performance.now(), ""];
  for (;;) {
    // A browser opens few connections to one node, and tabs that nobody sees would hold them all.
    if (document.hidden) {
      await rest();
      waited = 0;
    }
    const began = performance.now();
    let moved = false;
    try {
      const known = await ask(`/v1/intents/${encodeURIComponent(intent)}?after=${revision}&wait_ms=${waited}`);
      if (known === undefined) continue;
      state = known.state;
      if (failures > 0 || known.revision > revision) {
        const before = revision;
        revision = Math.max(await refresh(), revision);
        moved = revision > before;
      }
      failures = 0;
      online(true);
    } catch {
      // A node that is started again has forgotten nothing: asking again is all there is to do.
      online(false);
      failures += 1;
    }
    const now = performance.now();
    if (moved) news = now;
    const { pause, wait } = next({ failures, waited, took: now - began, moved, state, still: now - news });
    if (pause > 0) await rest(jittered(pause));
    waited = wait;
  }
}

/** The answer, or nothing when the page was hidden before it came. @param {string} address */
async function ask(address) {
  const stop = new AbortController();
  let left = false;
  const hide = () => {
    left = document.hidden;
    if (left) stop.abort();
  };
  document.addEventListener("visibilitychange", hide);
  const timer = setTimeout(() => stop.abort(), PATIENCE);
  try {
    const answer = await fetch(address, { cache: "no-store", signal: stop.signal });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    return await answer.json();
  } catch (error) {
    if (stop.signal.aborted && left) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", hide);
  }
}

/**
 * Until somebody comes back to the page, or for so long.
 * @param {number} [milliseconds]
 * @returns {Promise<void>}
 */
function rest(milliseconds) {
  return new Promise((resume) => {
    const end = () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
      resume();
    };
    const look = () => document.hidden || end();
    const timer = milliseconds === undefined ? undefined : setTimeout(end, milliseconds);
    document.addEventListener("visibilitychange", look);
  });
}
