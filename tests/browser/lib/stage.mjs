// What every script has: a node, a browser, and rules that hold on every page: no request leaves the origins that are
// allowed, nothing fails unseen, axe-core finds nothing.

import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

import { Node, within } from "./node.mjs";

/** How long one script may take, and one wait in it, in milliseconds. */
const ALL = 240_000;
const WAIT = 20_000;

// Packages are installed elsewhere, so that no run leaves anything among the sources.
const require = createRequire(join(process.env.QUITTANCE_MODULES ?? ".", "node_modules", "x.js"));
const { chromium, devices } = require("playwright-core");
const axe = require("axe-core");

export { require };

/** The elements bundle as it is published. */
export const ELEMENTS = join(process.env.QUITTANCE_MODULES ?? ".", "node_modules", "@code-wallet", "elements");

/**
 * Runs a script to its end and ends everything that it started.
 * @param {(stage: Stage) => Promise<void>} play
 * @param {{ args?: string[], browser?: (node: Node) => string[] }} [options] more arguments of the node, and of the browser
 */
export async function stage(play, { args = [], browser = () => [] } = {}) {
  const stage = new Stage(await Node.start(args));
  let failure;
  try {
    stage.browser = await chromium.launch({
      executablePath: process.env.CHROMIUM,
      // There is no user namespace in many containers; the pages are our own.
      args: ["--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", ...browser(stage.node)],
      timeout: 60_000,
    });
    await within(ALL, "the script to end", play(stage));
    stage.settle();
  } catch (error) {
    failure = error;
    await stage.shotsOfAll().catch(() => {});
  }
  await stage.browser?.close().catch(() => {});
  await stage.node.close().catch((error) => (failure ??= error));
  if (failure) {
    console.error(failure.stack ?? failure);
    console.error(stage.complaints.join("\n"));
    process.exit(1);
  }
  process.exit(0);
}

export class Stage {
  /** @param {Node} node */
  constructor(node) {
    this.node = node;
    /** @type {any} */
    this.browser = null;
    /** What went wrong unseen on some page. @type {string[]} */
    this.complaints = [];
    /** Whom pages may ask. */
    this.allowed = new Set([node.url]);
    /** Words of complaints that a script expects. @type {RegExp[]} */
    this.expected = [];
  }

  /**
   * A browser of its own, with nothing in its store.
   * @param {{ dark?: boolean, phone?: boolean, js?: boolean, locale?: string, [more: string]: any }} [look]
   */
  async visitor({ dark = false, phone = false, js = true, locale = "en-GB", ...more } = {}) {
    const device = phone ? devices["iPhone 13"] : { viewport: { width: 1280, height: 800 } };
    const context = await this.browser.newContext({
      ...device,
      colorScheme: dark ? "dark" : "light",
      javaScriptEnabled: js,
      reducedMotion: "reduce",
      locale,
      timezoneId: "Europe/Berlin",
      ...more,
    });
    context.setDefaultTimeout(WAIT);
    context.on("request", (/** @type {any} */ request) => {
      const url = new URL(request.url());
      if (["data:", "blob:", "about:"].includes(url.protocol)) return;
      const origin = url.origin.replace(/^ws/, "http");
      if (!this.allowed.has(origin)) this.complaints.push(`a page asks ${request.url()}`);
    });
    context.on("console", (/** @type {any} */ message) => {
      if (message.type() === "error") this.complaints.push(`${message.location().url}: ${message.text()}`);
    });
    context.on("weberror", (/** @type {any} */ error) => this.complaints.push(String(error.error().stack)));
    return context;
  }

  /** Something that a script brings about on purpose. @param {RegExp} words */
  expect(words) {
    this.expected.push(words);
  }

  /** Fails if anything went wrong unseen. */
  settle() {
    const left = this.complaints.filter((complaint) => !this.expected.some((words) => words.test(complaint)));
    this.complaints = left;
    if (left.length > 0) throw new Error("pages complained");
  }

  /** What axe-core finds on a page, which has to be nothing. @param {any} page @param {string} name */
  async accessible(page, name) {
    // By the debugger and not by a script element, which a page's policy would refuse.
    await page.evaluate(axe.source);
    const found = await page.evaluate(() => /** @type {any} */ (window).axe.run(document, { resultTypes: ["violations"] }));
    const shown = found.violations.map(
      (/** @type {any} */ one) => `${one.id}: ${one.help}: ${one.nodes.map((/** @type {any} */ node) => node.html).join(" ")}`,
    );
    if (shown.length > 0) throw new Error(`${name} is not accessible:\n${shown.join("\n")}`);
  }

  /** A picture of a page for people to look at. @param {any} page @param {string} name */
  async shot(page, name) {
    const directory = process.env.QUITTANCE_SHOTS ?? "";
    if (!directory) return;
    await mkdir(directory, { recursive: true });
    await page.screenshot({ path: join(directory, `${name}.png`), fullPage: true });
  }

  /** For whoever has to find out what went wrong. */
  async shotsOfAll() {
    const pages = (this.browser?.contexts() ?? []).flatMap((/** @type {any} */ context) => context.pages());
    for (const [number, page] of pages.entries()) await this.shot(page, `failed-${process.pid}-${number}`);
  }
}
