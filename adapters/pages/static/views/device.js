// What a phone's browser can do, and the link that opens a payer's app (protocol g.5).

import { encode } from "../lib/options.js";

const HAS_APP = "codewallet:hasApp";

/**
 * Why the way into the app, or back, may not work here: the browser inside another app keeps links for itself, and on iOS an app
 * comes back to the default browser, whichever this one is.
 * @returns {"embedded" | "return" | undefined}
 */
export function obstacle(agent = navigator.userAgent) {
  if (/FBAN|FBAV|Instagram|Line\/|Twitter|Snapchat|TikTok|BytedanceWebview|; wv\)|GSA\//.test(agent)) return "embedded";
  if (/CriOS|FxiOS|EdgiOS|OPiOS|DuckDuckGo.*(iPhone|iPad)/.test(agent)) return "return";
  return undefined;
}

/**
 * The view's own address, for an app: with all that it needs to make the same code, and where to go afterwards.
 * @param {import("../lib/options.js").Options} options with the client secret and the addresses to go to
 */
export function deepLink(options, address = location.href) {
  const [place] = address.split("/p=", 1);
  return `${place.replace(/^https?:\/\//, "codewallet://")}/p=${encode(options)}`;
}

/**
 * The same for the wallet that a node for trying things out has itself.
 * @param {import("../lib/options.js").Options} options
 * @param {string} wallet its path
 */
export function walletLink(options, wallet) {
  return `${new URL(wallet, location.href)}#p=${encode(options)}`;
}

/** Whether a payment from this browser went through before, so that there is an app. Frames may be kept from remembering. */
export function hasApp() {
  try {
    return localStorage.getItem(HAS_APP) === "true";
  } catch {
    return false;
  }
}

export function rememberApp() {
  try {
    localStorage.setItem(HAS_APP, "true");
  } catch {
    // The next payment asks again, which is all.
  }
}
