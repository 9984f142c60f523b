// Waits for news of an intent, for as long as the page is open.

/** How long the node may think before it says that there is no news, in milliseconds. */
const WAIT = 25_000;
/** Pauses after failures, in milliseconds: the last one again and again. */
const PAUSES = [500, 1_000, 2_000, 5_000, 10_000];

/**
 * @param {{ intent: string, revision: number, refresh: () => Promise<number>, online: (is: boolean) => void }} options
 *   `refresh` shows what there is now and gives its revision.
 */
export async function follow({ intent, revision, refresh, online }) {
  let failures = 0;
  for (;;) {
    try {
      // After a failure the first answer is wanted at once: it says that the node is there again.
      const wait = failures > 0 ? 0 : WAIT;
      const address = `/v1/intents/${encodeURIComponent(intent)}?after=${revision}&wait_ms=${wait}`;
      const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(WAIT + 10_000) });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      const known = await answer.json();
      if (failures > 0 || known.revision > revision) revision = Math.max(await refresh(), revision);
      failures = 0;
      online(true);
    } catch (error) {
      // A node that is started again has forgotten nothing: asking again is all there is to do.
      online(false);
      const pause = PAUSES[Math.min(failures, PAUSES.length - 1)] ?? 10_000;
      failures += 1;
      await new Promise((resume) => setTimeout(resume, pause));
    }
  }
}
