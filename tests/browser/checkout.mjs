// Hosted checkout, as people meet it: to pay, to decline, to be late, without scripts, in their language, with their eyes.

import assert from "node:assert/strict";

import { order, PARTNER } from "./lib/merchant.mjs";
import { ringCode, qrCode } from "./lib/picture.mjs";
import { until } from "./lib/shop.mjs";
import { stage } from "./lib/stage.mjs";

/** Hides a page, or shows it. @param {any} page @param {boolean} hidden */
const look = (page, hidden) =>
  page.evaluate((/** @type {boolean} */ hidden) => {
    Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
const PRICE = { hundredths: 125, fees: [{ destination: PARTNER, basis_points: 250 }], metadata: { order: "2026-117", note: "Two espressi & a croissant" } };

await stage(async (stage) => {
  const { node } = stage;
  const payer = await node.payer();
  const link = (/** @type {any} */ known, more = "") => `${node.url}/checkout/${known.id}?code=${known.clientSecret}${more}`;
  const state = (/** @type {any} */ page, /** @type {string} */ name) => page.waitForSelector(`#state[data-state=${name}]`);

  // Lost if this fails: a payer who has paid and is not told, or is not brought back to the merchant.
  {
    const known = await order(node, PRICE);
    const visitor = await stage.visitor();
    const page = await visitor.newPage();
    const merchant = `${node.url}/wallet-of-nobody`;
    stage.expect(/404/);
    await page.goto(link(known, `&success_url=${encodeURIComponent(`${merchant}?paid={{INTENT_ID}}`)}`));
    assert.equal(await page.title(), "Payment: 1.25 USD");
    assert.match(await page.textContent("#left"), /^\u2066(1:00:00|59:\d\d)\u2069 left$/);
    assert.equal(await page.locator("#onward").count(), 0, "no way on before it is paid");
    assert.equal(await ringCode(page, ".rings svg"), known.payload, "what a phone reads is the code of this intent");
    await page.locator("details summary").first().click();
    assert.equal(await qrCode(page, ".qr"), await page.locator("details p.key a").getAttribute("href"));
    await stage.accessible(page, "an open checkout");

    await node.pay(known, payer);
    await state(page, "confirmed");
    assert.equal(await page.textContent("#state"), "Paid");
    assert.equal(await page.locator(".rings").count(), 0, "nobody is asked to pay what is paid");
    await stage.accessible(page, "a paid checkout");
    await page.waitForURL(`${merchant}?paid=${known.id}`);
    await visitor.close();
  }

  // Lost if this fails: a payer who wants to read on and is torn away.
  {
    const known = await order(node);
    const visitor = await stage.visitor();
    const page = await visitor.newPage();
    await page.goto(link(known, `&success_url=${encodeURIComponent(`${node.url}/gone`)}`));
    await node.pay(known, payer);
    await page.getByRole("button", { name: "Stay here" }).click();
    await page.waitForTimeout(9_000);
    assert.match(page.url(), /checkout/);
    await visitor.close();
  }

  // Lost if this fails: a visitor whom a node's own page sends to whoever wrote the link.
  {
    const known = await order(node);
    await node.pay(known, payer);
    const visitor = await stage.visitor();
    const page = await visitor.newPage();
    await page.goto(link(known, `&success_url=${encodeURIComponent("https://evil.example/")}`));
    assert.equal(await page.getByRole("link", { name: "Go on to evil.example" }).count(), 1);
    assert.equal(await page.locator("#leaving").count(), 0);
    await page.waitForTimeout(9_000);
    assert.match(page.url(), /checkout/);
    await visitor.close();
  }

  // Lost if this fails: what a reader has opened, and where they were, each time that there is news.
  {
    const known = await order(node);
    const visitor = await stage.visitor();
    const page = await visitor.newPage();
    await page.goto(link(known, `&success_url=${encodeURIComponent(`${node.url}/gone`)}`));
    /** News, with which the page has other words. */
    const news = async (/** @type {string} */ before, /** @type {string} */ words) => {
      await page.unrouteAll();
      await page.route("**/v1/intents/*after=*", async (/** @type {any} */ route) => {
        if (!route.request().url().includes("wait_ms=0")) return route.continue();
        const answer = await route.fetch();
        const intent = await answer.json();
        return route.fulfill({ response: answer, json: { ...intent, revision: intent.revision + 1 } });
      });
      await page.route("**/checkout/*", async (/** @type {any} */ route) => {
        const answer = await route.fetch();
        const html = await answer.text();
        assert.ok(html.includes(before));
        await route.fulfill({ response: answer, body: html.replace(before, `${before}<p>${words}</p>`) });
      });
      await look(page, true);
      await look(page, false);
      await page.getByText(words).waitFor();
    };
    const summary = page.locator("details summary").first();
    await summary.click();
    await news('<div class="how" id="how">', "A word more.");
    assert.equal(await page.locator("details").first().evaluate((/** @type {any} */ one) => one.open), true);
    assert.equal(await summary.evaluate((/** @type {any} */ one) => one === document.activeElement), true);
    await page.unrouteAll();

    // A delivery after the end begins nothing again.
    await node.pay(known, payer);
    const stay = page.getByRole("button", { name: "Stay here" });
    await stay.focus();
    const left = async () => Number(/: (\d+) s/.exec(await page.textContent("#leaving span"))?.[1]);
    await until("two seconds have gone", async () => (await left()) <= 6);
    await news('<div id="now">', "It was told.");
    const now = await left();
    assert.ok(now <= 6 && now > 0, `the time began again: ${now} s`);
    assert.equal(await stay.evaluate((/** @type {any} */ one) => one === document.activeElement), true);
    await stay.click();
    await news('<div id="now">', "It was told again.");
    assert.equal(await stay.isVisible(), false, "who stays is not asked again");
    await visitor.close();
  }

  // Lost if this fails: the time that a payer has, on a device whose clock is wrong.
  {
    const known = await order(node);
    const visitor = await stage.visitor();
    await visitor.addInitScript(() => {
      const { now } = Date;
      Date.now = () => now() - 3 * 3_600_000;
    });
    const page = await visitor.newPage();
    await page.goto(link(known));
    assert.match(await page.textContent("#left"), /^\u2066(1:00:00|59:\d\d)\u2069 left$/);
    await visitor.close();
  }

  // Lost if this fails: a node that all its open pages ask without a pause while it is busy, and whose tabs shut each other out.
  {
    const known = await order(node);
    const visitor = await stage.visitor();
    const page = await visitor.newPage();
    let asked = 0;
    await page.route("**/v1/intents/*after=*", async (/** @type {any} */ route) => {
      asked += 1;
      await route.continue({ url: route.request().url().replace(/wait_ms=\d+/, "wait_ms=0") });
    });
    await page.goto(link(known));
    await page.waitForTimeout(5_000);
    assert.ok(asked >= 1 && asked <= 3, `it asked ${asked} times in five seconds`);
    await look(page, true);
    asked = 0;
    await node.pay(known, payer);
    await page.waitForTimeout(5_000);
    assert.equal(asked, 0, "nobody looks, and it asks");
    await look(page, false);
    await state(page, "confirmed");
    await visitor.close();
  }

  // Lost if this fails: a payer who believes that a payment can still be made, or was made.
  {
    const known = await order(node, { expiresIn: 4_000 });
    const visitor = await stage.visitor();
    const page = await visitor.newPage();
    await page.goto(link(known, `&cancel_url=${encodeURIComponent("https://shop.example/basket")}`));
    await state(page, "expired");
    assert.equal(await page.getByRole("link", { name: "Go on to shop.example" }).getAttribute("href"), "https://shop.example/basket");
    await visitor.close();
  }

  // Lost if this fails: a payer who sees a dead page because the node was started again in the middle.
  {
    const known = await order(node);
    const visitor = await stage.visitor();
    const page = await visitor.newPage();
    stage.expect(/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE/);
    await page.goto(link(known));
    await node.restart({ signal: "SIGKILL", pause: 1_500 });
    await page.waitForSelector("#offline[hidden]", { state: "attached" });
    await node.pay(known, payer);
    await state(page, "confirmed");
    await visitor.close();
  }

  // Lost if this fails: a payer who declines, and a merchant's page that goes on waiting; or one of two tabs that does.
  {
    const known = await order(node, { hundredths: 50 });
    const visitor = await stage.visitor();
    const [page, tab] = [await visitor.newPage(), await visitor.newPage()];
    for (const one of [page, tab]) await one.goto(link(known, `&cancel_url=${encodeURIComponent("https://shop.example/basket")}`));
    const opened = visitor.waitForEvent("page");
    await page.getByRole("link", { name: "Open in this node's wallet" }).click();
    const wallet = await opened;
    await wallet.getByRole("button", { name: "Create a new key" }).click();
    await wallet.getByRole("button", { name: "I have written them down" }).click();
    await wallet.getByRole("button", { name: "Decline" }).click();
    for (const one of [page, tab]) {
      await state(one, "canceled");
      assert.equal(await one.textContent("#state"), "Declined. Nothing was paid");
      assert.equal(await one.getByRole("link", { name: "Go on to shop.example" }).count(), 1);
    }
    await visitor.close();
  }

  // Lost if this fails: a payer on the very phone that has the app.
  {
    const known = await order(node, PRICE);
    const visitor = await stage.visitor({ phone: true });
    const page = await visitor.newPage();
    await page.goto(link(known, `&success_url=${encodeURIComponent("https://shop.example/?paid={{INTENT_ID}}")}`));
    const app = await page.getByRole("link", { name: "Open in your wallet app" }).getAttribute("href");
    assert.match(app, new RegExp(`^codewallet://${new URL(node.url).host}/v1/elements/payment-request-page-mobile/#/`));
    const options = JSON.parse(Buffer.from(decodeURIComponent(app.split("/p=")[1]), "base64").toString());
    assert.equal(options.confirmParams.success.url, `https://shop.example/?paid=${known.id}`);
    assert.equal((await node.run("code", app)).payload, known.payload, "an app makes the same code of it");
    await visitor.close();
  }

  // Lost if this fails: payers whose browsers run no scripts.
  {
    const known = await order(node, PRICE);
    const visitor = await stage.visitor({ js: false, locale: "de-AT" });
    const page = await visitor.newPage();
    await page.goto(link(known, `&success_url=${encodeURIComponent("https://shop.example/danke")}`));
    assert.equal(await page.textContent("#state"), "Wartet auf die Zahlung");
    assert.equal(await page.textContent(".price b"), "1,25");
    await node.pay(known, payer);
    await page.getByRole("link", { name: "Diese Seite neu laden" }).click();
    await page.waitForSelector("#state[data-state=confirmed]");
    assert.equal(await page.getByRole("link", { name: "Weiter zu shop.example" }).count(), 1);
    await visitor.close();
  }

  // Lost if this fails: a payer who scans a code that belongs to something else.
  {
    const [known, other] = [await order(node), await order(node)];
    const visitor = await stage.visitor();
    const page = await visitor.newPage();
    for (const [code, words] of [[other.clientSecret, "does not belong"], ["%3Cscript%3E", "does not belong"], ["1".repeat(99), "does not belong"]]) {
      await page.goto(`${node.url}/checkout/${known.id}?code=${code}`);
      assert.equal(await page.locator(".rings").count(), 0);
      assert.match(await page.textContent("#how"), new RegExp(words));
    }
    await page.goto(`${node.url}/checkout/${known.id}`);
    assert.match(await page.textContent("#how"), /not part of this link/);
    assert.equal(await qrCode(page, ".qr"), `${node.url}/checkout/${known.id}`);
    await visitor.close();
  }

  // Lost if this fails: payers who use no mouse.
  {
    const known = await order(node);
    const visitor = await stage.visitor();
    const page = await visitor.newPage();
    await page.goto(link(known));
    const reached = [];
    for (let i = 0; i < 12; i += 1) {
      await page.keyboard.press("Tab");
      reached.push(await page.evaluate(() => document.activeElement?.textContent?.trim() ?? ""));
    }
    for (const name of ["Skip to the payment", "Open this page on another device", "Deutsch", "العربية"]) {
      assert.ok(reached.includes(name), `the keyboard does not reach ${name}: ${reached}`);
    }
    await visitor.close();
  }

  // Looked at by people; checked here for what a machine can tell.
  const [open, paid, late] = [await order(node, PRICE), await order(node, PRICE), await order(node, { expiresIn: 1_000 })];
  await node.pay(paid, payer);
  for (const [look, name] of /** @type {[any, string][]} */ ([
    [{}, "light-desktop"],
    [{ dark: true }, "dark-desktop"],
    [{ phone: true }, "light-phone"],
    [{ phone: true, dark: true, locale: "ar" }, "dark-phone-ar"],
    [{ locale: "de" }, "light-desktop-de"],
    [{ locale: "ar" }, "light-desktop-ar"],
    [{ locale: "es", viewport: { width: 320, height: 600 } }, "light-small-es"],
    [{ forcedColors: "active" }, "forced-colors"],
  ])) {
    const visitor = await stage.visitor(look);
    const page = await visitor.newPage();
    for (const [which, address] of [
      ["open", link(open)],
      ["paid", link(paid)],
      ["expired", link(late)],
      ["unknown", `${node.url}/checkout/${late.key.public.toString("hex").slice(0, 8)}`],
    ]) {
      await page.goto(address);
      await stage.accessible(page, `${which}, ${name}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(wide, 0, `${which}, ${name}: has to be scrolled sideways`);
      await stage.shot(page, `checkout-${which}-${name}`);
    }
    await visitor.close();
  }
});
