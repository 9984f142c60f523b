// The button: it says what is asked for, and that it was pressed.

import { decode } from "../lib/options.js";
import { Channel, opened } from "./channel.js";
import { isRightToLeft, language, money, say } from "./texts.js";

const button = /** @type {HTMLButtonElement} */ (document.getElementById("button"));
const label = /** @type {HTMLElement} */ (document.getElementById("label"));

const { id, encoded } = opened();
const channel = new Channel(id);
button.addEventListener("click", () => channel.emit("invoke"));

try {
  const options = decode(encoded);
  const lang = language(options.locale);
  document.documentElement.lang = lang;
  document.documentElement.dir = isRightToLeft(lang) ? "rtl" : "ltr";
  const isLogin = document.body.dataset.mode === "login";
  label.textContent = isLogin
    ? say(lang, "login")
    : say(lang, "pay", { amount: money(lang, options.currency ?? "", options.amount ?? Number.NaN) });
  button.title = label.textContent;
} catch (error) {
  // The merchant's mistake, told where merchants look; pressing it shows it to the payer too.
  console.error(`quittance: ${/** @type {Error} */ (error).message}`);
}
button.hidden = false;
const { width, height } = button.getBoundingClientRect();
channel.emit("resize", { width: Math.ceil(width), height: Math.ceil(height) });
