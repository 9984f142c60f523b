// A payment or a login as a modal or a page of its own: the code, how it stands, and how it ended.

import { BROWSERS, available } from "../lib/keys.js";
import { clientSecret } from "../lib/scan_code.js";
import { decode } from "../lib/options.js";
import { draw } from "../lib/ring_code.js";
import { here } from "../lib/rpc.js";
import { sleep } from "../lib/pace.js";
import { Channel, opened } from "./channel.js";
import { deepLink, hasApp, obstacle, rememberApp, walletLink } from "./device.js";
import { Flow } from "./flow.js";
import { isRightToLeft, isolated, language, money, say } from "./texts.js";

// Long enough to be read before the merchant's page takes over.
const SHOW_END = 1200;
// Until a browser has either opened the app or has not (protocol g.5).
const APP_OPENS_WITHIN = 5000;
// As the official views do before a modal that was closed counts as canceled.
const CLOSING = 800;
// And for as long the node is waited for, to say whether it was paid in the meantime.
const LAST_WORD = 3000;

const { mode, device, wallet } = document.body.dataset;
const isLogin = mode === "login";
const isMobile = device === "mobile";
const { id, encoded, isPreload } = opened();
const channel = new Channel(id);
const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (document.getElementById(name));

/** @type {import("../lib/options.js").Options} */
let options = {};
/** @type {Flow | undefined} */
let flow;
let lang = language(undefined);
/** What the merchant's page is told when the view is closed. */
let onClose = isLogin ? "clientRejectedLogin" : "clientRejectedPayment";
let closing = false;
/** The end of the view is told once. */
let told = false;

channel.on("updatedClientSecret", ({ value }) => Object.assign(options, { clientSecret: String(value), idempotencyKey: undefined }));
channel.on("updatedIdempotencyKey", ({ value }) => Object.assign(options, { idempotencyKey: String(value), clientSecret: undefined }));
channel.on("updatedSuccessUrl", ({ value }) => confirmParam("success", value));
channel.on("updatedCancelUrl", ({ value }) => confirmParam("cancel", value));
channel.on("afterInvoke", () => void begin());

if (!isPreload) show();

/** What can be said at once, before the merchant's page has decided. */
function show() {
  part("close").addEventListener("click", () => void close());
  addEventListener("keydown", ({ key }) => key === "Escape" && void close());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void flow?.look());
  try {
    options = { ...decode(encoded), mode: isLogin ? "login" : "payment" };
    lang = language(options.locale);
    const title = heading();
    part("title").textContent = title;
    document.title = title;
    if (!isLogin) name(short(options.destination));
  } catch (error) {
    fail(/** @type {Error} */ (error).message);
  }
  document.documentElement.lang = lang;
  document.documentElement.dir = isRightToLeft(lang) ? "rtl" : "ltr";
  part("close").textContent = say(lang, onClosePage() ? "cancel" : "close");
  part("stage").hidden = false;
  part("sheet").focus();
  if (document.body.dataset.state !== "failed") state("connecting");
}

/** The merchant's page has decided: from here on the code is fixed. */
async function begin() {
  if (flow !== undefined || closing || document.body.dataset.state === "failed") return;
  if (!(await available())) return fail(say(lang, "unsupported", { browsers: BROWSERS }), true);
  // Neither is given where a page just wants to be paid: then any code will do.
  if (!options.clientSecret && !options.idempotencyKey) {
    options.clientSecret = clientSecret(crypto.getRandomValues(new Uint8Array(11)));
  }
  flow = new Flow(options, here(), { state, message, intent: proved });
  try {
    const { payload, intent } = await flow.prepare();
    document.body.dataset.intent = intent;
    part("code").replaceChildren(draw(payload, say(lang, "codeOf", { title: heading() })));
    if (isMobile) await offerApp(payload);
    else offerWallet(payload);
  } catch (error) {
    return fail(/** @type {Error} */ (error).message);
  }
  return flow.run();
}

/** @param {Uint8Array} payload */
async function offerApp(payload) {
  const link = deepLink(withSecret(payload));
  part("actions").hidden = false;
  part("open").textContent = say(lang, "openWallet");
  part("open").dataset.link = link;
  part("open").addEventListener("click", () => channel.emit("navigate", { url: link }));
  part("show-code").textContent = say(lang, "showCode");
  offerWallet(payload);
  const warning = obstacle();
  if (warning) {
    part("warning").textContent = say(lang, warning);
    part("warning").hidden = false;
  }
  if (!hasApp()) return;
  // The app covers the browser; whoever comes back without having paid finds the view as it always is.
  channel.emit("navigate", { url: link });
  part("stage").hidden = true;
  setTimeout(() => {
    part("stage").hidden = false;
  }, APP_OPENS_WITHIN);
}

/** A node for trying things out has a wallet of its own. @param {Uint8Array} payload */
function offerWallet(payload) {
  if (wallet === undefined) return;
  const link = /** @type {HTMLAnchorElement} */ (part("wallet"));
  link.href = walletLink(withSecret(payload), wallet);
  link.textContent = say(lang, isLogin ? "openDevWalletLogin" : "openDevWallet");
  link.hidden = false;
  part("actions").hidden = false;
}

/**
 * The options for an app, which has no channel to learn anything later.
 * @param {Uint8Array} payload
 */
function withSecret(payload) {
  return { ...options, idempotencyKey: undefined, clientSecret: clientSecret(payload.slice(9)) };
}

/**
 * @param {import("./flow.js").State} now
 * @param {string} [detail]
 */
function state(now, detail) {
  if (closing && now !== "done") return;
  document.body.dataset.state = now;
  part("status").textContent = say(lang, textOf(now));
  // The protocol's name of a failure is for programs.
  part("detail").textContent = detail?.replace(/^\[[a-z_]+\] ?/, "") ?? "";
  part("detail").hidden = !detail;
  if (now === "done") {
    rememberApp();
    end("intentSubmitted");
  } else if (now === "declined") {
    end(isLogin ? "clientRejectedLogin" : "clientRejectedPayment");
  } else if (now === "expired") {
    onClose = "streamTimeout";
  } else if (now === "failed") {
    channel.emit("error", detail || say(lang, textOf(now)));
  }
}

/** @param {import("./flow.js").State} now */
function textOf(now) {
  if (now === "ready" && isMobile) return isLogin ? "readyLoginMobile" : "readyMobile";
  return isLogin && (now === "done" || now === "failed") ? `${now}Login` : now;
}

/** What came over the stream goes on to the merchant's page, except what ends the view: that is said when it has been seen. */
function message(/** @type {string} */ kind) {
  if (!["intentSubmitted", "clientRejectedPayment", "clientRejectedLogin"].includes(kind)) channel.emit(kind);
}

/** @param {string} event */
function end(event) {
  closing = true;
  setTimeout(() => leave(event), SHOW_END);
}

/** @param {string} event */
function leave(event) {
  if (!told) channel.emit(event);
  told = true;
}

/** @param {string} detail */
function fail(detail, unsupported = false) {
  state("failed", detail);
  if (unsupported) part("code").replaceChildren();
}

/** The payer gives up here. A payment that went through in the meantime is not lost by that. */
async function close() {
  if (closing) return;
  closing = true;
  document.body.dataset.closing = "";
  const asked = flow && !flow.ended ? flow.status().catch(() => {}) : undefined;
  await Promise.all([asked && Promise.race([asked, sleep(LAST_WORD)]), sleep(CLOSING)]);
  // Whoever told it: the answer, or the stream while it was waited for.
  const paid = flow?.state === "done" || (flow?.accepted && !flow.ended);
  flow?.close();
  leave(paid ? "intentSubmitted" : onClose);
}

/** What is asked for. A site is named when the node has seen it proved: the options behind the `#` can be anybody's. */
function heading(domain = "") {
  if (isLogin) return domain ? say(lang, "loginTitle", { domain: isolated(lang, domain) }) : say(lang, "login");
  return say(lang, "payTitle", { amount: money(lang, options.currency ?? "", options.amount ?? Number.NaN) });
}

/** Who asks, as the node knows it. @param {any} intent */
function proved({ terms, login }) {
  if (isLogin && login?.domain) part("title").textContent = document.title = heading(login.domain);
  else if (terms?.site?.verifier) name(terms.site.domain);
}

/** @param {string | undefined} who */
function name(who) {
  part("to").textContent = who ? say(lang, "to", { name: isolated(lang, who) }) : "";
}

/** An account is too long to be read, and its ends tell it from another. */
function short(/** @type {string | undefined} */ account) {
  return account && account.length > 12 ? `${account.slice(0, 4)}…${account.slice(-4)}` : account;
}

function onClosePage() {
  return document.body.dataset.kind === "page";
}

/**
 * @param {"success" | "cancel"} which
 * @param {unknown} url
 */
function confirmParam(which, url) {
  options.confirmParams = { ...options.confirmParams, [which]: { url: String(url) } };
}
