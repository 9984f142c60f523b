// A code by the camera: pictures are looked at in the browser, and leave it no more than what is in them does.

import { read } from "./read.js";

/** @typedef {import("./read.js").Found} Found */
/** Why the camera was turned off without a code. @typedef {"stopped" | "hidden"} Ended */

/** Pictures looked at in a second, at most; and no more than half of the time goes into it. */
const PICTURES = 8;
/** The longer side of a picture that is looked at, in pixels; a camera's larger ones are made smaller. */
const LONGER_SIDE = 960;
/** After so long without a code people are told what helps, and after so long it is given up, in milliseconds. */
const HELP = 8_000;
const GIVE_UP = 60_000;
/** A browser's own reader that takes longer is not asked again. */
const DETECT = 1_000;
/** What is said when a camera cannot be had, by the error's name (W3C, Media Capture and Streams, 10.6). */
const REASONS = /** @type {Record<string, string>} */ ({
  NotAllowedError: "The camera is not allowed here. Allow it for this page in the browser's settings, or paste the link instead.",
  SecurityError: "The camera is not allowed here. Allow it for this page in the browser's settings, or paste the link instead.",
  NotFoundError: "No camera was found. Paste the link instead.",
  OverconstrainedError: "No camera was found. Paste the link instead.",
  NotReadableError: "The camera is in use by something else, or does not work.",
  AbortError: "The camera is in use by something else, or does not work.",
});

/**
 * Shows what the camera sees until a code is found, and turns it off again. Found or not, nothing is left running.
 * @param {HTMLVideoElement} video
 * @param {AbortSignal} signal turns it off
 * @param {() => void} help is called once if nothing was found for a while
 * @returns {Promise<Found | Ended>}
 * @throws {Error} with words for people: there is no camera, it may not be used, or nothing was found
 */
export async function scan(video, signal, help) {
  const over = new AbortController();
  const isHidden = () => document.hidden && over.abort("hidden");
  const stop = () => over.abort("stopped");
  document.addEventListener("visibilitychange", isHidden);
  addEventListener("pagehide", stop);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  isHidden();
  const ended = new Promise((resolve) => over.signal.addEventListener("abort", () => resolve(over.signal.reason)));
  try {
    if (over.signal.aborted) return over.signal.reason;
    // A browser may ask people for minutes whether they want it.
    const opened = open();
    const stream = await Promise.race([opened, ended]);
    if (over.signal.aborted || typeof stream === "string") {
      void opened.then(close, () => {});
      return over.signal.reason;
    }
    try {
      return await Promise.race([look(video, stream, over.signal, help), ended]);
    } finally {
      close(stream);
      video.srcObject = null;
    }
  } finally {
    document.removeEventListener("visibilitychange", isHidden);
    removeEventListener("pagehide", stop);
    signal.removeEventListener("abort", stop);
    // Whatever still waits ends with it.
    over.abort("stopped");
  }
}

async function open() {
  if (!isSecureContext) throw new Error("Browsers give the camera to pages with https:// or on this machine alone. Paste the link instead.");
  if (navigator.mediaDevices?.getUserMedia === undefined) throw new Error("This browser gives pages no camera. Paste the link instead.");
  try {
    // The one on a phone's back, where there are two.
    return await navigator.mediaDevices.getUserMedia({
      video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } },
    });
  } catch (error) {
    const { name, message } = /** @type {Error} */ (error);
    throw new Error(REASONS[name] ?? `The camera cannot be used: ${message}`, { cause: error });
  }
}

/** @param {MediaStream} stream */
function close(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/**
 * @param {HTMLVideoElement} video
 * @param {MediaStream} stream
 * @param {AbortSignal} signal
 * @param {() => void} help
 * @returns {Promise<Found | Ended>}
 */
async function look(video, stream, signal, help) {
  video.srcObject = stream;
  await video.play();
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("This browser cannot look at pictures. Paste the link instead.");
  let detector = await builtIn();
  const begun = performance.now();
  let isHelped = false;
  for (let looks = 0; ; ) {
    const now = performance.now();
    if (signal.aborted) return signal.reason;
    if (stream.getVideoTracks().every((track) => track.readyState === "ended")) throw new Error("The camera was turned off.");
    if (now - begun > GIVE_UP) throw new Error("No code was found in a minute, and the camera is off again.");
    if (now - begun > HELP && !isHelped) {
      isHelped = true;
      help();
    }
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && video.videoWidth > 0) {
      const scale = Math.min(1, LONGER_SIDE / Math.max(video.videoWidth, video.videoHeight));
      const [width, height] = [Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale)];
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      context.drawImage(video, 0, 0, width, height);
      const text = detector && (await detector.detect(canvas).catch(() => (detector = undefined)));
      if (text) return { text };
      // In one look of some QR codes are left to the browser; one whose reader sees nothing has ours all the same.
      const found = read(context.getImageData(0, 0, width, height), looks, { qr: detector === undefined || looks % 2 === 1 });
      if (found !== undefined) return found;
      looks += 1;
    }
    const took = performance.now() - now;
    await new Promise((resume) => setTimeout(resume, Math.max(took, 1000 / PICTURES - took)));
  }
}

/**
 * The browser's own reader of QR codes, where it has one (WICG, Accelerated Shape Detection).
 * @returns {Promise<{ detect: (canvas: HTMLCanvasElement) => Promise<string | undefined> } | undefined>}
 */
async function builtIn() {
  // Not yet among the types that editors know of browsers.
  const { BarcodeDetector } = /** @type {any} */ (globalThis);
  try {
    if (!(await within(BarcodeDetector.getSupportedFormats())).includes("qr_code")) return undefined;
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return { detect: async (canvas) => (await within(detector.detect(canvas)))[0]?.rawValue };
  } catch {
    return undefined;
  }
}

/** @param {Promise<any>} answer */
function within(answer) {
  return Promise.race([answer, new Promise((_, failed) => setTimeout(failed, DETECT, new Error("no answer in time")))]);
}
