// Calls in the protocol's envelope over WebSockets, one socket a call (protocol c.2).

import { concat } from "./bytes.js";
import { bytesField, bytesOf, stringField, stringOf, uintOf } from "./protobuf.js";

// A node that has not answered by then is as good as gone; the caller asks again.
const CALL_MILLISECONDS = 10_000;

/** A failure that the node itself reports: `[code_name] what happened`. Everything else is a plain `Error`. */
export class CallError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    /** The protocol's name for it, such as `invalid_argument`; empty when it has none. */
    this.code = /^\[([a-z_]+)\]/.exec(message)?.[1] ?? "";
  }

  /** Whether the same call can succeed later. */
  get isTransient() {
    return ["unavailable", "deadline_exceeded", "resource_exhausted", "aborted", "internal", "canceled"].includes(this.code);
  }
}

/**
 * A call, or what opens a stream.
 * @typedef {{ service: string, method: string, body: Uint8Array }} Call
 */

/**
 * @param {Call} call
 * @returns {Uint8Array}
 */
export function request({ service, method, body }) {
  return concat(stringField(2, service), stringField(3, method), bytesField(4, body));
}

/**
 * The answer in a frame.
 * @param {Uint8Array} frame
 */
export function response(frame) {
  if (uintOf(frame, 1) !== 0n) throw new CallError(stringOf(frame, 3));
  return bytesOf(frame, 2) ?? new Uint8Array();
}

/** Where the node that served this page takes calls. */
export function here() {
  const url = new URL("/", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/**
 * One question, one answer.
 * @param {string} url
 * @param {Call} what
 * @returns {Promise<Uint8Array>}
 */
export function call(url, what) {
  return new Promise((resolve, reject) => {
    const socket = open(url);
    const end = (/** @type {() => void} */ then) => {
      clearTimeout(timer);
      socket.onclose = null;
      socket.close();
      then();
    };
    const timer = setTimeout(() => end(() => reject(new Error("the payment server does not answer"))), CALL_MILLISECONDS);
    socket.onopen = () => socket.send(request(what));
    socket.onmessage = ({ data }) => {
      end(() => {
        try {
          resolve(response(new Uint8Array(data)));
        } catch (error) {
          reject(error);
        }
      });
    };
    socket.onclose = () => end(() => reject(new Error("the payment server cannot be reached")));
  });
}

/** A stream, whose socket is opened before anything is asked, so that nothing is missed in between. */
export class Stream {
  /** @param {string} url */
  constructor(url) {
    this.socket = open(url);
    /** @type {Promise<void>} */
    this.opened = new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.socket.close(), CALL_MILLISECONDS);
      this.socket.onopen = () => {
        clearTimeout(timer);
        resolve();
      };
      this.socket.onclose = () => {
        clearTimeout(timer);
        reject(new Error("the payment server cannot be reached"));
      };
    });
    // Whoever closes it before it is open does not wait for it either.
    this.opened.catch(() => {});
  }

  /**
   * Asks, and hands on each answer until the stream ends: with the reason when the node gave one, without when the connection
   * was lost.
   * @param {Call} what
   * @param {(body: Uint8Array) => void} each
   * @returns {Promise<CallError | undefined>}
   */
  async run(what, each) {
    await this.opened;
    // Lost between then and now: nothing would tell of it any more, and what is sent into it vanishes without a word.
    if (this.socket.readyState !== WebSocket.OPEN) return undefined;
    return new Promise((resolve) => {
      this.socket.onclose = () => resolve(undefined);
      this.socket.onmessage = ({ data }) => {
        try {
          each(response(new Uint8Array(data)));
        } catch (error) {
          // Neither an ERROR frame nor one that cannot be read is followed by another.
          this.close();
          resolve(error instanceof CallError ? error : undefined);
        }
      };
      this.socket.send(request(what));
    });
  }

  close() {
    this.socket.close();
  }
}

/** @param {string} url */
function open(url) {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  return socket;
}
