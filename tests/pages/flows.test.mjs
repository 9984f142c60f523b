// What the pages do when answers are late, lost or out of order: whoever is told wrong here pays twice, or believes that nothing
// was paid.

import assert from "node:assert/strict";
import test from "node:test";

const root = new URL("../../adapters/pages/static/", import.meta.url);
const load = (path) => import(new URL(path, root));
const { jittered } = await load("lib/pace.js");
const { follow, next } = await load("follow.js");
const { Stream } = await load("lib/rpc.js");
const { fromSeed } = await load("lib/keys.js");
const { hundredthsOf } = await load("lib/scan_code.js");
const { Flow } = await load("views/flow.js");
const { money } = await load("views/texts.js");
const { outcomeOf } = await load("shop/order.js");
const pay = await load("wallet/pay.js");
const payments = await load("wallet/payment.js");

const ID = "E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR";
const OTHER = "67Au2pGKHnnTNiVX79U5kH57K7kDBTJZCR8M47KQM6D8";
const rested = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));

/** A node that answers as it is told: each answer is a document, a status with one, or nothing for a lost connection. */
function node(t, answer) {
  const asked = [];
  t.mock.method(globalThis, "fetch", async (path, { method = "GET", signal } = {}) => {
    asked.push(`${method} ${path}`);
    const { status = 200, json, date } = (await answer({ method, path, count: asked.length, signal })) ?? {};
    if (json === undefined) throw new TypeError("no answer");
    return new Response(JSON.stringify(json), { status, headers: date === undefined ? {} : { date } });
  });
  return asked;
}
const refusal = (status, code) => ({ status, json: { error: { code, message: code } } });

test("prices: what is shown is what the code asks for", () => {
  for (const [amount, shown] of [[0.145, "$0.14"], [1.005, "$1.00"], [2.675, "$2.67"], [0.285, "$0.28"], [1.255, "$1.25"], [0.125, "$0.13"], [5, "$5.00"]]) {
    assert.equal(money("en", "usd", amount), shown);
    assert.equal(money("en", "USD", amount), shown);
    assert.equal(`$${(Number(hundredthsOf(amount)) / 100).toFixed(2)}`, shown);
  }
  assert.equal(money("en", "KIN", 2500.004), "2,500 Kin");
  for (const amount of [Number.NaN, Infinity, -1]) assert.throws(() => money("en", "usd", amount), /amount/);
});

test("pauses: those who lost the same node do not come back in the same moment", () => {
  assert.deepEqual([jittered(1000, 0), jittered(1000, 0.5), jittered(1000, 1)], [750, 1000, 1250]);
  assert.ok(new Set(Array.from({ length: 20 }, () => jittered(1000))).size > 10);
});

test("following: a busy node is not asked without a pause, nor one about what is long over", () => {
  const after = (last) => next({ failures: 0, waited: 25_000, took: 25_000, moved: false, state: "created", still: 0, ...last });
  const check = (last, pause, wait) => assert.deepEqual(after(last), { pause, wait }, JSON.stringify(last));
  check({}, 0, 25_000);
  check({ took: 5 }, 4_000, 25_000);
  check({ took: 5, moved: true }, 0, 25_000);
  // Who did not ask to wait is answered at once, and that says nothing.
  check({ took: 5, waited: 0 }, 0, 25_000);
  for (const [failures, pause] of [[1, 500], [2, 1_000], [5, 10_000], [99, 10_000]]) check({ failures }, pause, 0);
  for (const state of ["confirmed", "canceled", "expired", "rejected", "failed"]) {
    check({ state, still: 59_000 }, 0, 25_000);
    check({ state, still: 61_000 }, 240_000, 0);
  }
  check({ state: "scheduled", still: 61_000 }, 0, 25_000);
});

test("following: it stops while nobody looks, and asks at once when somebody does again", async (t) => {
  globalThis.document = Object.assign(new EventTarget(), { hidden: false });
  const look = (hidden) => {
    document.hidden = hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  };
  let isWaiting = false;
  const asked = node(t, ({ signal, count }) => {
    if (count === 1) return { json: { revision: 3, state: "created" } };
    isWaiting = true;
    return new Promise((_, fail) => signal.addEventListener("abort", () => fail(signal.reason)));
  });
  let [refreshed, isOnline] = [0, true];
  void follow({ intent: "x", revision: 2, refresh: async () => ((refreshed += 1), 3), online: (is) => (isOnline = is) });
  while (!isWaiting) await rested(5);
  look(true);
  await rested(50);
  assert.deepEqual(asked, ["GET /v1/intents/x?after=2&wait_ms=25000", "GET /v1/intents/x?after=3&wait_ms=25000"]);
  assert.deepEqual([refreshed, isOnline], [1, true], "nobody is told of a connection that was given up on purpose");
  look(false);
  await rested(20);
  assert.deepEqual(asked.slice(2), ["GET /v1/intents/x?after=3&wait_ms=0"]);
  look(true);
});

test("following: where the node lets nobody wait, it is not asked again and again", async (t) => {
  globalThis.document = Object.assign(new EventTarget(), { hidden: false });
  const asked = node(t, () => ({ json: { revision: 2, state: "created" } }));
  void follow({ intent: "x", revision: 2, refresh: async () => 2, online: () => {} });
  await rested(1_000);
  assert.equal(asked.length, 1);
  document.hidden = true;
});

test("a stream that was lost before it was asked ends, instead of hearing nothing for ever", async () => {
  const sockets = [];
  globalThis.WebSocket = class {
    static OPEN = 1;
    readyState = 1;
    constructor() {
      sockets.push(this);
    }
    send() {}
    close() {}
  };
  const stream = new Stream("ws://node.example/");
  sockets[0].onopen();
  await stream.opened;
  sockets[0].readyState = 3;
  sockets[0].onclose();
  const what = { service: "Messaging", method: "openMessageStream", body: new Uint8Array() };
  assert.equal(await Promise.race([stream.run(what, () => {}), rested(500).then(() => "deaf")]), undefined);
});

const flowOf = async () => {
  const told = [];
  const flow = new Flow({}, "ws://node.example/", { state: (state) => told.push(state), message: () => {}, intent: () => {} });
  flow.key = await fromSeed(new Uint8Array(32).fill(1));
  return { flow, told };
};

test("a payment that was accepted and then failed is not shown as paid", async (t) => {
  const check = async (answer, expected) => {
    const { flow, told } = await flowOf();
    t.mock.restoreAll();
    node(t, answer);
    flow.hear("intentSubmitted");
    for (let rounds = 0; told.length === 0 && rounds < 600; rounds += 1) await rested(10);
    assert.deepEqual(told, [expected]);
    assert.equal(flow.ended, true);
  };
  await check(() => ({ json: { state: "failed" } }), "failed");
  await check(() => ({ json: { state: "rejected" } }), "failed");
  await check(() => ({ json: { state: "scheduled" } }), "done");
  await check(() => ({ json: { state: "confirmed" } }), "done");
  // One question that is lost decides nothing.
  await check(({ count }) => (count === 1 ? refusal(503, "") : { json: { state: "failed" } }), "failed");
  // The node's own word stands where nobody can say more.
  await check(() => undefined, "done");
});

test("a clock that is ahead does not ask the node every second", async (t) => {
  const { flow } = await flowOf();
  const pauses = [];
  flow.after = (milliseconds) => pauses.push(milliseconds);
  const deadline = Date.now() - 3_600_000;
  for (let look = 0; look < 8; look += 1) {
    flow.deadline = undefined;
    flow.expire(deadline, Number.NaN);
  }
  assert.ok(pauses.every((pause, at) => pause >= 750 * Math.min(2 ** at, 60)), String(pauses));
  // By the node's clock there is an hour left, so that the look of every minute will do.
  const { flow: slow, told } = await flowOf();
  slow.after = () => assert.fail("it looks at a deadline that is far away");
  node(t, () => ({ json: { state: "created", expires_at: new Date(deadline).toISOString() }, date: new Date(deadline - 3_600_000).toUTCString() }));
  assert.equal(await slow.look(), true);
  assert.deepEqual(told, []);
});

test("orders: only what has ended unpaid is ordered again", () => {
  for (const [state, outcome] of [["created", "open"], ["submitted", "open"], ["scheduled", "paid"], ["confirmed", "paid"], ["canceled", "over"], ["expired", "over"], ["rejected", "over"], ["failed", "over"]]) {
    assert.equal(outcomeOf(state), outcome, state);
  }
});

const payment = (payer) => ({
  node: OTHER, intent: ID, payer, currency: "kin", hundredths: 100n, mantissa: 1n, scale: 0,
  validUntil: BigInt(Date.now()) * 1000n + 60_000_000n, transfers: [{ purpose: "destination", destination: OTHER, quarks: 100_000n }],
});

test("paying: nobody is told that nothing was paid when the payment was accepted", async (t) => {
  const key = await fromSeed(new Uint8Array(32).fill(2));
  const check = async (post, get, expected) => {
    t.mock.restoreAll();
    node(t, ({ method }) => (method === "POST" ? post : get));
    const came = await pay.submit(payment(key.id), key).then(() => "accepted", (error) => (error instanceof pay.Unanswered ? "unanswered" : error.code));
    assert.equal(came, expected, JSON.stringify([post, get]));
  };
  const [mine, theirs, open] = [key.id, OTHER, undefined].map((payer) => ({ json: { payment: payer && { payer } } }));
  await check({ json: {} }, undefined, "accepted");
  await check(refusal(409, "funds_insufficient"), mine, "funds_insufficient");
  await check(refusal(409, "intent_already_submitted"), mine, "accepted");
  await check(refusal(409, "intent_already_submitted"), theirs, "intent_already_submitted");
  await check(refusal(409, "intent_already_submitted"), undefined, "intent_already_submitted");
  for (const lost of [undefined, refusal(503, "node_unavailable"), { status: 502, json: {} }, { status: 404, json: {} }]) {
    await check(lost, mine, "accepted");
    await check(lost, open, "unanswered");
    await check(lost, theirs, "unanswered");
    await check(lost, undefined, "unanswered");
  }
});

test("paying: the end of an accepted payment is waited for, whatever the node answers meanwhile", async (t) => {
  const answers = [refusal(429, "rate_limited"), undefined, { json: { state: "scheduled", revision: 3 } }, refusal(503, ""), { json: { state: "confirmed", revision: 4 } }];
  const asked = node(t, ({ count }) => answers[count - 1]);
  assert.equal((await pay.end(ID)).state, "confirmed");
  assert.equal(asked.length, 5);
  assert.match(asked[3], /after=3&wait_ms=/);
});

test("paying: a payer whose clock is wrong is told that it is the clock", () => {
  const given = payment(ID);
  const expected = { node: OTHER, intent: ID, payer: ID, terms: { destination: OTHER, currency: "kin", hundredths: 100n, fees: [] }, now: Date.now() };
  payments.check(given, expected);
  assert.throws(() => payments.check(given, { ...expected, now: Date.now() - 3_600_000 }), /valid for too long, until 20.*this device's clock says 20.*set it right/);
  assert.throws(() => payments.check({ ...given, validUntil: (1n << 63n) - 1n }, expected), /too long/);
});
