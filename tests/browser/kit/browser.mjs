// A browser, and what every test wants to know of it: that nothing left the machine, and what it looks like.

import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const MODULES = process.env.QUITTANCE_NODE_MODULES;
const require = createRequire(join(MODULES, "here.js"));
const { chromium, devices } = require("playwright-core");
export const phone = devices["Pixel 7"];
export const iphone = devices["iPhone 13"];
export const require_from_modules = require;

/** Bounds every single wait in a page. */
const PATIENCE = 30_000;

export async function openBrowser() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"], timeout: 60_000 });
  /** Requests that went anywhere but to these origins. */
  const strays = [];
  const faults = [];
  const context = async (options = {}, origins = []) => {
    const made = await browser.newContext({ ...options });
    made.setDefaultTimeout(PATIENCE);
    made.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol.startsWith("http") && !origins.includes(origin)) strays.push(request.url());
    });
    made.on("page", (page) => {
      page.on("pageerror", (error) => faults.push(String(error)));
      page.on("console", (line) => /Content Security Policy|Refused to/.test(line.text()) && faults.push(line.text()));
    });
    return made;
  };
  return { context, strays, faults, close: () => browser.close() };
}

/** Keeps a picture where `QUITTANCE_SCREENSHOTS` says, for people to look at. */
export async function picture(page, name) {
  const directory = process.env.QUITTANCE_SCREENSHOTS;
  if (!directory) return;
  mkdirSync(directory, { recursive: true });
  await page.screenshot({ path: join(directory, `${name}.png`) });
}

/** Waits until `look` gives something. */
export async function until(what, look, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${patience} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
