// The wallet when answers are late or lost, or when there are two of something: what was paid is said, and of the right request.

import assert from "node:assert/strict";

import { order } from "./lib/merchant.mjs";
import { scene, until } from "./lib/shop.mjs";
import { stage } from "./lib/stage.mjs";

await stage(async (stage) => {
  const { node } = stage;
  const at = `${node.url}/wallet`;
  const holder = await stage.visitor();
  const wallet = await holder.newPage();
  const requestIs = (/** @type {any} */ page, /** @type {RegExp} */ words) => until(`the request says ${words}`, async () => (await page.locator("#request-state").innerText()).match(words));
  const give = async (/** @type {any} */ page, /** @type {string} */ text) => {
    await page.goto(at);
    await page.locator("#given").fill(text);
    await page.getByRole("button", { name: "Open", exact: true }).click();
  };
  const problem = (/** @type {any} */ page) => until("a problem is said", async () => (await page.locator("#problem").isVisible()) && page.locator("#problem").innerText());
  await wallet.goto(at);
  await wallet.getByRole("button", { name: "Create a new key" }).click();
  await wallet.getByRole("button", { name: "I have written them down" }).click();
  await wallet.getByRole("button", { name: "Add 1,000,000 Kin" }).click();
  await until("the deposit", async () => (await wallet.locator("#balance").innerText()) === "1,000,000 Kin");

  await scene("a payer who is told that nothing was paid, although it was: by a busy node, or in a second tab", async () => {
    stage.expect(/status of (409|429)/);
    const known = await order(node, { hundredths: 5 });
    const tab = await holder.newPage();
    for (const page of [wallet, tab]) {
      await give(page, known.id);
      await requestIs(page, /Checked/);
    }
    const path = `**/v1/intents/${known.id}*`;
    await wallet.route(path, (/** @type {any} */ route) => route.fulfill({ status: 429, json: { error: { code: "rate_limited", message: "Too many." } } }));
    await wallet.locator("#confirm").click();
    await requestIs(wallet, /^Accepted/);
    await wallet.waitForTimeout(1_000);
    assert.equal(await wallet.locator("#problem").isVisible(), false);
    await requestIs(wallet, /^Accepted/);
    await wallet.unroute(path);
    await requestIs(wallet, /^Paid$/);
    // The other tab has a quote of its own for the same request, which the node refuses.
    await tab.locator("#confirm").click();
    await requestIs(tab, /^Paid$/);
    assert.equal(await tab.locator("#problem").isVisible(), false);
    await tab.close();
  });

  await scene("a payer with two requests at once, who pays the one and is shown the other", async () => {
    const link = (/** @type {any} */ known) => `#/checkout/${known.id}?code=${known.clientSecret}`;
    const go = (/** @type {any} */ known) => wallet.evaluate((/** @type {string} */ hash) => void (location.hash = hash), link(known));
    const late = async (/** @type {string} */ path) => {
      let release = () => {};
      const held = new Promise((resume) => (release = () => resume(undefined)));
      await wallet.route(path, async (/** @type {any} */ route) => {
        await held;
        await route.continue();
      });
      return release;
    };
    const [slow, quick] = [await order(node, { hundredths: 400 }), await order(node, { hundredths: 5 })];
    await wallet.goto(at);
    const quoted = await late(`**/v1/intents/${slow.id}/quote`);
    await go(slow);
    await requestIs(wallet, /Checking the quote/);
    await go(quick);
    await requestIs(wallet, /Checked/);
    quoted();
    await wallet.waitForTimeout(500);
    assert.equal(await wallet.locator("#confirm").innerText(), "Pay $0.05", "the older quote is not drawn over the newer request");
    // While it is on its way it stays on the screen, and is not closed.
    const sent = await late(`**/v1/intents/${quick.id}/submissions`);
    await wallet.locator("#confirm").click();
    await requestIs(wallet, /^Paying/);
    assert.equal(await wallet.locator("#back").isDisabled(), true);
    await go(slow);
    await wallet.waitForTimeout(500);
    assert.equal(await wallet.locator("#request-title").innerText(), "Pay $0.05");
    sent();
    await requestIs(wallet, /^Paid$/);
    assert.equal(await wallet.locator("#request-title").innerText(), "Pay $0.05");
    assert.equal((await node.intent(quick.id)).state, "confirmed");
    assert.equal((await node.intent(slow.id)).state, "created");
    // What came meanwhile has its turn.
    await wallet.getByRole("button", { name: "Close" }).click();
    await until("the other request", async () => (await wallet.locator("#request-title").innerText()) === "Pay $4.00");
    await requestIs(wallet, /Checked/);
    await wallet.getByRole("button", { name: "Close" }).click();
    await wallet.locator("#home").waitFor();
    await until("the history", async () => /^Pay \$0\.05/.test(await wallet.locator("#history").innerText()));
    assert.doesNotMatch(await wallet.locator("#history").innerText(), /Pay \$4\.00/);
    await wallet.unroute(`**/v1/intents/${slow.id}/quote`);
    await wallet.unroute(`**/v1/intents/${quick.id}/submissions`);
  });

  await scene("a payer whose key is lost because two tabs made one each", async () => {
    const both = await stage.visitor();
    const tabs = [await both.newPage(), await both.newPage()];
    for (const tab of tabs) {
      await tab.goto(at);
      await tab.getByRole("button", { name: "Create a new key" }).click();
    }
    const [first, second] = tabs;
    await first.getByRole("button", { name: "I have written them down" }).click();
    const account = await until("an account", () => first.locator("#account").innerText());
    await second.getByRole("button", { name: "I have written them down" }).click();
    assert.match(await problem(second), /a key in this browser already/);
    for (const tab of tabs) {
      await tab.reload();
      await until("the first account", async () => (await tab.locator("#account").innerText()) === account);
    }
    await both.close();
  });
});
