// From options to an outcome: the talk between a view and its node (protocol g.4).
//
// A view never pays, it only shows a code and watches. So whatever goes wrong on the way, the cure is to ask again: the request
// is the same bytes each time, and only the payer's own word ends the wait as declined.

import * as messages from "../lib/messages.js";
import * as options from "../lib/options.js";
import { CallError, Stream, call } from "../lib/rpc.js";
import { rendezvous } from "../lib/keys.js";
import { jittered, sleep } from "../lib/pace.js";

// A node that restarts is back within seconds; one that is down for longer is not to be met by all its browsers at once.
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;
// What ends without a message to the code's holders, as an intent that the merchant takes back, is seen at the latest then.
const LOOK_EVERY = 60_000;
// For how a payment stands that was accepted: when nobody can say it, the node's word that it was is all there is.
const LOOKS = 3;

/**
 * Where a payment or a login stands, for people.
 * @typedef {"connecting" | "offline" | "ready" | "scanned" | "done" | "declined" | "canceled" | "expired" | "failed"} State
 */

/** Ends that nothing follows. */
const ENDS = ["done", "declined", "canceled", "expired", "failed"];

/** One payment or login, watched until it ends. */
export class Flow {
  /**
   * @param {options.Options} given
   * @param {string} url of the node's calls
   * @param {{ state: (state: State, detail?: string) => void, message: (kind: string) => void, intent: (intent: any) => void }}
   *   tell `intent` as the native interface shows it, each time it was looked at
   */
  constructor(given, url, tell) {
    this.given = given;
    this.url = url;
    this.tell = tell;
    /** @type {State} */
    this.state = "connecting";
    /** @type {Stream | undefined} */
    this.stream = undefined;
    this.timers = new Set();
    /** How often it was open after its deadline: the node's clock decides, and this one may be ahead. */
    this.late = 0;
    /** Whether the node has said that a payment was accepted. */
    this.accepted = false;
  }

  /**
   * The code to be shown. Nothing has been said to the node by then.
   * @returns {Promise<{ payload: Uint8Array, intent: string }>}
   */
  async prepare() {
    const payload = await options.payload(this.given);
    this.key = await rendezvous(payload);
    return { payload, intent: this.key.id };
  }

  /** Watches until the end. */
  async run() {
    this.every(LOOK_EVERY, () => this.look());
    let pause = FIRST_PAUSE;
    while (!this.ended) {
      const begun = Date.now();
      let timedOut = false;
      try {
        await this.attempt();
      } catch (error) {
        if (error instanceof RangeError || (error instanceof CallError && !error.isTransient)) {
          this.move("failed", error.message);
          break;
        }
        timedOut = error instanceof CallError && error.code === "deadline_exceeded";
      }
      if (this.ended) break;
      // A stream that lasted was a good one.
      const lasted = Date.now() - begun > LONGEST_PAUSE;
      if (lasted) pause = FIRST_PAUSE;
      // A node ends its streams after a while; the next one is nothing to speak of.
      if (lasted && timedOut) continue;
      this.move("offline");
      await this.sleep(jittered(pause));
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  /** One connection: what there is to know, then what happens until the connection ends. */
  async attempt() {
    const intent = this.intent;
    const stream = new Stream(this.url);
    this.stream?.close();
    this.stream = stream;
    await stream.opened;
    const status = await this.status();
    if (this.ended) return;
    if (!status.exists) await this.send();
    this.move(status.codeScanned ? "scanned" : "ready");
    // Only the native interface tells of a deadline.
    void this.look();
    const body = messages.openMessageStream(intent);
    const ended = await stream.run({ service: "Messaging", method: "openMessageStream", body }, (answer) => {
      for (const { kind } of messages.readMessages(answer)) this.hear(kind);
    });
    if (ended !== undefined) throw ended;
  }

  /** What the node knows, asked now. */
  async status() {
    const body = messages.getStatus(this.intent);
    const status = messages.readStatus(await call(this.url, { service: "MicroPayment", method: "getStatus", body }));
    if (status.intentSubmitted) await this.submitted();
    return status;
  }

  /** Tells the node what is asked for. The same request again changes nothing. */
  async send() {
    if (this.given.mode === "login" || this.given.login) {
      // It takes the site's own key, which no browser has.
      throw new RangeError("login: expected that the site's server has asked for it before");
    }
    const message = messages.requestToReceiveBill(options.terms(this.given));
    const body = await messages.sendMessage(this.pair, message);
    await call(this.url, { service: "Messaging", method: "sendMessage", body });
  }

  /** @param {string} kind */
  hear(kind) {
    if (this.ended) return;
    this.tell.message(kind);
    if (kind === "codeScanned") this.move("scanned");
    else if (kind === "intentSubmitted") void this.submitted();
    else if (kind === "clientRejectedPayment" || kind === "clientRejectedLogin") this.move("declined");
  }

  /**
   * A payer's payment was accepted, which stays true when it fails afterwards (protocol b.2): what became of it has the last word.
   */
  async submitted() {
    this.accepted = true;
    let pause = FIRST_PAUSE;
    for (let looks = 1; !this.ended && looks <= LOOKS; looks += 1) {
      if (await this.look()) break;
      await sleep(jittered(pause));
      pause *= 2;
    }
    this.move("done");
  }

  /**
   * Looks how the intent stands; whether that could be seen. A failure is none of the payment: the next look may be better.
   * @returns {Promise<boolean>}
   */
  async look() {
    try {
      const answer = await fetch(`/v1/intents/${this.pair.id}`, { cache: "no-store" });
      if (!answer.ok) return false;
      const intent = await answer.json();
      if (this.ended) return true;
      this.tell.intent(intent);
      const { state, expires_at: deadline, reason } = intent;
      if (state === "scheduled" || state === "confirmed") this.move("done");
      else if (state === "canceled") this.move("canceled");
      else if (state === "expired") this.move("expired");
      else if (state === "rejected" || state === "failed") this.move("failed", reason);
      else this.expire(Date.parse(deadline), Date.parse(answer.headers.get("date") ?? ""));
      return true;
    } catch {
      // Asked again when the page is seen again, or a minute later.
      return false;
    }
  }

  /**
   * Looks again when the deadline is past, by the clock that decides it.
   * @param {number} deadline
   * @param {number} now the node's, if it said so
   */
  expire(deadline, now) {
    const left = deadline - (Number.isNaN(now) ? Date.now() : now);
    // Timers of browsers hold 31 bits of milliseconds; the look of every minute comes before.
    if (this.deadline || !(left < LOOK_EVERY)) return;
    const pause = Math.min(1000 * 2 ** this.late, LOOK_EVERY);
    this.late += 1;
    this.deadline = this.after(Math.max(left, 0) + jittered(pause), () => {
      this.deadline = undefined;
      void this.look();
    });
  }

  /** Stops watching. */
  close() {
    this.ended = true;
    for (const stop of this.timers) stop();
    this.stream?.close();
  }

  /**
   * @param {State} state
   * @param {string} [detail]
   */
  move(state, detail) {
    if (this.ended) return;
    // A code is scanned for good; a connection that comes back does not unsee it.
    if (state === "ready" && this.seen) state = "scanned";
    if (state === "scanned") this.seen = true;
    if (ENDS.includes(state)) this.close();
    if (state === this.state) return;
    this.state = state;
    this.tell.state(state, detail);
  }

  get pair() {
    if (this.key === undefined) throw new RangeError("a flow has no key before it is prepared");
    return this.key;
  }

  get intent() {
    return this.pair.publicKey;
  }

  /**
   * @param {number} milliseconds
   * @param {() => void} then
   */
  after(milliseconds, then) {
    const timer = setTimeout(() => {
      this.timers.delete(stop);
      then();
    }, milliseconds);
    const stop = () => clearTimeout(timer);
    this.timers.add(stop);
    return stop;
  }

  /**
   * @param {number} milliseconds
   * @param {() => void} then
   */
  every(milliseconds, then) {
    const timer = setInterval(then, milliseconds);
    this.timers.add(() => clearInterval(timer));
  }

  /** Ends early when the browser is back on line, or the page is looked at again. @param {number} milliseconds */
  sleep(milliseconds) {
    return new Promise((resolve) => {
      const stop = new AbortController();
      const wake = () => {
        stop.abort();
        resolve(undefined);
      };
      this.after(milliseconds, wake);
      window.addEventListener("online", wake, { signal: stop.signal });
      document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && wake(), { signal: stop.signal });
    });
  }
}
