// The published elements in a merchant's page on another origin: press, scan, pay, and the shop hears of it.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";

import { openBrowser, picture, until } from "./kit/browser.mjs";
import { Node } from "./kit/node.mjs";
import { openShop } from "./kit/shop.mjs";

const PRICE = { currency: "usd", amount: 0.25 };
let node, shop, browser, context, count = 0;

before(async () => {
  node = await Node.start();
  shop = await openShop(node);
  browser = await openBrowser();
  context = await browser.context({}, [node.url, shop.url]);
});
after(async () => {
  await browser?.close();
  await shop?.close();
  await node?.close();
});
afterEach(() => {
  assert.deepEqual(browser.strays.splice(0), [], "a request left the node and the shop");
  assert.deepEqual(browser.faults.splice(0), [], "a page failed or was kept from something");
});

const order = (more = {}) => ({ ...PRICE, idempotencyKey: `order-${Date.now()}-${(count += 1)}`, ...more });
const told = (page) => page.evaluate(() => window.told);
const heard = (page, event) => until(`the shop hears of ${event}`, async () => (await told(page)).find((one) => one.event === event));
const views = (page) => page.frameLocator("iframe[name='payment-request-card']");
const view = async (page) => {
  const frame = await until("a view", () => page.frames().find((frame) => /request-(modal|page)-(desktop|mobile)\/#\/(?!preload)/.test(frame.url())));
  return frame;
};
const inState = async (page, state) => {
  const frame = await view(page);
  await frame.waitForFunction((state) => document.body.dataset.state === state, state);
  return frame;
};
const press = async (page) => page.frameLocator("iframe[name='payment-request-button']").locator("#button").click();
const open = async (url, from = context) => {
  const page = await from.newPage();
  await page.goto(url);
  return page;
};
const marks = (page) => page.frameLocator("iframe[name='payment-request-card']").locator(".ring-code");

/** Reads the code off the screen as a phone does: which of the places of the rings are light. */
async function scan(page) {
  const box = await marks(page).boundingBox();
  const png = await page.screenshot({ clip: box, scale: "device" });
  return page.evaluate(async (bytes) => {
    const picture = await createImageBitmap(new Blob([Uint8Array.from(bytes)], { type: "image/png" }));
    const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    canvas.drawImage(picture, 0, 0);
    const { data, width, height } = canvas.getImageData(0, 0, picture.width, picture.height);
    const radii = [0.43675, 0.55625, 0.64375, 0.73125, 0.81875, 0.90625];
    const bits = radii.flatMap((radius, ring) =>
      Array.from({ length: 32 + 8 * ring }, (_, place, turn = (2 * Math.PI * place) / (32 + 8 * ring)) => {
        const x = Math.floor((width / 2) * (1 + radius * Math.sin(turn)));
        const y = Math.floor((height / 2) * (1 - radius * Math.cos(turn)));
        return data[4 * (y * width + x)] > 128 ? 1 : 0;
      }),
    );
    const drawn = Array.from({ length: 39 }, (_, byte) => bits.slice(8 * byte, 8 * byte + 8).reduce((sum, bit, at) => sum + (bit << at), 0));
    return drawn.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }, [...png]);
}

test("a merchant with the published bundle and one script tag is paid by the code on the screen, and told which intent", async () => {
  const page = await open(shop.page(PRICE, { create: order() }));
  await page.frameLocator("iframe[name='payment-request-button']").getByRole("button", { name: "Pay $0.25" }).waitFor();
  await picture(page, "button");
  await press(page);
  const frame = await inState(page, "ready");
  await page.waitForTimeout(400);
  await picture(page, "modal-desktop-light");
  const drawn = await scan(page);
  assert.equal(drawn.slice(0, 8), "b2cb25c6", "the start mark is where phones look for it");
  const paid = await node.pay(drawn.slice(8));
  assert.equal(paid.id, await frame.evaluate(() => document.body.dataset.intent));
  const { args } = await heard(page, "success");
  assert.equal(args.intent, paid.id);
  assert.deepEqual((await told(page)).map(({ event }) => event), ["invoke", "success"]);
  assert.equal(await views(page).locator("#sheet").count(), 0, "the modal is gone");
  await page.close();
});

test("a page whose browser asks for the payment itself is paid", async () => {
  const page = await open(shop.page(order()));
  await press(page);
  const frame = await inState(page, "ready");
  const id = await frame.evaluate(() => document.body.dataset.intent);
  assert.equal((await node.intent(id)).state, "created");
  await node.pay((await scan(page)).slice(8));
  assert.equal((await heard(page, "success")).args.intent, id);
  await page.close();
});

test("after a payment the shop's page goes to its own address with the intent in it", async () => {
  const confirmParams = { success: { url: "/thanks?intent={{INTENT_ID}}" }, cancel: { url: "/sorry?intent={{INTENT_ID}}" } };
  const page = await open(shop.page({ ...PRICE, confirmParams }, { create: order() }));
  await press(page);
  await inState(page, "ready");
  const { id } = await node.pay((await scan(page)).slice(8));
  await page.waitForURL(`${shop.url}/thanks?intent=${id}`);
  await page.close();
});

test("a modal that is closed cancels, and leaves the code good for whoever has scanned it", async () => {
  const page = await open(shop.page(PRICE, { create: order() }));
  await press(page);
  const frame = await inState(page, "ready");
  const id = await frame.evaluate(() => document.body.dataset.intent);
  await frame.getByRole("button", { name: "Close" }).click();
  assert.equal((await heard(page, "cancel")).args.intent, id);
  assert.equal((await node.intent(id)).state, "created");
  await page.close();
});

test("a payment that goes through while the modal is being closed is a success, not a cancellation", async () => {
  const page = await open(shop.page(PRICE, { create: order() }));
  await press(page);
  const frame = await inState(page, "ready");
  // The stream is deaf, so that only the question at the end can tell.
  await frame.evaluate(() => { WebSocket.prototype.dispatchEvent = () => true; });
  const id = await frame.evaluate(() => document.body.dataset.intent);
  const drawn = await scan(page);
  await page.evaluate(() => {});
  const paying = node.pay(drawn.slice(8));
  await until("paid", async () => (await node.intent(id)).payment);
  await frame.getByRole("button", { name: "Close" }).click({ force: true }).catch(() => {});
  await paying;
  assert.equal((await heard(page, "success")).args.intent, id);
  assert.equal((await told(page)).some(({ event }) => event === "cancel"), false);
  await page.close();
});

test("a reload in the middle shows the same code as scanned, and the payment counts once", async () => {
  const page = await open(shop.page(PRICE, { create: order() }));
  await press(page);
  const frame = await inState(page, "ready");
  const id = await frame.evaluate(() => document.body.dataset.intent);
  const drawn = (await scan(page)).slice(8);
  await page.reload();
  await press(page);
  const again = await inState(page, "ready");
  assert.equal(await again.evaluate(() => document.body.dataset.intent), id);
  const paid = await node.pay(drawn);
  assert.equal(paid.repeated, false);
  await heard(page, "success");
  assert.equal((await node.pay(drawn)).repeated, true);
  await page.reload();
  await press(page);
  assert.equal((await heard(page, "success")).args.intent, id, "whoever opens a paid code sees that it is paid");
  await page.close();
});

test("two tabs with the same order both hear of the one payment", async () => {
  const address = shop.page(PRICE, { create: order() });
  const tabs = [await open(address), await open(address)];
  for (const tab of tabs) await press(tab);
  for (const tab of tabs) await inState(tab, "ready");
  const { id } = await node.pay((await scan(tabs[1])).slice(8));
  for (const tab of tabs) assert.equal((await heard(tab, "success")).args.intent, id);
  for (const tab of tabs) await tab.close();
});

test("a node that restarts in the middle loses no payment and cancels none", async () => {
  const page = await open(shop.page(PRICE, { create: order() }));
  await press(page);
  const frame = await inState(page, "ready");
  const drawn = (await scan(page)).slice(8);
  await node.down();
  await inState(page, "offline");
  await picture(page, "modal-offline");
  assert.deepEqual((await told(page)).map(({ event }) => event), ["invoke"]);
  await node.up();
  await frame.waitForFunction(() => document.body.dataset.state === "ready");
  const { id } = await node.pay(drawn);
  assert.equal((await heard(page, "success")).args.intent, id);
  assert.equal((await told(page)).some(({ event }) => event !== "invoke" && event !== "success"), false);
  await page.close();
});

test("a shop whose request the node refuses is told so, and the payer reads why", async () => {
  const page = await open(shop.page({ currency: "usd", amount: 900, idempotencyKey: "too-much" }));
  await press(page);
  const frame = await inState(page, "failed");
  await picture(page, "modal-failed");
  assert.match((await heard(page, "error")).args.message, /invalid_argument/);
  assert.match(await frame.locator("#status").innerText(), /cannot be made/);
  await page.close();
});
