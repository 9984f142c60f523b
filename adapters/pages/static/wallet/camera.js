// The wallet's camera: one button turns it on and off, and what it finds is opened as if it had been typed.

import { hex } from "../lib/bytes.js";
import { scan } from "../scan/camera.js";

const WORDS = {
  on: "Scan with the camera",
  off: "Turn the camera off",
  hold: "Hold a ring code or a QR code in front of the camera. Its pictures stay in this browser.",
  help: "Nothing found yet. The whole code has to be in the picture, sharp and not too far away; a brighter screen helps.",
  hidden: "The camera was turned off because the page was left.",
};

/** @type {AbortController | undefined} */
let running;

/** Turns it off. */
export function stop() {
  running?.abort();
}

/**
 * Turns the camera on, or off if it is on.
 * @param {{ button: HTMLElement, video: HTMLVideoElement, note: HTMLElement }} parts
 * @returns {Promise<string | undefined>} what was found, as people would type it; nothing when it was turned off
 */
export async function toggle({ button, video, note }) {
  if (running !== undefined) {
    stop();
    return undefined;
  }
  running = new AbortController();
  button.textContent = WORDS.off;
  note.textContent = WORDS.hold;
  video.hidden = note.hidden = false;
  // On a phone the picture would begin below the screen.
  button.scrollIntoView();
  let left = "";
  try {
    const found = await scan(video, running.signal, () => {
      note.textContent = WORDS.help;
    });
    if (found === "hidden") left = WORDS.hidden;
    if (typeof found === "string") return undefined;
    return "text" in found ? found.text : hex(found.payload);
  } finally {
    running = undefined;
    button.textContent = WORDS.on;
    note.textContent = left;
    video.hidden = true;
    note.hidden = left === "";
  }
}
