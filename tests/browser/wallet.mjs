// The wallet of a node for trying things out: a key made in the browser pays what a shop asks for, or declines it.

import assert from "node:assert/strict";

import { MERCHANT, PARTNER, order } from "./lib/merchant.mjs";
import { Counter, openShop, poem, scene, until } from "./lib/shop.mjs";
import { stage } from "./lib/stage.mjs";

const PRICE = { currency: "usd", amount: 0.25 };
/** The first of BIP-39's test phrases, and the account that other Solana wallets show for it. */
const PHRASE = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
const ACCOUNT = "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk";

await stage(async (stage) => {
  const { node } = stage;
  const shop = await openShop(stage);
  const at = `${node.url}/wallet`;
  const customer = await stage.visitor();
  const holder = await stage.visitor({ phone: true });
  const wallet = await holder.newPage();
  const requestIs = (/** @type {any} */ page, /** @type {string | RegExp} */ words) => until(`the request says ${words}`, async () => (await page.locator("#request-state").innerText()).match(words));
  const give = async (/** @type {any} */ page, /** @type {string} */ text) => {
    await page.goto(at);
    await page.locator("#given").fill(text);
    await page.getByRole("button", { name: "Open", exact: true }).click();
  };
  const problem = (/** @type {any} */ page) => until("a problem is said", async () => (await page.locator("#problem").isVisible()) && page.locator("#problem").innerText());

  await scene("a newcomer who gets no key, or one whose words are those of another", async () => {
    await wallet.goto(at);
    await stage.accessible(wallet, "the wallet without a key");
    await stage.shot(wallet, "wallet-welcome");
    await wallet.getByRole("button", { name: "Create a new key" }).click();
    await wallet.locator("#backup").waitFor();
    const words = await wallet.locator("#words li").allInnerTexts();
    assert.equal(words.length, 12);
    await stage.shot(wallet, "wallet-words");
    await stage.accessible(wallet, "the wallet's words");
    await wallet.getByRole("button", { name: "I have written them down" }).click();
    await wallet.locator("#home").waitFor();
    const account = await until("an account", () => wallet.locator("#account").innerText());
    assert.equal(await wallet.locator("#words").innerText(), "", "the words are gone from the page");
    await wallet.getByRole("button", { name: "Add 1,000,000 Kin" }).click();
    await until("the deposit", async () => (await wallet.locator("#balance").innerText()) === "1,000,000 Kin");
    await stage.shot(wallet, "wallet-home");
    await stage.accessible(wallet, "the wallet");
    // The same words on another device are the same account.
    const other = await stage.visitor();
    const page = await other.newPage();
    await page.goto(at);
    await page.getByText("I have twelve words").click();
    await page.locator("#words-typed").fill(`  ${words.join("\n").toUpperCase()} `);
    await page.getByRole("button", { name: "Use these words" }).click();
    await until("the same account", async () => (await page.locator("#account").innerText()) === account);
    await other.close();
  });

  await scene("an owner of twelve words from another wallet, whose account is not found here, or who mistypes one", async () => {
    const other = await stage.visitor({ dark: true });
    const page = await other.newPage();
    await page.goto(at);
    await page.getByText("I have twelve words").click();
    const use = async (/** @type {string} */ words) => {
      await page.locator("#words-typed").fill(words);
      await page.getByRole("button", { name: "Use these words" }).click();
    };
    for (const [words, why] of /** @type {[string, RegExp][]} */ ([
      ["abandon about", /expected 12 words, got 2/],
      [PHRASE.replace("about", "abuot"), /word 12, “abuot”/],
      [PHRASE.replace("about", "abandon"), /do not belong together/],
    ])) {
      await use(words);
      await until(String(why), async () => why.test(await page.locator("#problem").innerText()));
    }
    await stage.accessible(page, "the wallet with a problem, in the dark");
    await use(PHRASE);
    await until("the account", async () => (await page.locator("#account").innerText()) === ACCOUNT);
    const leaked = await page.evaluate(async () => {
      const open = indexedDB.open("quittance-wallet");
      await new Promise((resume) => (open.onsuccess = resume));
      const get = open.result.transaction("keys").objectStore("keys").get("owner");
      await new Promise((resume) => (get.onsuccess = resume));
      return crypto.subtle.exportKey("pkcs8", get.result.secret).then(() => "the key", () => "");
    });
    assert.equal(leaked, "", "no script can read the key");
    await stage.shot(page, "wallet-home-dark");
    await page.getByText("Remove this key from the browser").click();
    await page.getByRole("button", { name: "Remove the key" }).click();
    await page.getByRole("button", { name: "Create a new key" }).waitFor();
    await other.close();
  });

  await scene("a payer in the browser whose payment does not reach the shop, or who cannot find the way back", async () => {
    const confirmParams = { success: { url: "/thanks?intent={{INTENT_ID}}" }, cancel: { url: "/sorry?intent={{INTENT_ID}}" } };
    const counter = await Counter.open(customer, shop.page({ ...PRICE, fees: [{ destination: PARTNER, basisPoints: 250 }], confirmParams }, { create: poem({ fees: [{ destination: PARTNER, basisPoints: 250 }] }) }));
    await counter.press();
    const view = await counter.at("ready");
    const id = await counter.intent();
    await wallet.goto(await view.locator("#wallet").getAttribute("href"));
    await requestIs(wallet, /Checked/);
    await counter.at("scanned");
    await stage.shot(counter.page, "elements-modal-scanned");
    await stage.accessible(wallet, "a request in the wallet");
    await stage.shot(wallet, "wallet-request");
    assert.match(await wallet.locator("#request-lines").innerText(), /12,500 Kin/);
    await wallet.getByRole("button", { name: "Pay $0.25" }).click();
    await requestIs(wallet, /^Paid$/);
    await stage.shot(wallet, "wallet-paid");
    await stage.accessible(wallet, "a paid request in the wallet");
    assert.equal(await wallet.locator("#return").getAttribute("href"), `${shop.url}/thanks?intent=${id}`);
    assert.equal(await wallet.locator("#return").innerText(), `Go on to ${new URL(shop.url).host}`, "nobody has signed the way");
    await counter.page.waitForURL(`${shop.url}/thanks?intent=${id}`);
    await wallet.getByRole("button", { name: "Close" }).click();
    assert.equal((await node.intent(id)).payment.payer, await wallet.locator("#account").innerText());
    await until("the new balance", async () => (await wallet.locator("#balance").innerText()) === "987,500 Kin");
    assert.match(await wallet.locator("#history").innerText(), /Pay \$0\.25[\s\S]*12,500 Kin\s*Paid/);
    await stage.accessible(wallet, "the wallet with a history");
    await counter.page.close();
  });

  await scene("a payer who declines, and a shop that waits for ever", async () => {
    const counter = await Counter.open(customer, shop.page(PRICE, { create: poem() }));
    await counter.press();
    const view = await counter.at("ready");
    const id = await counter.intent();
    await wallet.goto(await view.locator("#wallet").getAttribute("href"));
    await requestIs(wallet, /Checked: signed by the shop/);
    await wallet.getByRole("button", { name: "Decline" }).click();
    await requestIs(wallet, /Declined/);
    assert.equal((await counter.hears("cancel")).args.intent, id);
    assert.equal((await node.intent(id)).state, "canceled");
    await wallet.reload();
    await requestIs(wallet, /Canceled/);
    assert.equal(await wallet.getByRole("button", { name: /^Pay/ }).count(), 0, "nobody is asked to pay what is over");
    await counter.page.close();
  });

  await scene("a payer with a code in another form: a checkout's link, hex digits, an id", async () => {
    const known = await order(node, { hundredths: 5 });
    for (const text of [`${node.url}/checkout/${known.id}?code=${known.clientSecret}`, known.payload, known.id]) {
      await give(wallet, text);
      await requestIs(wallet, /Checked: signed by the shop/);
      assert.equal(await wallet.locator("#decline").isVisible(), text !== known.id, "an id alone proves no code");
    }
    for (const [text, why] of /** @type {[string, RegExp][]} */ ([
      ["hello", /expected a link/],
      [MERCHANT, /intent_not_found/],
      [`${node.url}/checkout/${known.id}?code=uqM86tVJL9rhqS`, /does not belong to these terms/],
      ["#/x/p=e30%3D", /clientSecret/],
    ])) {
      await give(wallet, text);
      assert.match(await problem(wallet), why);
    }
    stage.expect(/404/);
  });

  await scene("a payer whose node lies: about the terms, or about what is to be signed", async () => {
    const known = await order(node, { hundredths: 5, fees: [{ destination: PARTNER, basis_points: 250 }] });
    const lie = async (/** @type {string} */ path, /** @type {(answer: any) => void} */ change, /** @type {RegExp} */ why) => {
      await wallet.route(path, async (/** @type {any} */ route) => {
        const answer = await route.fetch();
        const json = await answer.json();
        change(json);
        await route.fulfill({ response: answer, json });
      });
      await give(wallet, known.id);
      assert.match(await problem(wallet), why);
      const confirm = wallet.locator("#confirm");
      assert.equal((await confirm.isVisible()) && (await confirm.isEnabled()), false, "what was not checked cannot be signed");
      await wallet.unroute(path);
    };
    const intent = `**/v1/intents/${known.id}`;
    await lie(intent, (json) => (json.terms.amount = "0.01"), /not the terms signed/);
    await lie(intent, (json) => (json.terms.destination = PARTNER), /not the terms signed/);
    await lie(intent, (json) => (json.authorization.signature = json.authorization.signature.replace(/^./, (/** @type {string} */ c) => (c === "2" ? "3" : "2"))), /did not sign/);
    const bytes = (/** @type {(payload: Buffer) => void} */ change) => (/** @type {any} */ json) => {
      const payload = Buffer.from(json.payload, "base64");
      change(payload);
      json.payload = payload.toString("base64");
    };
    const quote = `${intent}/quote`;
    // Layout of a payment: 18 bytes of mark, node, intent and payer, currency, amount, rate, deadline, then transfers of 41 bytes.
    const [node_at, intent_at, amount_at, rate_at, deadline_at, transfers_at] = [18, 50, 117, 125, 134, 143];
    await lie(quote, bytes((p) => (p[node_at] ^= 1)), /another node/);
    await lie(quote, bytes((p) => (p[intent_at] ^= 1)), /another intent/);
    await lie(quote, bytes((p) => (p[amount_at] += 1)), /amount or currency/);
    await lie(quote, bytes((p) => (p[rate_at] += 1)), /not worth the amount/);
    await lie(quote, bytes((p) => p.writeBigUInt64LE((1n << 63n) - 1n, deadline_at)), /too long/);
    await lie(quote, bytes((p) => (p[transfers_at + 1 + 2 * 41] ^= 1)), /destination/);
    await lie(quote, bytes((p) => (p[transfers_at + 1 + 41] ^= 1)), /fees differ/);
    await lie(quote, (json) => (json.payload = json.payload.slice(0, 40)), /too early/);
    assert.equal((await node.intent(known.id)).state, "created");
  });

  await scene("a payer whose connection breaks while paying, and who pays twice", async () => {
    stage.expect(/ERR_FAILED/);
    const known = await order(node, { hundredths: 5 });
    await give(wallet, known.id);
    await requestIs(wallet, /Checked/);
    const path = `**/v1/intents/${known.id}**`;
    await wallet.route(path, async (/** @type {any} */ route) => {
      // It arrives, and neither its answer nor any other does.
      if (route.request().method() === "POST") await route.fetch();
      await route.abort();
    });
    await wallet.locator("#confirm").click();
    assert.match(await problem(wallet), /cannot be reached/);
    await requestIs(wallet, /Not paid, as far as known here/);
    await wallet.unroute(path);
    await wallet.locator("#confirm").click();
    await requestIs(wallet, /^Paid$/);
    assert.equal((await node.intent(known.id)).state, "confirmed");
    await wallet.getByRole("button", { name: "Close" }).click();
    await until("the new balance", async () => (await wallet.locator("#balance").innerText()) === "985,000 Kin");
  });

  await scene("a payer who takes a shop's words for the wallet's own", async () => {
    const known = await order(node, { hundredths: 5, metadata: { asked_by: "bank.example", together: "0 Kin" } });
    await give(wallet, known.id);
    await requestIs(wallet, /Checked: signed by the shop/);
    assert.doesNotMatch(await wallet.locator("#request-lines").innerText(), /bank\.example|^0 Kin/m);
    const words = wallet.getByRole("region", { name: "From the merchant" });
    assert.match(await words.innerText(), /asked_by\s*bank\.example\s*together\s*0 Kin/);
    await stage.accessible(wallet, "a request with a shop's words");
    await stage.shot(wallet, "wallet-request-words");
    const silent = await order(node, { hundredths: 5 });
    await give(wallet, silent.id);
    await requestIs(wallet, /Checked/);
    assert.equal(await words.isVisible(), false);
  });

  await scene("a payer whose wallet runs a shop's words", async () => {
    const evil = `<img src=x onerror=document.title='owned'>`;
    const known = await order(node, { hundredths: 5, metadata: { note: evil, order: "<script>document.title='owned'</script>" } });
    await give(wallet, known.id);
    await requestIs(wallet, /Checked: signed by the shop/);
    assert.match(await wallet.locator("#request-words").innerText(), /<img src=x/);
    assert.equal(await wallet.locator("#request").locator("img, script").count(), 0);
    const back = Buffer.from(JSON.stringify({ ...poem(), destination: MERCHANT, confirmParams: { success: { url: "javascript:document.title='owned'" } } })).toString("base64");
    await give(wallet, `#/x/p=${encodeURIComponent(back)}`);
    assert.match(await problem(wallet), /intent_not_found/);
    await give(wallet, `<b>${evil}</b>`);
    assert.match(await problem(wallet), /expected a link/);
    assert.equal(await wallet.title(), "Wallet");
  });

  await scene("a payer without the money, who is not told", async () => {
    const poor = await stage.visitor();
    const page = await poor.newPage();
    stage.expect(/status of 4\d\d/);
    await page.goto(at);
    await page.getByRole("button", { name: "Create a new key" }).click();
    await page.getByRole("button", { name: "I have written them down" }).click();
    const known = await order(node, { hundredths: 5 });
    await until("home", () => page.locator("#home").isVisible());
    await give(page, known.id);
    await until("the quote", () => page.locator("#confirm").isEnabled());
    await page.locator("#confirm").click();
    assert.match(await problem(page), /funds_insufficient/);
    await stage.shot(page, "wallet-poor");
    await poor.close();
  });
  await shop.close();
});
