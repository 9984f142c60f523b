// An intent's story: every record of the log is an arrow, drawn while it happens, and can be walked through without a mouse.

import assert from "node:assert/strict";

import { order } from "./lib/merchant.mjs";
import { stage } from "./lib/stage.mjs";

await stage(async (stage) => {
  const { node } = stage;
  const payer = await node.payer();
  const poor = await node.payer("poor", 1);
  const link = (/** @type {any} */ known) => `${node.url}/intents/${known.id}/story`;
  const known = await order(node, { hundredths: 125 });
  const visitor = await stage.visitor();
  const page = await visitor.newPage();

  // Lost if this fails: whoever wants to see a payment happen, and sees only what was there before.
  await page.goto(link(known));
  await page.waitForSelector("#drawn:not([hidden])");
  assert.equal(await page.locator("g[data-at]").count(), 1);
  await assert.rejects(node.pay(known, poor), /funds_insufficient/);
  await page.waitForSelector("g.bad");
  await node.pay(known, payer);
  await page.waitForFunction(() => document.querySelector("#state")?.textContent === "confirmed");
  const steps = (await (await fetch(`${node.url}/v1/intents/${known.id}/why`)).json()).flatMap((/** @type {any} */ step) => step.records);
  await page.waitForFunction((count) => document.querySelectorAll("g[data-at]").length === count, steps.length);
  const places = await page.locator("g[data-at] .place").allTextContents();
  assert.deepEqual(places, steps.map((/** @type {any} */ record) => `#${record.position}`), "every record, in the order of the log");
  assert.equal(await page.locator("g.now").getAttribute("data-at"), String(steps.length - 1), "who looks at the end stays there");
  assert.match(await page.textContent("#told"), /every transaction is final.*confirmed/);
  await stage.accessible(page, "a story");

  // Lost if this fails: readers who use no mouse.
  await page.locator("#until").focus();
  await page.keyboard.press("Home");
  assert.match(await page.textContent("#told"), /the merchant asks for a payment \(1\.25 USD\)\. The payment is created\./);
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.locator("g.now").getAttribute("data-at"), "1");
  assert.equal(await page.locator("g.to-come").count(), steps.length - 2);
  await page.keyboard.press("End");
  await page.getByRole("button", { name: "One record back" }).click();
  assert.equal(await page.locator("g.now").getAttribute("data-at"), String(steps.length - 2));
  await page.keyboard.press("Tab");
  await page.locator("g[data-at='0']").click();
  await page.getByRole("button", { name: "Play" }).click();
  await page.waitForFunction((last) => document.querySelector("g.now")?.getAttribute("data-at") === last, String(steps.length - 1), { timeout: 30_000 });
  assert.equal(await page.textContent("#play"), "Play");
  await visitor.close();

  // Lost if this fails: readers whose browsers run no scripts.
  const plain = await stage.visitor({ js: false });
  const table = await plain.newPage();
  await table.goto(link(known));
  assert.equal(await table.locator("tbody tr").count(), steps.length);
  assert.equal(await table.locator("#drawn").isVisible(), false);
  await table.goto(`${node.url}/intents/${known.id.slice(1)}/story`).then((answer) => assert.equal(answer.status(), 404));
  stage.expect(/404/);
  await plain.close();

  for (const [look, name] of /** @type {[any, string][]} */ ([
    [{}, "light-desktop"],
    [{ dark: true }, "dark-desktop"],
    [{ phone: true }, "light-phone"],
    [{ phone: true, dark: true }, "dark-phone"],
    [{ forcedColors: "active" }, "forced-colors"],
  ])) {
    const visitor = await stage.visitor(look);
    const page = await visitor.newPage();
    await page.goto(link(known));
    await page.waitForSelector("#drawn:not([hidden])");
    await page.locator("g.bad").click();
    await stage.accessible(page, name);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wide, 0, `${name}: has to be scrolled sideways`);
    await stage.shot(page, `story-${name}`);
    await visitor.close();
  }
});
