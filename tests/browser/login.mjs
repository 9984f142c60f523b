// Logging in at a site through the published elements, with the wallet of the node as the payer's app.

import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { base58 } from "./lib/merchant.mjs";
import { ringCode } from "./lib/picture.mjs";
import { Counter, openShop, poem, scene, until } from "./lib/shop.mjs";
import { stage } from "./lib/stage.mjs";

const DOMAIN = "example.com";
const SEED = Buffer.alloc(32, 0x31);
const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), SEED]);
const key = createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" })).export({ format: "jwk" }).x;

// The domain's own web server, which publishes the shop's key, and a node that finds it on this machine.
const site = createServer((request, response) => {
  const known = request.url === "/.well-known/code-payments.json";
  const keys = JSON.stringify({ public_keys: [base58(Buffer.from(key ?? "", "base64url"))] });
  response.writeHead(known ? 200 : 404).end(known ? keys : "");
});
await new Promise((resume) => site.listen(0, "127.0.0.1", () => resume(undefined)));
const directory = mkdtempSync(join(tmpdir(), "quittance-browser-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
const config = join(directory, "node.toml");
writeFileSync(config, `[outbound]\nhosts = { "${DOMAIN}" = "127.0.0.1:${/** @type {any} */ (site.address()).port}" }\n`);

await stage(
  async (stage) => {
    const { node } = stage;
    const shop = await openShop(stage, SEED);
    const visitor = await stage.visitor();
    const holder = await stage.visitor({ phone: true });
    const wallet = await holder.newPage();
    const login = { domain: DOMAIN, verifier: shop.verifier };
    const requestIs = (/** @type {RegExp} */ words) => until(`the request says ${words}`, async () => (await wallet.locator("#request-state").innerText()).match(words));
    await wallet.goto(`${node.url}/wallet`);
    await wallet.getByRole("button", { name: "Create a new key" }).click();
    await wallet.getByRole("button", { name: "I have written them down" }).click();
    await wallet.getByRole("button", { name: "Add 1,000,000 Kin" }).click();
    await until("the deposit", async () => (await wallet.locator("#balance").innerText()) === "1,000,000 Kin");
    const account = await wallet.locator("#account").innerText();

    /** Opens a login in a shop's page and in the wallet. */
    const ask = async () => {
      const order = { mode: "login", login, idempotencyKey: poem().idempotencyKey };
      const counter = await Counter.open(visitor, shop.page({ mode: "login", login }, { create: order }));
      assert.equal(await counter.button.innerText(), "Log in");
      await counter.press();
      const view = await counter.at("ready");
      return { counter, view, id: await counter.intent() };
    };
    let user = "";

    await scene("a site that does not learn who logged in, or a payer whose own account it learns", async () => {
      const { counter, view, id } = await ask();
      // Who asks is known from the node alone.
      await until("the site's name", async () => (await view.locator("#title").innerText()) === `Log in to ${DOMAIN}`);
      await stage.shot(counter.page, "elements-login-desktop");
      await stage.accessible(view, "the modal of a login");
      assert.equal(await shop.user(id), undefined);
      await wallet.goto(await view.locator("#wallet").getAttribute("href"));
      await requestIs(/Checked: signed by the site/);
      await counter.at("scanned");
      await stage.shot(wallet, "wallet-login");
      await stage.accessible(wallet, "a login in the wallet");
      await wallet.getByRole("button", { name: "Log in" }).click();
      await requestIs(/^Logged in$/);
      assert.equal((await counter.hears("success")).args.intent, id);
      user = await shop.user(id);
      assert.notEqual(user, account);
      assert.match(await wallet.locator("#request-note").innerText(), new RegExp(user));
      await counter.page.close();
    });

    await scene("a payer who comes back as somebody else", async () => {
      const { counter, view, id } = await ask();
      await wallet.goto(`${node.url}/wallet`);
      await wallet.locator("#given").fill(await ringCode(view, ".ring-code"));
      await wallet.getByRole("button", { name: "Open", exact: true }).click();
      await requestIs(/Checked/);
      await wallet.getByRole("button", { name: "Log in" }).click();
      await counter.hears("success");
      assert.equal(await shop.user(id), user);
      await counter.page.close();
    });

    await scene("a payer who does not want to be known, and a site that waits for ever", async () => {
      const { counter, view, id } = await ask();
      await wallet.goto(await view.locator("#wallet").getAttribute("href"));
      await requestIs(/Checked/);
      await wallet.getByRole("button", { name: "Decline" }).click();
      assert.equal((await counter.hears("cancel")).args.intent, id);
      assert.equal(await shop.user(id), undefined);
      await counter.page.close();
    });

    await scene("whoever pays a site that asks for it, and is not known there", async () => {
      const order = poem({ login });
      const counter = await Counter.open(visitor, shop.page({ currency: "usd", amount: 0.25, login }, { create: order }));
      await counter.press();
      const view = await counter.at("ready");
      await until("the site's name", async () => (await view.locator("#to").innerText()) === `to ${DOMAIN}`);
      const id = await counter.intent();
      await wallet.goto(await view.locator("#wallet").getAttribute("href"));
      await requestIs(/Checked/);
      assert.match(await wallet.locator("#request-lines").innerText(), /Logs you in at\s*example\.com/);
      await wallet.getByRole("button", { name: "Pay $0.25" }).click();
      await requestIs(/^Paid$/);
      await counter.hears("success");
      assert.equal(await shop.user(id), user);
      await counter.page.close();
    });

    await scene("a payer who is asked for a login that no site has asked for", async () => {
      stage.expect(/CodeSDK/);
      const counter = await Counter.open(visitor, shop.page({ mode: "login", login, idempotencyKey: poem().idempotencyKey }, { kind: "page" }));
      const view = await counter.at("failed");
      assert.match(await view.locator("#detail").innerText(), /site's server has asked/);
      await stage.shot(counter.page, "elements-login-failed");
      await counter.page.close();
    });
    await shop.close();
  },
  { args: ["--config", config] },
);
