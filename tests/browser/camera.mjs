// The wallet's camera: the codes of a real checkout, off a screen, as whoever has a phone in the hand reads them.

import assert from "node:assert/strict";
import { join } from "node:path";

import { order } from "./lib/merchant.mjs";
import { scene, until } from "./lib/shop.mjs";
import { stage } from "./lib/stage.mjs";
import { film } from "./lib/video.mjs";

/** What the browser takes for a camera. @param {{ directory: string }} node */
const filmOf = (node) => join(node.directory, "camera.y4m");

await stage(async (stage) => {
  const { node } = stage;
  const path = filmOf(node);
  await film(path, undefined);
  const customer = await stage.visitor();
  const holder = await stage.visitor({ phone: true, permissions: ["camera"] });
  const wallet = await holder.newPage();
  const camera = wallet.locator("#camera");
  const isOff = () => wallet.evaluate(() => /** @type {any} */ (document.getElementById("seen")).srcObject === null);

  await wallet.goto(`${node.url}/wallet`);
  await wallet.getByRole("button", { name: "Create a new key" }).click();
  await wallet.getByRole("button", { name: "I have written them down" }).click();
  await wallet.getByRole("button", { name: "Add 1,000,000 Kin" }).click();
  await until("the deposit", async () => (await wallet.locator("#balance").innerText()) === "1,000,000 Kin");

  /** Shows a checkout, films one of its codes, and pays by it. */
  const payBy = async (/** @type {string} */ selector, /** @type {import("./lib/video.mjs").Held} */ held) => {
    const known = await order(node, { hundredths: 25 });
    const page = await customer.newPage();
    await page.goto(`${node.url}/checkout/${known.id}?code=${known.clientSecret}`);
    for (const summary of await page.locator("details summary").all()) await summary.click();
    await film(path, await page.locator(selector).screenshot(), held);
    await camera.click();
    await until("the request", async () => (await wallet.locator("#request-state").innerText()).match(/Checked: signed by the shop/));
    assert.equal(await isOff(), true, "the camera is off once it has seen a code");
    await wallet.getByRole("button", { name: "Pay $0.25" }).click();
    await until("the payment", async () => (await wallet.locator("#request-state").innerText()) === "Paid");
    await page.waitForSelector("#state[data-state=confirmed]");
    assert.equal((await node.intent(known.id)).payment.payer, await wallet.locator("#account").textContent());
    await wallet.getByRole("button", { name: "Close" }).click();
    await page.close();
  };

  await scene("a payer whose browser has no reader of its own, in front of the code that the shop shows", async () => {
    await payBy(".rings svg", { size: 330 });
    await payBy(".rings svg", { size: 300, turn: 0.6, tilt: [0.15, -0.1] });
  });

  await scene("a payer in front of a checkout's QR code", async () => {
    await payBy(".qr", { size: 360 });
    await payBy(".qr", { size: 380, turn: -0.4, tilt: [0.1, 0.15] });
  });

  await scene("a payer whose browser's own reader is there and does not work", async () => {
    const known = await order(node, { hundredths: 5 });
    const page = await customer.newPage();
    await page.goto(`${node.url}/checkout/${known.id}?code=${known.clientSecret}`);
    for (const summary of await page.locator("details summary").all()) await summary.click();
    await film(path, await page.locator(".qr").screenshot());
    await page.close();
    for (const fault of ["sees nothing", "fails", "never answers"]) {
      await wallet.evaluate((/** @type {string} */ fault) => {
        const BarcodeDetector = class {
          static getSupportedFormats = async () => ["qr_code"];
          detect() {
            if (fault === "fails") throw new Error("no such service");
            return fault === "never answers" ? new Promise(() => {}) : Promise.resolve([]);
          }
        };
        Object.assign(window, { BarcodeDetector });
      }, fault);
      await camera.click();
      await until(`the request of a reader that ${fault}`, async () => (await wallet.locator("#request-state").innerText()).match(/Checked/));
      await wallet.getByRole("button", { name: "Close" }).click();
    }
    await wallet.reload();
  });

  await scene("a payer who sees nothing happen, or whose camera stays on", async () => {
    await film(path, undefined);
    await camera.click();
    await until("words", () => wallet.locator("#seen-note").isVisible());
    await until("a picture", () => wallet.locator("#seen").evaluate((/** @type {any} */ video) => video.currentTime > 0));
    const { y, height } = await wallet.locator("#seen").boundingBox();
    assert.ok(y >= 0 && y + height <= wallet.viewportSize().height, `the camera's picture is on the screen, not at ${y}`);
    await stage.shot(wallet, "wallet-camera");
    await stage.accessible(wallet, "the wallet with its camera on");
    await until("help", async () => (await wallet.locator("#seen-note").innerText()).match(/Nothing found yet/));
    await wallet.getByRole("button", { name: "Turn the camera off" }).click();
    await until("the camera to be off", isOff);
    assert.equal(await wallet.locator("#seen").isVisible(), false);
    assert.equal(await wallet.locator("#problem").isVisible(), false, "turning it off is nothing wrong");
    // Whoever goes to another tab is no longer filmed.
    await camera.click();
    await until("the camera to be on", async () => !(await isOff()));
    await wallet.evaluate(() => {
      Object.defineProperty(document, "hidden", { get: () => true, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await until("the camera to be off", isOff);
    assert.match(await wallet.locator("#seen-note").innerText(), /turned off/);
  });

  await scene("a payer who has refused the camera, and does not learn why nothing is scanned", async () => {
    const shy = await stage.visitor({ phone: true, permissions: [] });
    const page = await shy.newPage();
    const problem = () => until("a problem is said", async () => (await page.locator("#problem").isVisible()) && page.locator("#problem").innerText());
    await page.goto(`${node.url}/wallet`);
    await page.getByRole("button", { name: "Create a new key" }).click();
    await page.getByRole("button", { name: "I have written them down" }).click();
    await page.locator("#camera").click();
    assert.match(await problem(), /not allowed here/);
    assert.equal(await page.locator("#seen").isVisible(), false);
    await stage.accessible(page, "the wallet without a camera");
    for (const [name, words] of /** @type {[string, RegExp][]} */ ([["NotFoundError", /No camera was found/], ["NotReadableError", /in use/]])) {
      await page.evaluate((/** @type {string} */ name) => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("as a browser says it", name));
      }, name);
      await page.locator("#camera").click();
      assert.match(await problem(), words);
    }
    await page.evaluate(() => Object.defineProperty(window, "isSecureContext", { value: false }));
    await page.locator("#camera").click();
    assert.match(await problem(), /https/);
    await shy.close();
  });
}, { browser: (node) => ["--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${filmOf(node)}`] });
