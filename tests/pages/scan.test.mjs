// What the wallet's camera reads, on pictures as bad as cameras take them: a code that is not read is a payment that is not made,
// and one that is misread goes to somebody else.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import test from "node:test";

import { dice, photo, picture, print, qrInk, ringInk } from "./lib/camera.mjs";

const load = (name) => import(new URL(`../../adapters/pages/static/${name}`, import.meta.url));
const { LOOKS, read } = await load("scan/read.js");
const { decode } = await load("scan/qr/code.js");
const { text } = await load("scan/qr/segments.js");
const { correct } = await load("scan/reed_solomon.js");
const rings = await load("lib/ring_code.js");
// A maker of QR codes that shares nothing with their reader.
const maker = createRequire(join(process.env.QUITTANCE_MODULES ?? ".", "node_modules", "x.js"))("qrcode-generator");
maker.stringToBytes = maker.stringToBytesFuncs["UTF-8"];

const LINK = "http://127.0.0.1:8080/checkout/3XsYgDy2tKkdhsNK7ZVJTdxvFpp7aDhVSYZB92mVaKHP?code=5EBYk1KVchHMGAm";
const LEVELS = ["L", "M", "Q", "H"];

const qr = (content, { version = 0, level = "M", mode = "Byte" } = {}) => {
  const code = maker(version, level);
  code.addData(content, mode);
  code.make();
  return code;
};
const versionOf = (code) => (code.getModuleCount() - 17) / 4;
const modules = (code) => decode(versionOf(code), (x, y) => code.isDark(y, x));
/** The mask that a code was made with: the third to fifth bit of its format. */
const maskOf = (code) => [2, 3, 4].reduce((bits, x) => (bits << 1) | (code.isDark(8, x) ? 1 : 0), 0) ^ 0b101;

/** What is found in any of the ways a camera's pictures are looked at, one after the other. */
const look = (seen) => {
  for (let way = 0; way < LOOKS; way += 1) {
    const found = read(seen, way);
    if (found !== undefined) return found;
  }
  return undefined;
};
const found = (seen) => {
  const { text, payload } = look(seen) ?? {};
  return text ?? (payload && Buffer.from(payload).toString("hex"));
};
const payloadOf = (seed) => {
  const random = dice(seed);
  return Uint8Array.from({ length: 20 }, (_, i) => (i === 0 ? 2 : Math.floor(256 * random())));
};
const drawn = (code, page) => print(ringInk(rings.path(code), rings.DISC_RADIUS, rings.MARK_WIDTH, page));
/** A few codes that many pictures are taken of, on light pages and on dark ones. */
const CODES = [0, 1, 2, 3].map((seed) => {
  const payload = payloadOf(100 + seed);
  return { hex: Buffer.from(payload).toString("hex"), ink: drawn(rings.encode(payload), { isDark: seed % 2 === 1 }) };
});

/** One table of pictures: each row says how it was taken, and what is read. */
const table = (name, rows) =>
  test(name, () => {
    assert.ok(rows.length > 0);
    const wrong = rows.flatMap(([how, seen, wanted]) => {
      const got = found(seen());
      return got === wanted ? [] : [`${how}: expected ${wanted}, got ${got}`];
    });
    assert.deepEqual(wrong, []);
  });

test("QR codes of every size and level are read module by module, and so are all masks", () => {
  const masks = new Set();
  for (let version = 1; version <= 40; version += 1) {
    // Making a large code takes its maker a while: of those one level each.
    for (const level of version <= 10 ? LEVELS : [LEVELS[version % 4]]) {
      const content = `q${version}${level}`;
      const code = qr(content, { version, level });
      assert.equal(modules(code), content);
      masks.add(maskOf(code));
    }
  }
  for (let i = 0; masks.size < 8 && i < 200; i += 1) {
    const code = qr(`mask ${i}`);
    assert.equal(modules(code), `mask ${i}`);
    masks.add(maskOf(code));
  }
  assert.equal(masks.size, 8);
});

test("QR codes say what was written, in any kind of segment", () => {
  for (const [content, mode] of [
    ["0", "Numeric"],
    ["0012", "Numeric"],
    ["90071992547409910000", "Numeric"],
    ["HTTPS://SHOP.EXAMPLE/PAY:7 $%*+-./", "Alphanumeric"],
    ["Ä", "Byte"],
    ["Größe – ☕ für 0,25 €", "Byte"],
    [LINK, "Byte"],
  ]) {
    assert.equal(modules(qr(content, { mode })), content, mode);
  }
  // Segments as bits: a character set, what is between them, several in one code.
  const bytes = (bits) => Uint8Array.from(bits.replaceAll(" ", "").padEnd(160, "0").match(/.{8}/g), (byte) => Number.parseInt(byte, 2));
  const said = (bits) => text(bytes(bits), 1);
  assert.equal(said("0111 00011010 0100 00000010 11000011 10101001"), "é");
  assert.equal(said("0111 00000011 0100 00000001 11101001"), "é");
  assert.equal(said("0100 00000001 11101001"), "é", "bytes that are no UTF-8");
  assert.equal(said("0001 0000000001 0111 0010 000000001 001010"), "7A");
  assert.equal(said("0101 0100 00000001 01000001"), "A", "as tills mark it");
  assert.equal(said("1000 00000001 0110110011111"), "点", "in Shift JIS");
  for (const [bits, why] of [
    ["0111 10000011 10000000 0100 00000001 01000001", /character set 896/],
    ["0011 0000 0001 00000000", /one part of several/],
    ["0110", /kind of segment, got 6/],
    ["0100 11111111", /middle of a segment/],
    ["0001 0000000001 1111", /1 digits, got 15/],
    ["0010 000000001 111111", /letters/],
  ]) {
    assert.throws(() => said(bits), (error) => error instanceof RangeError && why.test(error.message), bits);
  }
});

test("words with as many wrong bytes as can be put right are, and one more is noticed", () => {
  const random = dice(5);
  const byte = () => Math.floor(256 * random());
  for (let round = 0; round < 200; round += 1) {
    const payload = payloadOf(round);
    const code = rings.encode(payload);
    const word = Uint8Array.from([...code.subarray(13), ...code.subarray(0, 13)]);
    for (let wrong = 0; wrong <= 7; wrong += 1) {
      const misread = Uint8Array.from(word);
      const places = new Set();
      while (places.size < wrong) places.add(Math.floor(random() * word.length));
      for (const place of places) misread[place] ^= 1 + (byte() % 255);
      const before = Uint8Array.from(misread);
      const corrected = correct(misread, 12);
      if (wrong <= 6) {
        assert.equal(corrected, wrong);
        assert.deepEqual(misread, word);
      } else if (corrected === undefined) {
        assert.deepEqual(misread, before, "what cannot be put right is left alone");
      } else {
        assert.equal(rings.payloadOf(misread), undefined, "the rest of the parity notices");
      }
    }
  }
});

test("a QR code with a stain is read or not, but never as another", () => {
  const [version, level] = [8, "H"];
  const code = qr(LINK.slice(0, 70), { version, level });
  const side = code.getModuleCount();
  const random = dice(11);
  let readable = 0;
  for (let round = 0; round < 60; round += 1) {
    const radius = 1 + (round % 20);
    const [cx, cy] = [random() * side, random() * side];
    const stained = (x, y) => (Math.hypot(x - cx, y - cy) < radius ? random() < 0.5 : code.isDark(y, x));
    const cells = Array.from({ length: side * side }, (_, i) => stained(i % side, Math.floor(i / side)));
    const got = decode(version, (x, y) => cells[y * side + x]);
    assert.ok(got === undefined || got === LINK.slice(0, 70), `radius ${radius}: ${got}`);
    if (radius <= 5) assert.notEqual(got, undefined, `radius ${radius} at ${cx},${cy}`);
    if (got !== undefined) readable += 1;
  }
  assert.ok(readable >= 20 && readable < 60, `${readable} of 60`);
});

const SHOTS = [
  ["straight", {}],
  ["turned by 20", { turn: 20 }],
  ["turned by 45", { turn: 45 }],
  ["turned by 130, small", { turn: 130, size: 240 }],
  ["upside down, large", { turn: 180, size: 440 }],
  ["from the side", { tilt: [0.3, 0.1] }],
  ["from a corner, turned", { tilt: [-0.3, -0.25], turn: 30 }],
  ["out of focus", { blur: 1 }],
  ["with noise", { noise: 30 }],
  ["in a slanting light", { slope: 0.75 }],
  ["faint", { ink: 110, paper: 160, noise: 4 }],
  ["light on dark", { ink: 235, paper: 20 }],
  ["on a bad day", { turn: 40, tilt: [0.2, 0.15], noise: 18, blur: 1, slope: 0.5, size: 320 }],
];

table(
  "QR codes are read however a phone is held",
  [["HELLO", 1, "H"], ["https://shop.example/pay", 3, "M"], [LINK, 7, "M"], [LINK, 10, "H"]].flatMap(([content, version, level]) =>
    SHOTS.map(([how, shot], i) => [`version ${version}, ${how}`, () => photo(qrInk(qr(content, { version, level })), { ...shot, seed: i + 1 }), content]),
  ),
);
table(
  "large QR codes are read straight, turned and from the side",
  [13, 16, 20, 25].flatMap((version) =>
    [{}, { turn: 25, size: 440 }, { tilt: [0.15, 0.1] }].map((shot) => [
      `version ${version}, ${JSON.stringify(shot)}`,
      () => photo(qrInk(qr(LINK, { version, level: "L" })), { width: 800, height: 600, size: 560, ...shot }),
      LINK,
    ]),
  ),
);
table(
  "ring codes are read however a phone is held, off light and dark pages",
  SHOTS.flatMap(([how, shot], i) =>
    [0, 1].map((dark) => {
      const { ink, hex } = CODES[(2 * i + dark) % CODES.length];
      return [`${how}, ${dark ? "dark" : "light"} page`, () => photo(ink, { ...shot, seed: i + 1 }), hex];
    }),
  ),
);
table(
  "ring codes are read whichever way up they are, near and far",
  Array.from({ length: 24 }, (_, i) => {
    const { ink, hex } = CODES[i % CODES.length];
    return [`turned by ${16 * i}, ${200 + 10 * i} pixels`, () => photo(ink, { turn: 16 * i, size: 200 + 10 * i }), hex];
  }),
);
table(
  "ring codes with a fault in six bytes are read, and with more they are not taken for another",
  [0, 1, 3, 6, 7, 9, 14].map((wrong) => {
    const payload = payloadOf(wrong);
    const code = rings.encode(payload);
    for (let i = 0; i < wrong; i += 1) code[(5 * i + 2) % code.length] ^= 0x11 + i;
    return [`${wrong} wrong`, () => photo(ringInk(rings.path(code), rings.DISC_RADIUS, rings.MARK_WIDTH), { width: 360, height: 360 }), wrong > 6 ? undefined : Buffer.from(payload).toString("hex")];
  }),
);

const random = dice(3);
const cells = Array.from({ length: 160 * 120 }, () => random() < 0.5);
const squares = (x, y) => {
  const reach = Math.max(Math.abs((Math.floor(x / 5) % 9) - 4), Math.abs((Math.floor(y / 5) % 9) - 4));
  return reach === 3 || reach <= 1 ? 10 : 240;
};
const target = (x, y) => {
  const radius = Math.hypot(x, y);
  return radius < 0.16 || (radius < 0.5 && Math.floor(radius * 40) % 2 === 0) ? 0 : 1;
};
const blind = (ink, isHidden) => (x, y) => (isHidden(x, y) ? 1 : ink(x, y));
table("pictures without a code have none", [
  ["nothing", () => picture(640, 480, () => 128), undefined],
  ["a dark room", () => picture(640, 480, () => 3 * random()), undefined],
  ["noise", () => picture(640, 480, () => 255 * random()), undefined],
  ["one pixel", () => picture(1, 1, () => 0), undefined],
  ["a narrow strip", () => picture(640, 3, (x) => (x % 9) * 25), undefined],
  ["squares at random", () => picture(640, 480, (x, y) => (cells[(y >> 2) * 160 + (x >> 2)] ? 20 : 235)), undefined],
  ["nothing but finders", () => picture(640, 480, squares), undefined],
  ["light discs", () => picture(640, 480, (x, y) => (Math.hypot((x % 80) - 40, (y % 80) - 40) < 25 ? 240 : 10)), undefined],
  ["a target", () => photo(target), undefined],
  ["a ring code without marks", () => photo((x, y) => (Math.hypot(x, y) < 0.145 || Math.hypot(x, y) > 0.45 ? 0 : 1)), undefined],
  ["half of a ring code", () => photo(blind(drawn(rings.encode(payloadOf(1))), (x) => x > 0.02)), undefined],
  ["two finders of a QR code", () => photo(blind(qrInk(qr(LINK)), (x, y) => x < 0 && y < 0)), undefined],
  ["half of a QR code", () => photo(blind(qrInk(qr(LINK)), (x, y) => x > -0.15 && y > -0.15)), undefined],
]);
