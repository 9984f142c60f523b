// A merchant's own web server, on another origin than the node: its page has the published element, and one script tag more.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";

import { MERCHANT } from "./merchant.mjs";
import { ELEMENTS, require } from "./stage.mjs";

const { loginIntents, paymentIntents } = require("@code-wallet/client");
const { Keypair } = require("@code-wallet/keys");
const FILES = {
  "/vue.js": join(ELEMENTS, "..", "..", "vue", "dist", "vue.global.prod.js"),
  "/elements.js": join(ELEMENTS, "dist", "elements.iife.js"),
  "/vue.mjs": join(ELEMENTS, "..", "..", "vue", "dist", "vue.runtime.esm-browser.prod.js"),
  "/elements.mjs": join(ELEMENTS, "dist", "elements.js"),
};
/** What a page says that isolates itself. */
const APART = { "cross-origin-embedder-policy": "require-corp", "cross-origin-opener-policy": "same-origin" };
/** What a newcomer copies. */
const README = new URL("../../../README.md", import.meta.url);

/**
 * Opens the shop for a stage, whose browsers may ask it from then on.
 * @param {import("./stage.mjs").Stage} stage
 * @param {Uint8Array} [seed] of the key that signs for the shop's domain
 */
export async function openShop(stage, seed) {
  const { node } = stage;
  const key = seed && Keypair.fromSeed(seed);
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://shop.example");
    const send = (/** @type {string} */ type, /** @type {any} */ body) => response.writeHead(200, { "content-type": type, ...(url.searchParams.has("apart") && APART) }).end(body);
    try {
      const file = /** @type {Record<string, string>} */ (FILES)[url.pathname];
      if (file !== undefined) return send("text/javascript; charset=utf-8", await readFile(file));
      if (url.pathname === "/readme") return send("text/html; charset=utf-8", await snippet(node.url));
      if (url.pathname === "/create-intent") {
        const order = { destination: MERCHANT, ...poem() };
        return send("application/json", JSON.stringify(await paymentIntents.create({ ...order, endpoint: `${node.url}/v1` })));
      }
      if (url.pathname === "/") return send("text/html; charset=utf-8", page(node.url));
      if (["/thanks", "/sorry", "/favicon.ico"].includes(url.pathname)) return send("text/html; charset=utf-8", `<!doctype html><html lang="en"><title>${url.pathname}</title></html>`);
      if (url.pathname === "/create") {
        const order = JSON.parse(url.searchParams.get("order") ?? "");
        const made = order.mode === "login" ? loginIntents : paymentIntents;
        return send("application/json", JSON.stringify(await made.create({ ...order, signers: key && [key], endpoint: `${node.url}/v1` })));
      }
      return response.writeHead(404).end();
    } catch (error) {
      return response.writeHead(500).end(String(error));
    }
  });
  await new Promise((resume) => server.listen(0, "127.0.0.1", () => resume(undefined)));
  // A name of its own: the browser keeps its store apart from the node's.
  const url = `http://localhost:${/** @type {any} */ (server.address()).port}`;
  // The same shop where the browser takes it for the node's neighbour, and lets the node's frames remember something.
  const near = url.replace("localhost", "127.0.0.1");
  stage.allowed.add(url).add(near);
  return {
    url,
    near,
    /** Whom the shop's domain names. */
    verifier: key?.getPublicKey().toBase58(),
    /** Who has logged in. @param {string} intent */
    user: async (intent) => (await loginIntents.getUserId({ intent, verifier: key, endpoint: `${node.url}/v1` })).userId,
    /**
     * The shop's page with such an element.
     * @param {any} options of the element
     * @param {{ create?: any, kind?: "button" | "page", apart?: boolean }} [how] `create`: what the shop's server asks the node for
     * when the element is pressed; `apart`: whether the page isolates itself
     */
    page: (options, { create, kind = "button", apart = false } = {}) => {
      const whole = (/** @type {any} */ some) => JSON.stringify({ destination: MERCHANT, ...some });
      return `${url}/?${new URLSearchParams({ options: whole(options), kind, ...(create && { create: whole(create) }), ...(apart && { apart: "" }) })}`;
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resume) => server.close(resume));
    },
  };
}

/** The README's page as it stands there; an import map does what a merchant's build does. @param {string} node */
async function snippet(node) {
  const [, code] = /^```html\n(.*?)^```$/ms.exec(await readFile(README, "utf8")) ?? [];
  if (!code?.includes("http://127.0.0.1:8080")) throw new Error("the README has no page with a button for the server that it names");
  const imports = { vue: "/vue.mjs", "@code-wallet/elements": "/elements.mjs" };
  return `<!doctype html><html lang="en"><title>Poems</title><main><h1>A poem</h1><div id="pay"></div></main>
<script type="importmap">${JSON.stringify({ imports })}</script>
${code.replace("http://127.0.0.1:8080", node)}</html>`;
}

/** @param {string} node */
function page(node) {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Poems</title>
<style>body { font-family: Georgia, serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; line-height: 1.6 }</style>
<main><h1>The rest of this poem</h1><p>Reads better when it is paid for.</p><div id="pay"></div></main>
<script src="${node}/v1/elements/here.js"></script>
<script src="/vue.js"></script>
<script src="/elements.js"></script>
<script>
window.told = [];
const query = new URLSearchParams(location.search);
const kind = query.get("kind");
const element = code.elements.create(kind, JSON.parse(query.get("options")))[kind];
for (const event of ["success", "cancel", "error"]) element.on(event, (args) => { window.told.push({ event, args }); });
element.on("invoke", async () => {
  window.told.push({ event: "invoke" });
  if (!query.has("create")) return;
  const answer = await fetch("/create?" + new URLSearchParams({ order: query.get("create") }));
  if (!answer.ok) throw new Error(await answer.text());
  element.update({ clientSecret: (await answer.json()).clientSecret });
});
element.mount("#pay");
</script>
</html>`;
}

let count = 0;

/** The price with a name of its own. @param {any} [more] */
export function poem(more = {}) {
  count += 1;
  return { currency: "usd", amount: 0.25, idempotencyKey: `poem-${process.pid}-${Date.now()}-${count}`, ...more };
}

/** A merchant's page in a browser, as its tests look at it. */
export class Counter {
  /** @param {any} page */
  constructor(page) {
    this.page = page;
  }

  /** @param {any} visitor @param {string} url */
  static async open(visitor, url) {
    const counter = new Counter(await visitor.newPage());
    await counter.page.goto(url);
    return counter;
  }

  get button() {
    return this.page.frameLocator("iframe[name=payment-request-button]").locator("#button");
  }

  async press() {
    await this.button.click();
  }

  /** The modal or the page, as a frame. */
  async view() {
    return until("a view", () =>
      this.page.frames().find((/** @type {any} */ frame) => /-request-(modal|page)-(desktop|mobile)\/#\/(?!preload)/.test(frame.url())),
    );
  }

  /** The view, once it is there. @param {string} state */
  async at(state) {
    const view = await this.view();
    await view.waitForFunction((/** @type {string} */ state) => document.body.dataset.state === state, state);
    return view;
  }

  /** The intent on the screen. */
  async intent() {
    return (await this.view()).evaluate(() => document.body.dataset.intent);
  }

  /** What the merchant's own script was told. */
  async told() {
    return this.page.evaluate(() => /** @type {any} */ (window).told);
  }

  /** @param {string} event */
  async hears(event) {
    return until(`the shop hears of ${event}`, async () => (await this.told()).find((/** @type {any} */ one) => one.event === event));
  }

  /** Only the names of what it was told. */
  async events() {
    return (await this.told()).map((/** @type {any} */ one) => one.event);
  }
}

/**
 * @template T
 * @param {string} what @param {() => T | Promise<T>} look
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(what, look, patience = 30_000) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found) return /** @type {NonNullable<T>} */ (found);
    if (Date.now() > end) throw new Error(`waited ${patience} ms in vain: ${what}`);
    await new Promise((resume) => setTimeout(resume, 50));
  }
}

/**
 * Says what is being played, for whoever reads a failure.
 * @param {string} loss what a person loses if it fails @param {() => Promise<void>} play
 */
export async function scene(loss, play) {
  const begun = Date.now();
  try {
    await play();
  } catch (error) {
    console.error(`lost: ${loss}`);
    throw error;
  }
  console.log(`${((Date.now() - begun) / 1000).toFixed(1)} s  ${loss}`);
}
