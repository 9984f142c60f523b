// The pages' own modules against the official packages' figures: a page that differs in one byte shows a code that no phone pays.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const root = new URL("../../", import.meta.url);
const load = (name, folder = "lib") => import(new URL(`adapters/pages/static/${folder}/${name}`, root));
const { concat, equal, fromHex, hex, utf8, base64, fromBase64 } = await load("bytes.js");
const base58 = await load("base58.js");
const protobuf = await load("protobuf.js");
const codes = await load("scan_code.js");
const rings = await load("ring_code.js");
const keys = await load("keys.js");
const messages = await load("messages.js");
const options = await load("options.js");
const rpc = await load("rpc.js");
const { TEXTS, isolated, language, money, say } = await load("texts.js", "views");
const device = await load("device.js", "views");
const words = await load("words.js", "wallet");
const { derive } = await load("vault.js", "wallet");

const vectors = JSON.parse(readFileSync(new URL("tests/data/protocol/vectors.json", root), "utf8"));
const cases = (group) => {
  const found = vectors.cases.filter((one) => one.group === group);
  assert.ok(found.length > 0, `no vectors for ${group}`);
  return found;
};
const refused = (work, what) => assert.throws(work, (error) => error instanceof RangeError && what.test(error.message));
/** Runs `check` on each vector, and names the one that fails. Vectors that `check` has no use for it answers with `false`. */
const table = (group, check) =>
  test(`${group}: as the official packages have it`, async () => {
    let used = 0;
    for (const { id, input, output } of cases(group)) {
      try {
        if ((await check(input ?? {}, output ?? {}, id)) !== false) used += 1;
      } catch (error) {
        throw new Error(`${id}: ${error.message}`, { cause: error });
      }
    }
    assert.ok(used > 0, "no vector was used");
  });

table("keys", async (input, output) => {
  if (input.seeds !== undefined && output.address !== undefined) {
    const seeds = input.seeds.map(fromHex);
    return assert.equal(base58.encode(await derive(base58.decode(input.program, 32), seeds)), output.address);
  }
  if (input.seed !== undefined) {
    const pair = await keys.fromSeed(fromHex(input.seed));
    assert.equal(pair.id, output.base58);
    const signed = output.signature_of_utf8_message1;
    if (signed) assert.equal(hex(await pair.sign(utf8("message1"))), signed);
    return true;
  }
  if (input.base58 === undefined) return false;
  if (output.error) return refused(() => base58.decode(input.base58, 32), /base58/);
  assert.equal(hex(base58.decode(input.base58, 32)), output.public_key);
  return assert.equal(base58.encode(fromHex(output.public_key)), input.base58);
});

table("nonce", async (input, output) => {
  if (input.seed_utf8 === undefined) return false;
  const nonce = await codes.nonceOfKey(input.seed_utf8);
  assert.equal(hex(nonce), output.nonce);
  assert.equal(codes.clientSecret(nonce), output.client_secret);
  return assert.ok(equal(codes.nonceOfSecret(output.client_secret), nonce));
});

table("kikcode", (input, output) => {
  if (input.payload?.length !== 40) return false;
  const code = rings.encode(fromHex(input.payload));
  assert.equal(hex(code), output.encoded);
  if (output.drawn_bytes) assert.equal(hex(rings.drawnBytes(code)), output.drawn_bytes);
  return true;
});

test("currencies: every code carries the number that phones look up", () => {
  assert.deepEqual(codes.CURRENCIES, vectors.data.currency_index_table);
});

const site = async (message, id) => {
  const { signed, signature, rendezvous } = messages.siteProof(message);
  const read = message.kind === "requestToLogin" ? messages.readLogin : (body) => messages.readBill(body).site;
  const { verifier } = read(message.body);
  assert.equal(base58.encode(rendezvous), id);
  assert.equal(await keys.verifies(verifier, signed, signature), true);
};
const asked = async (input, output, id) => {
  if (output.payload === undefined || output.message === undefined) return false;
  const mode = id.startsWith("login") ? "login" : "payment";
  const opened = options.decode(options.encode({ mode, ...input }));
  const payload = await options.payload(opened);
  assert.equal(hex(payload), output.payload);
  const rendezvous = await keys.rendezvous(payload);
  assert.equal(rendezvous.id, output.intent_id);
  if (output.kikcode) assert.equal(hex(rings.encode(payload)), output.kikcode);
  if (mode === "login") {
    const [login] = messages.readMessage(fromHex(output.message));
    assert.equal(login.kind, "requestToLogin");
    assert.equal(messages.readLogin(login.body).domain, input.login.domain);
    return site(login, output.intent_id);
  }
  const [bill] = messages.readMessage(fromHex(output.message));
  const read = messages.readBill(bill.body);
  assert.equal(base58.encode(read.destination), input.destination);
  assert.equal(codes.hundredthsOf(read.amount), BigInt(output.units));
  assert.equal(read.fees.length, input.fees?.length ?? 0);
  assert.equal(read.site?.domain, input.login?.domain);
  // A browser has no verifier's key: with a login the merchant's server has sent the request before.
  if (input.login) return site(bill, output.intent_id);
  const message = messages.requestToReceiveBill(options.terms(opened));
  assert.equal(hex(message), output.message);
  return assert.equal(hex(await messages.sendMessage(rendezvous, message)), output.send_message_request);
};
for (const group of ["payment-intent", "payment-login-intent", "login-intent"]) table(group, asked);

table("envelope", (input, output) => {
  if (input.service && input.version === undefined) {
    const { service, method, body } = input;
    return assert.equal(hex(rpc.request({ service, method, body: fromHex(body) })), output.request);
  }
  if (output.response === undefined) return false;
  const frame = fromHex(output.response);
  if (input.result === 1) {
    return assert.throws(() => rpc.response(frame), (error) => error.message === input.message && error.code === "unauthenticated");
  }
  return assert.equal(hex(rpc.response(frame)), input.body ?? "");
});

table("signature", async (input, output, id) => {
  const at = new Date("2024-03-09T16:00:00.123Z");
  const made = { "signature/send-codeScanned": messages.codeScanned(at), "signature/send-clientRejectedLogin": messages.clientRejectedLogin(at) }[id];
  if (made === undefined) return false;
  const rendezvous = await keys.fromSeed(fromHex(input.rendezvous_seed));
  assert.equal(hex(made), output.signed_bytes);
  return assert.equal(hex(await messages.sendMessage(rendezvous, made)), output.send_message_request);
});

table("stream", (input, output, id) => {
  if (output.ws_frame === undefined) return false;
  const [message] = messages.readMessages(rpc.response(fromHex(output.ws_frame)));
  return assert.equal(message.kind, id.split("-")[1]);
});

table("elements", (input, output) => {
  if (input.currency) assert.equal(options.encode(input), output.encoded);
  return assert.deepEqual(options.decode(output.encoded), output.decoded);
});

test("codes: what is drawn says what was asked, and nothing else is taken for a code", async () => {
  const nonce = fromHex("0102030405060708091011");
  const payload = codes.paymentPayload("EUR", 1234n, nonce, true);
  assert.deepEqual(codes.readPayload(payload), { kind: 4, currency: "eur", hundredths: 1234n, nonce });
  assert.deepEqual(codes.readPayload(codes.loginPayload(nonce)), { kind: 3, nonce });
  refused(() => codes.readPayload(payload.subarray(1)), /20 bytes, got 19/);
  refused(() => codes.readPayload(concat([0], payload.subarray(1))), /kind 0/);
  refused(() => codes.readPayload(concat([2, 200], payload.subarray(2))), /number 200/);
  refused(() => codes.readPayload(concat([3, 1], payload.subarray(2))), /login/);
  refused(() => codes.paymentPayload("xxx", 1n, nonce, false), /currency/);
  refused(() => codes.paymentPayload("usd", 0n, nonce, false), /above zero/);
  refused(() => codes.paymentPayload("usd", 1n << 56n, nonce, false), /7 bytes/);
  refused(() => codes.nonceOfSecret("abc"), /clientSecret.*11 bytes/);
  for (const amount of [Number.NaN, -1, Infinity, 1e21]) refused(() => codes.hundredthsOf(amount), /amount/);
});

test("rings: every marked position lies in exactly one arc", () => {
  for (let round = 0; round < 200; round += 1) {
    const code = rings.encode(crypto.getRandomValues(new Uint8Array(20)));
    const bits = Array.from(rings.drawnBytes(code)).flatMap((byte) => Array.from({ length: 8 }, (_, bit) => (byte >> bit) & 1));
    const covered = Array(bits.length).fill(0);
    const first = (ring) => Array.from({ length: ring }, (_, index) => rings.positions(index)).reduce((a, b) => a + b, 0);
    for (const { ring, start, length } of rings.runs(code)) {
      for (let step = 0; step < length; step += 1) covered[first(ring) + ((start + step) % rings.positions(ring))] += 1;
    }
    assert.deepEqual(covered, bits);
  }
});

test("options: a page that is opened with other options says which", async () => {
  const open = (given) => options.decode(options.encode(given));
  refused(() => options.decode("%%%"), /JSON in base64/);
  refused(() => options.decode("a".repeat(20_000)), /at most/);
  refused(() => open([]), /object/);
  refused(() => open({ amount: "1" }), /amount: expected a number, got a string/);
  refused(() => open({ fees: {} }), /fees: expected a list/);
  refused(() => open({ fees: [{ destination: "x", basisPoints: 1.5 }] }), /fees\[0\]/);
  const rejects = (given, what) => assert.rejects(async () => options.payload(open(given)), what);
  await rejects({ currency: "usd", amount: 1 }, /clientSecret/);
  await rejects({ currency: "usd", amount: 1, clientSecret: "uqM86tVJL9rhqS", idempotencyKey: "a" }, /one of the two/);
  await rejects({ amount: 1, idempotencyKey: "a" }, /currency: expected one, got none/);
  await rejects({ currency: "usd", idempotencyKey: "a" }, /amount: expected one, got none/);
  refused(() => options.terms({ currency: "usd", amount: 1, destination: "abc" }), /destination: expected base58 of 32 bytes/);
  assert.deepEqual(open({ amount: 1, locale: null }), { amount: 1 });
  assert.deepEqual(open({ amount: 1, locale: "größe" }), { amount: 1, locale: "größe" });
});

test("wire: cut or mangled bytes from a server are an error, not a wrong amount", () => {
  const message = concat(protobuf.stringField(1, "kin"), protobuf.doubleField(2, 0.25), protobuf.uintField(3, (1n << 64n) - 1n));
  assert.equal(protobuf.stringOf(message, 1), "kin");
  assert.equal(protobuf.doubleOf(message, 2), 0.25);
  assert.equal(protobuf.uintOf(message, 3), (1n << 64n) - 1n);
  for (let cut = 1; cut < message.length; cut += 1) {
    const whole = cut === 5 || cut === 14;
    if (!whole) refused(() => protobuf.fields(message.subarray(0, cut)), /middle of a field/);
  }
  refused(() => protobuf.fields(fromHex("00")), /field 0/);
  refused(() => protobuf.fields(fromHex("0b")), /wire type/);
  refused(() => protobuf.fields(fromHex("08" + "ff".repeat(11))), /ten bytes/);
  refused(() => protobuf.fields(concat(fromHex("0a"), fromHex("ffffffffffffffffff01"))), /middle/);
});

test("bytes: texts are read as they are written, and nothing else is", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  assert.deepEqual(fromBase64(base64(bytes)), bytes);
  assert.deepEqual(fromHex(hex(bytes)), bytes);
  refused(() => fromHex("abc"), /hex/);
  refused(() => fromBase64("a-b_"), /base64/);
  refused(() => base58.decode("1".repeat(200)), /at most/);
  assert.equal(hex(base58.decode("11")), "0000");
});

test("signatures: a changed byte is seen", async () => {
  const pair = await keys.rendezvous(new Uint8Array(20));
  const signature = await pair.sign(utf8("pay"));
  assert.equal(await keys.verifies(pair.publicKey, utf8("pay"), signature), true);
  assert.equal(await keys.verifies(pair.publicKey, utf8("paz"), signature), false);
  assert.equal(await keys.verifies(new Uint8Array(32).fill(255), utf8("pay"), signature), false);
  assert.equal(await keys.available(), true);
  assert.equal(pair.secret.extractable, false);
});

test("texts: every language says everything, with the same blanks", () => {
  const blanks = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const [lang, texts] of Object.entries(TEXTS)) {
    assert.deepEqual(Object.keys(texts), Object.keys(TEXTS.en), lang);
    for (const [key, text] of Object.entries(texts)) {
      assert.deepEqual(blanks(text), blanks(TEXTS.en[key]), `${lang}.${key}`);
      assert.notEqual(text.trim(), "", `${lang}.${key}`);
    }
  }
  assert.equal(language("de-AT", []), "de");
  assert.equal(language("xx", ["fr", "es-MX"]), "es");
  assert.equal(language(undefined, []), "en");
  assert.equal(say("en", "to", { name: "{amount}" }), "to {amount}");
  for (const [lang, currency, amount, shown] of [
    ["en", "usd", 0.25, "$0.25"],
    ["en", "usd", 5, "$5.00"],
    ["en", "jpy", 500, "¥500"],
    ["en", "kin", 2500, "2,500 Kin"],
    ["de", "eur", 0.5, "0,50\u00a0€"],
    ["ar", "usd", 0.25, isolated("ar", "0.25\u00a0US$")],
  ]) {
    assert.equal(money(lang, currency, amount), shown, `${lang} ${currency} ${amount}`);
  }
});

test("phones: the app gets the same code, and whoever may not come back is warned", async () => {
  const address = "https://node.example/v1/elements/payment-request-modal-mobile/#/abc123/p=e30%3D";
  const given = { currency: "usd", amount: 0.25, clientSecret: "uqM86tVJL9rhqS", confirmParams: { success: { url: "https://shop.example/?a=b&c=ü" } } };
  const link = device.deepLink(given, address);
  const [place, encoded] = link.split("/p=");
  assert.equal(place, "codewallet://node.example/v1/elements/payment-request-modal-mobile/#/abc123");
  assert.deepEqual(options.decode(encoded), given);
  const warns = (agent) => device.obstacle(`Mozilla/5.0 ${agent}`);
  assert.equal(warns("(iPhone) AppleWebKit/605 Version/17.0 Mobile/15E148 Safari/604.1"), undefined);
  assert.equal(warns("(Linux; Android 14) AppleWebKit/537 Chrome/126.0 Mobile Safari/537.36"), undefined);
  assert.equal(warns("(iPhone) AppleWebKit/605 CriOS/126.0 Mobile/15E148 Safari/604.1"), "return");
  assert.equal(warns("(iPhone) AppleWebKit/605 Mobile/15E148 Instagram 300.0"), "embedded");
  assert.equal(warns("(Linux; Android 14; Pixel 7; wv) AppleWebKit/537 Chrome/126.0"), "embedded");
});

test("words: they open the account that other wallets show for them", async () => {
  const phrase = [...Array(11).fill("abandon"), "about"];
  const pair = await keys.fromSeed(await words.seedOf(phrase));
  assert.equal(pair.id, "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk");
  // Any 2048 different words do to check the arithmetic.
  const list = Array.from({ length: 2048 }, (_, index) => `w${index}`);
  for (let round = 0; round < 50; round += 1) {
    const made = await words.generate(list);
    assert.deepEqual(await words.check(made.join("  "), list), made);
    const other = [...made.slice(0, 11), made[11] === "w0" ? "w1" : "w0"];
    const whole = await words.check(other.join(" "), list).catch((error) => error);
    // One in sixteen last words belongs by chance.
    if (!(whole instanceof RangeError)) assert.deepEqual(whole, other);
  }
  await assert.rejects(words.check("w1 w2", list), /expected 12 words, got 2/);
  await assert.rejects(words.check(Array(12).fill("nope").join(" "), list), /word 1/);
});
