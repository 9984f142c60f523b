// How a view ends, when the end comes late, twice, or while it is being closed: the shop hears what is so, and hears it once.

import assert from "node:assert/strict";

import { order } from "./lib/merchant.mjs";
import { ringCode } from "./lib/picture.mjs";
import { Counter, openShop, poem, scene } from "./lib/shop.mjs";
import { stage } from "./lib/stage.mjs";

const PRICE = { currency: "usd", amount: 0.25 };

await stage(async (stage) => {
  const { node } = stage;
  const payer = await node.payer("payer", 10_000_000_000_000);
  const shop = await openShop(stage);
  const visitor = await stage.visitor();
  const open = (/** @type {string} */ url, from = visitor) => Counter.open(from, url);
  const code = async (/** @type {Counter} */ counter) => ringCode(await counter.view(), ".ring-code");
  const pay = (/** @type {string} */ drawn) => node.run("pay", drawn, "--key", payer.file, "--server", node.url);

  await scene("a payer who closes the modal just when the payment goes through", async () => {
    const hasty = await listed(await stage.visitor());
    const counter = await open(shop.page(PRICE, { create: poem() }), hasty);
    await counter.press();
    const view = await counter.at("ready");
    const id = await counter.intent();
    // So that only the question asked when it is closed can tell.
    await deafen(view);
    await pay(await code(counter));
    assert.deepEqual(await counter.events(), ["invoke"]);
    await view.locator("#close").click();
    assert.equal((await counter.hears("success")).args.intent, id);
    assert.equal((await counter.events()).includes("cancel"), false);
    await hasty.close();
  });

  await scene("a payer who closes the modal and pays in the same second, and a shop that hears of a refusal alone", async () => {
    for (const late of ["the payment", "the answer"]) {
      const hasty = await listed(await stage.visitor());
      const counter = await open(shop.page(PRICE, { create: poem() }), hasty);
      await counter.press();
      const view = await counter.at("ready");
      const id = await counter.intent();
      const drawn = await code(counter);
      if (late === "the answer") {
        // It is paid, the view does not know, and the node takes a second and a half to say so.
        await deafen(view);
        await pay(drawn);
        await view.evaluate(() => {
          const { WebSocket } = window;
          window.WebSocket = class extends WebSocket {
            /** @param {any} data */
            send(data) {
              setTimeout(() => super.send(data), 1_500);
            }
          };
        });
      } else {
        // As long as a payment on a busy machine may take; the end of the view comes later by as much.
        await view.evaluate(() => {
          const real = window.setTimeout;
          window.setTimeout = /** @type {any} */ ((/** @type {any} */ then, /** @type {number} */ ms) => real(then, ms === 800 ? 5_000 : ms === 1_200 ? 9_000 : ms));
        });
      }
      await view.locator("#close").click();
      if (late === "the payment") await pay(drawn);
      assert.equal((await counter.hears("success")).args.intent, id, late);
      await counter.page.waitForTimeout(1_500);
      assert.deepEqual(await counter.events(), ["invoke", "success"], late);
      await hasty.close();
    }
  });

  await scene("a payer whose payment failed after all, and a shop that hears of its success", async () => {
    stage.expect(/CodeSDK/);
    const options = poem();
    const counter = await open(shop.page(options));
    await counter.press();
    await counter.at("ready");
    const { id } = await pay(await code(counter));
    await counter.hears("success");
    // As the node shows it once the rail has refused; that it was submitted stays true.
    await visitor.route(`**/v1/intents/${id}`, async (/** @type {any} */ route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, json: { ...(await answer.json()), state: "failed" } });
    });
    await counter.page.reload();
    await counter.press();
    await counter.at("failed");
    await counter.hears("error");
    await counter.page.waitForTimeout(1_500);
    assert.deepEqual(await counter.events(), ["invoke", "error"]);
    await visitor.unroute(`**/v1/intents/${id}`);
    await counter.page.close();
  });

  await scene("a node that is asked every second by everybody whose clock is fast", async () => {
    const known = await order(node, { expiresIn: 600_000 });
    const fast = await stage.visitor();
    await fast.addInitScript(() => {
      const { now } = Date;
      Date.now = () => now() + 3_600_000;
    });
    const counter = await open(shop.page({ ...PRICE, clientSecret: known.clientSecret }), fast);
    let looks = 0;
    counter.page.on("request", (/** @type {any} */ request) => /\/v1\/intents\//.test(request.url()) && (looks += 1));
    await counter.press();
    await counter.at("ready");
    await counter.page.waitForTimeout(6_000);
    assert.ok(looks <= 2, `it looked ${looks} times in six seconds`);
    await fast.close();
  });

  await scene("a payer whose connection breaks while the view asks how things stand, and who never sees the end", async () => {
    const unlucky = await stage.visitor();
    await unlucky.addInitScript(() => {
      const { WebSocket } = window;
      let count = 0;
      window.WebSocket = class extends WebSocket {
        /** @param {string} url */
        constructor(url) {
          super(url);
          count += 1;
          this.number = count;
          // The stream's socket goes as soon as it is there; the question's takes a second longer.
          if (count === 1) this.addEventListener("open", () => setTimeout(() => this.close(), 100));
        }

        /** @param {any} data */
        send(data) {
          setTimeout(() => super.send(data), this.number === 2 ? 1_200 : 0);
        }
      };
    });
    const counter = await open(shop.page(PRICE, { create: poem() }), unlucky);
    await counter.press();
    await counter.at("ready");
    await pay(await code(counter));
    await counter.hears("success");
    await unlucky.close();
  });

  await scene("a payer who comes back from the app to a tab that slept, and finds it as it was", async () => {
    const sleepy = await listed(await stage.visitor());
    const counter = await open(shop.page(PRICE, { create: poem() }), sleepy);
    await counter.press();
    await deafen(await counter.at("ready"));
    const id = await counter.intent();
    await pay(await code(counter));
    assert.deepEqual(await counter.events(), ["invoke"]);
    // The published package asks by itself then, at an address that is written into it.
    await counter.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    assert.equal((await counter.hears("success")).args.intent, id);
    await sleepy.close();
  });

  await scene("a payer with two tabs of the same order, of which one never hears", async () => {
    const address = shop.page(PRICE, { create: poem() });
    const tabs = [await open(address), await open(address)];
    for (const tab of tabs) {
      await tab.press();
      await tab.at("ready");
    }
    const { id } = await pay(await code(tabs[1]));
    for (const tab of tabs) assert.equal((await tab.hears("success")).args.intent, id);
    for (const tab of tabs) await tab.page.close();
  });
  await shop.close();
});

/** Keeps a list of a page's sockets. @param {any} visitor */
async function listed(visitor) {
  await visitor.addInitScript(() => {
    const { WebSocket } = window;
    const sockets = (/** @type {any} */ (window).sockets = /** @type {WebSocket[]} */ ([]));
    window.WebSocket = class extends WebSocket {
      /** @param {string} url */
      constructor(url) {
        super(url);
        sockets.push(this);
      }
    };
  });
  return visitor;
}

/** From here on nothing that a view's sockets bring is heard. @param {any} view */
async function deafen(view) {
  await view.evaluate(() => {
    for (const socket of /** @type {any} */ (window).sockets) socket.onmessage = null;
  });
}
