// The published elements in a merchant's page on another origin: press, scan, pay, and the shop hears of it.

import assert from "node:assert/strict";

import { MERCHANT, order } from "./lib/merchant.mjs";
import { ringCode } from "./lib/picture.mjs";
import { Counter, openShop, poem, scene, until } from "./lib/shop.mjs";
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

  await scene("a merchant with the published bundle and one script tag, who is not told which intent was paid", async () => {
    const counter = await open(shop.page(PRICE, { create: poem() }));
    assert.equal(await counter.button.innerText(), "Pay $0.25");
    await stage.shot(counter.page, "elements-button");
    await stage.accessible(counter.page, "the shop's page with the button");
    await counter.press();
    const view = await counter.at("ready");
    await stage.shot(counter.page, "elements-modal-desktop");
    await stage.accessible(view, "the modal");
    const paid = await pay(await code(counter));
    assert.equal(paid.id, await counter.intent());
    await counter.at("done");
    await stage.shot(counter.page, "elements-modal-done");
    assert.equal((await counter.hears("success")).args.intent, paid.id);
    assert.deepEqual(await counter.events(), ["invoke", "success"]);
    assert.equal(await counter.page.locator("iframe[name=payment-request-card]").count(), 0, "the modal is gone");
    await counter.page.close();
  });

  await scene("a merchant who copies the README", async () => {
    const counter = await open(`${shop.url}/readme`);
    await counter.press();
    await counter.at("ready");
    const { id } = await pay(await code(counter));
    await counter.page.waitForURL(`${shop.url}/thanks?intent=${id}`);
    await counter.page.close();
  });

  await scene("a merchant without a server, whose page asks for the payment by itself", async () => {
    const counter = await open(shop.page(poem({ fees: [] })));
    await counter.press();
    await counter.at("ready");
    const id = await counter.intent();
    assert.equal((await node.intent(id)).state, "created");
    await pay(await code(counter));
    assert.equal((await counter.hears("success")).args.intent, id);
    await counter.page.close();
  });

  await scene("a merchant who wants the payer on the page for this very payment", async () => {
    const confirmParams = { success: { url: "/thanks?intent={{INTENT_ID}}" }, cancel: { url: "/sorry?intent={{INTENT_ID}}" } };
    const counter = await open(shop.page({ ...PRICE, confirmParams }, { create: poem() }));
    await counter.press();
    await counter.at("ready");
    const { id } = await pay(await code(counter));
    await counter.page.waitForURL(`${shop.url}/thanks?intent=${id}`);
    await counter.page.close();
  });

  await scene("a payer who closes the modal and is told that something was paid, or whose code dies in another's hand", async () => {
    const counter = await open(shop.page(PRICE, { create: poem() }));
    await counter.press();
    const view = await counter.at("ready");
    const id = await counter.intent();
    await view.locator("body").press("Escape");
    assert.equal((await counter.hears("cancel")).args.intent, id);
    assert.equal((await node.intent(id)).state, "created");
    await counter.page.close();
  });

  await scene("a payer who reads another price than the one that is asked", async () => {
    const counter = await open(shop.page(poem({ amount: 0.145 })));
    assert.equal(await counter.button.innerText(), "Pay $0.14");
    await counter.press();
    const view = await counter.at("ready");
    assert.equal(await view.locator("#title").innerText(), "Pay $0.14");
    assert.equal((await node.intent(await counter.intent())).terms.amount, "0.14");
    await counter.page.close();
  });

  await scene("a payer who reloads in the middle, and pays twice or never sees the end", async () => {
    const counter = await open(shop.page(poem()));
    await counter.press();
    await counter.at("ready");
    const [id, drawn] = [await counter.intent(), await code(counter)];
    await counter.page.reload();
    await counter.press();
    await counter.at("ready");
    assert.equal(await counter.intent(), id);
    assert.equal((await pay(drawn)).repeated, false);
    await counter.hears("success");
    assert.equal((await pay(drawn)).repeated, true);
    await counter.page.reload();
    await counter.press();
    assert.equal((await counter.hears("success")).args.intent, id, "whoever opens a paid code sees that it is paid");
    await counter.page.close();
  });

  await scene("a payer whose node restarts in the middle: a false cancellation, or a payment that nobody sees", async () => {
    stage.expect(/WebSocket connection|ERR_CONNECTION_REFUSED|Failed to load resource/);
    const counter = await open(shop.page(PRICE, { create: poem() }));
    await counter.press();
    await counter.at("ready");
    const drawn = await code(counter);
    const back = node.restart({ pause: 3_000 });
    await counter.at("offline");
    await stage.shot(counter.page, "elements-modal-offline");
    assert.deepEqual(await counter.events(), ["invoke"]);
    await back;
    await counter.at("ready");
    const { id } = await pay(drawn);
    assert.equal((await counter.hears("success")).args.intent, id);
    assert.deepEqual(await counter.events(), ["invoke", "success"]);
    await counter.page.close();
  });

  await scene("a payer who comes too late and believes that it can still be paid, and a shop that is told of a refusal", async () => {
    stage.expect(/stream timeout/i);
    const known = await order(node, { expiresIn: 4_000 });
    const counter = await open(shop.page({ ...PRICE, clientSecret: known.clientSecret }));
    await counter.press();
    await counter.at("ready");
    assert.equal(await counter.intent(), known.id);
    const view = await counter.at("expired");
    await stage.shot(counter.page, "elements-modal-expired");
    await view.locator("#close").click();
    assert.equal((await counter.hears("error")).args.message, "stream_timed_out");
    assert.equal((await counter.events()).includes("cancel"), false);
    await counter.page.close();
  });

  await scene("a merchant whose request is refused, and a payer who is not told why", async () => {
    stage.expect(/CodeSDK/);
    const counter = await open(shop.page(poem({ amount: 900 })));
    await counter.press();
    const view = await counter.at("failed");
    assert.match((await counter.hears("error")).args.message, /maximum amount of 5\.00/);
    assert.match(await view.locator("#detail").innerText(), /^usd currency has a maximum/);
    await stage.shot(counter.page, "elements-modal-failed");
    await stage.accessible(view, "a refused request");
    await counter.page.close();
  });

  await scene("a payer with a phone: no way into the app, or none back", async () => {
    const phone = await stage.visitor({ phone: true });
    const confirmParams = { success: { url: "/thanks?intent={{INTENT_ID}}" }, cancel: { url: "/sorry" } };
    const counter = await open(shop.page({ ...PRICE, confirmParams }, { create: poem() }), await agent(phone));
    await counter.press();
    const view = await counter.at("ready");
    await stage.shot(counter.page, "elements-modal-mobile");
    await stage.accessible(view, "the modal on a phone");
    const link = new URL(await view.locator("#open").getAttribute("data-link"));
    assert.equal(link.protocol, "codewallet:");
    const options = JSON.parse(Buffer.from(decodeURIComponent(link.hash.split("/p=")[1]), "base64").toString());
    const id = await counter.intent();
    assert.equal(options.confirmParams.success.url, `${shop.url}/thanks?intent=${id}`);
    assert.equal(options.amount, 0.25);
    await node.run("pay", id, "--client-secret", options.clientSecret, "--key", payer.file, "--server", node.url);
    await counter.page.waitForURL(`${shop.url}/thanks?intent=${id}`);

    await phone.close();
  });

  await scene("a payer with a phone who has paid before, and has to look for the app again", async () => {
    stage.expect(/codewallet:/);
    const phone = await agent(await stage.visitor({ phone: true, dark: true }));
    const near = (/** @type {any} */ more) => shop.page(PRICE, { create: poem(more) }).replace(shop.url, shop.near);
    const counter = await open(near({}), phone);
    await counter.press();
    const view = await counter.at("ready");
    assert.equal(await view.locator("#stage").isVisible(), true, "who has no app is not sent into the void");
    await view.locator("summary").click();
    await stage.shot(counter.page, "elements-modal-mobile-dark");
    await stage.accessible(view, "the modal on a phone in the dark");
    await pay(await code(counter));
    await counter.hears("success");
    // From here on there is an app: it is opened at once, and the view waits behind it for as long as that may take.
    await counter.page.goto(near({}));
    await counter.press();
    const next = await counter.at("ready");
    await until("the app is opened", () => next.locator("#stage").isHidden());
    await next.locator("#stage").waitFor({ timeout: 10_000 });
    assert.deepEqual(await counter.events(), ["invoke"]);
    await phone.close();
  });

  await scene("a payer in another language, or who reads in the dark, or whose page is the payment", async () => {
    for (const [locale, words, dir] of [["de", "Scannen Sie diesen Code mit Ihrer Wallet", "ltr"], ["ar", "امسح هذا الرمز بمحفظتك", "rtl"], ["es", "Escanee este código con su cartera", "ltr"]]) {
      const dark = await stage.visitor({ dark: true });
      const counter = await open(shop.page({ ...poem(), locale }, { kind: "page" }), dark);
      const view = await counter.at("ready");
      assert.equal(await view.locator("#status").innerText(), words);
      assert.equal(await view.locator("html").getAttribute("dir"), dir);
      await stage.shot(counter.page, `elements-page-${locale}-dark`);
      await stage.accessible(view, `the page in ${locale}`);
      await pay(await code(counter));
      await counter.hears("success");
      await dark.close();
    }
  });

  await scene("a payer whose browser cannot do it, and who is not told which one can", async () => {
    stage.expect(/CodeSDK/);
    const old = await stage.visitor();
    await old.addInitScript(() => Object.defineProperty(Crypto.prototype, "subtle", { get: () => undefined }));
    const counter = await open(shop.page(poem()), old);
    await counter.press();
    const view = await counter.at("failed");
    assert.match(await view.locator("#detail").innerText(), /It works in Chrome/);
    await old.close();
  });

  await scene("a shop without JavaScript in its visitors' browsers, whose button is an empty frame", async () => {
    const plain = await stage.visitor({ js: false });
    const page = await plain.newPage();
    await page.goto(`${node.url}/v1/elements/payment-request-button/#/abc/p=e30%3D`);
    assert.match(await page.locator("body").innerText(), /needs JavaScript/);
    await plain.close();
  });

  await scene("a merchant whose page isolates itself, and whose button is an empty frame", async () => {
    const counter = await open(shop.page(PRICE, { create: poem(), apart: true }));
    assert.equal(await counter.page.evaluate(() => window.crossOriginIsolated), true);
    assert.equal(await counter.button.innerText(), "Pay $0.25");
    await counter.press();
    await counter.at("ready");
    await pay(await code(counter));
    await counter.hears("success");
    await counter.page.close();
  });

  await scene("a merchant's own frames and calls, which are none of the script's business", async () => {
    const counter = await open(shop.page(poem()));
    const seen = await counter.page.evaluate(async () => {
      const asked = /** @type {string[]} */ ([]);
      const frame = (/** @type {string} */ url, /** @type {(frame: HTMLIFrameElement) => void} */ set) => {
        const made = document.createElement("iframe");
        set(made);
        return made.src;
      };
      const urls = ["https://sdk.getcode.com/v1/elements/x", "https://sdk.getcode.com/v1/elementsx", "https://example.com/v1/elements", "/here"];
      for (const url of urls) asked.push(frame(url, (made) => (made.src = url)), frame(url, (made) => made.setAttribute("SRC", url)));
      return asked;
    });
    const own = `${node.url}/v1/elements/x`;
    const others = ["https://sdk.getcode.com/v1/elementsx", "https://example.com/v1/elements", `${shop.url}/here`];
    assert.deepEqual(seen, [own, ...others].flatMap((url) => [url, url]));
    await counter.page.close();
  });

  await scene("a payer who is shown another's words as if they were the shop's", async () => {
    const evil = `"><img src=x onerror=document.title='owned'><script>document.title='owned'</script>`;
    stage.expect(/CodeSDK/);
    const counter = await open(`${node.url}/v1/elements/payment-request-modal-desktop/#/abc/p=${encodeURIComponent(Buffer.from(JSON.stringify({ ...poem(), destination: evil, login: { domain: evil }, locale: evil })).toString("base64"))}`);
    const sheet = counter.page.locator("#sheet");
    await sheet.waitFor();
    assert.equal(await counter.page.locator("#to").innerText(), `to ${evil.slice(0, 4)}…${evil.slice(-4)}`);
    assert.equal(await sheet.locator("img, script").count(), 0);
    // Nobody around: the view answers to no one, and says so to itself.
    await counter.page.evaluate(() => window.postMessage({ id: "abc", type: "event", payload: { event: "afterInvoke" } }, "*"));
    await counter.page.waitForFunction(() => document.body.dataset.state === "failed");
    assert.match(await counter.page.locator("#detail").innerText(), /login/);
    assert.notEqual(await counter.page.title(), "owned");
    await counter.page.close();
    // A name that nobody has proved is one of the things that anybody can write there.
    const named = await open(shop.page({ ...PRICE, login: { domain: "bank.example", verifier: MERCHANT } }, { create: poem() }));
    await named.press();
    const view = await named.at("ready");
    await named.page.waitForTimeout(500);
    assert.equal(await view.locator("#to").innerText(), `to ${MERCHANT.slice(0, 4)}…${MERCHANT.slice(-4)}`);
    await named.page.close();
  });
  await shop.close();
});

/** The official bundle knows a phone by its platform, which emulation leaves as it is. @param {any} phone */
async function agent(phone) {
  await phone.addInitScript(() => Object.defineProperty(navigator, "platform", { get: () => "iPhone" }));
  return phone;
}
