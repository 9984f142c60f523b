// The demo's shop: a newcomer pays within a minute, in the browser, sees `success` fire, and then how it went.

import assert from "node:assert/strict";

import { Counter } from "./lib/shop.mjs";
import { ELEMENTS, stage } from "./lib/stage.mjs";

await stage(
  async (stage) => {
    const { node } = stage;
    const payer = await node.payer();
    const visitor = await stage.visitor();
    const page = await visitor.newPage();
    await page.goto(`${node.url}/shop`);
    await stage.accessible(page, "the stall");
    await page.getByRole("link", { name: "Choose Espresso" }).click();

    // Lost if this fails: the first minute of everybody who tries Quittance.
    const began = Date.now();
    const counter = new Counter(page);
    await counter.press();
    const view = await counter.view();
    const opened = visitor.waitForEvent("page");
    await view.locator("#wallet").click();
    const wallet = await opened;
    await wallet.getByRole("button", { name: "Create a new key" }).click();
    await wallet.getByRole("button", { name: "I have written them down" }).click();
    // The request opens at once; there is no money yet.
    await wallet.getByRole("button", { name: /^Add / }).click();
    await wallet.locator("#short").waitFor({ state: "hidden" });
    await wallet.locator("#confirm").click();
    await page.waitForSelector("#told.good");
    assert.ok(Date.now() - began < 60_000);
    const story = (await page.locator("#story").getAttribute("href")) ?? "";
    const id = story.split("/").at(-2) ?? "";
    assert.equal((await node.intent(id)).state, "confirmed");
    assert.deepEqual(await page.locator("#events li").allTextContents(), ["invoke", `success ${id}`]);
    await stage.accessible(page, "a sale");
    await stage.shot(page, "shop-paid-light-desktop");
    await page.getByRole("link", { name: "See what happened" }).click();
    await page.waitForSelector("#drawn:not([hidden])");
    assert.equal(await page.textContent("#state"), "confirmed");
    await visitor.close();

    // Lost if this fails: a customer who closed the view and is told that nothing was taken, and orders and pays again.
    const again = await stage.visitor();
    const stall = await again.newPage();
    await stall.goto(`${node.url}/shop/goods/croissant`);
    const hesitant = new Counter(stall);
    const shut = async () => {
      const view = await hesitant.at("ready");
      const id = await hesitant.intent();
      await view.locator("#close").click();
      await stall.waitForSelector("#told.bad");
      return id;
    };
    await hesitant.press();
    const first = await shut();
    assert.match(await stall.textContent("#told"), /still open/);
    await hesitant.press();
    assert.equal(await shut(), first, "one order, however often the button is pressed");
    await node.run("pay", first, "--key", payer.file, "--server", node.url);
    await hesitant.press();
    await stall.waitForSelector("#told.good");
    assert.match((await stall.locator("#story").getAttribute("href")) ?? "", new RegExp(first));
    // One that has ended unpaid is over, and the next press is a new order.
    await stall.goto(`${node.url}/shop/goods/poem`);
    await hesitant.press();
    const lost = await shut();
    await again.route(`**/v1/intents/${lost}`, (/** @type {any} */ route) => route.fulfill({ json: { state: "expired" } }));
    await hesitant.press();
    assert.notEqual(await shut(), lost);
    await again.close();

    // Lost if this fails: customers without the element, or without scripts.
    const plain = await stage.visitor({ js: false });
    const checkout = await plain.newPage();
    await checkout.goto(`${node.url}/shop/goods/croissant`);
    await checkout.getByRole("button", { name: "Pay on a page of its own" }).click();
    const address = new URL(checkout.url());
    const bought = { id: address.pathname.split("/").at(-1) ?? "", clientSecret: address.searchParams.get("code") ?? "" };
    assert.equal(await checkout.textContent(".price b"), "0.75");
    await node.pay(bought, payer);
    await checkout.reload();
    await checkout.getByRole("link", { name: `Go on to ${new URL(node.url).host}` }).click();
    assert.equal(await checkout.textContent("h1"), "Thank you");
    // Lost if this fails: goods for everybody who can write an address.
    const unpaid = await (await fetch(`${node.url}/shop/orders`, { method: "POST", body: new URLSearchParams({ good: "poem" }), headers: { accept: "application/json" } })).json();
    await checkout.goto(`${node.url}/shop/thanks?intent=${unpaid.id}`);
    assert.equal(await checkout.textContent("h1"), "Not paid");
    await plain.close();

    for (const [path, status] of /** @type {[string, number][]} */ ([
      ["/shop/goods/nothing", 404],
      ["/shop/scripts/nothing.js", 404],
      ["/shop/thanks", 404],
      [`/shop/thanks?intent=${"1".repeat(44)}`, 404],
    ])) {
      assert.equal((await fetch(node.url + path)).status, status, path);
    }
    const wrong = await fetch(`${node.url}/shop/orders`, { method: "POST", body: new URLSearchParams({ good: "<script>" }) });
    assert.equal(wrong.status, 400);
    assert.doesNotMatch(await wrong.text(), /<script>/);

    for (const [look, name] of /** @type {[any, string][]} */ ([
      [{}, "light-desktop"],
      [{ dark: true }, "dark-desktop"],
      [{ phone: true }, "light-phone"],
      [{ phone: true, dark: true }, "dark-phone"],
    ])) {
      const visitor = await stage.visitor(look);
      const page = await visitor.newPage();
      for (const [path, which] of [["/shop", "stall"], ["/shop/goods/poem", "good"], [`/shop/thanks?intent=${bought.id}`, "thanks"]]) {
        await page.goto(node.url + path);
        if (which === "good") await page.frameLocator("iframe[name=payment-request-button]").locator("#button").waitFor();
        await stage.accessible(page, `${which}, ${name}`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(wide, 0, `${which}, ${name}: has to be scrolled sideways`);
        await stage.shot(page, `shop-${which}-${name}`);
      }
      await visitor.close();
    }
  },
  { args: ["demo", "--serve", "--elements", ELEMENTS] },
);
