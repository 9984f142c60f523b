// A small shop on Express, as a merchant would write it with the official SDK: orders with a page that says whether they are
// paid, a webhook, and a login. The node's address comes later than the shop's, since the node has to know where the shop is.
'use strict';
const express = require('express');
const jose = require('jose');
const { loginIntents, paymentIntents } = require('@code-wallet/client');
const { Keypair } = require('@code-wallet/keys');
const { serve } = require('./lines.cjs');

const domain = 'example.com';
const key = Keypair.fromSeed(new Uint8Array(32).fill(0x31));
const orders = new Map();
let node, nodeKeys;

const shop = express();
shop.use(express.json());

shop.post('/orders', async (request, response) => {
  const { destination, amount, currency, number } = request.body;
  const webhook = { url: `${origin()}/webhook` };
  const { id, clientSecret } = await paymentIntents.create({
    destination, amount, currency, webhook, idempotencyKey: `order ${number}`, endpoint: `${node}/v1`,
  });
  // An order that is asked for again is the same order.
  if (!orders.has(id)) orders.set(id, { number, amount, currency, told: null, times: 0 });
  response.json({ id, clientSecret });
});

// What the customer comes back to: the webhook may be late, so the node is asked.
shop.get('/orders/:id', async (request, response) => {
  const order = orders.get(request.params.id);
  if (!order) return response.status(404).send('no such order');
  const { status } = await paymentIntents.getStatus({ intent: request.params.id, endpoint: `${node}/v1` });
  const paid = status === 'confirmed' ? 'paid' : 'waiting for payment';
  const told = order.told ? `told of ${order.told.amount} ${order.told.currency}, ${order.times} time(s)` : 'not told';
  response.send(`<!doctype html><title>Order ${Number(order.number)}</title><p>${paid}, ${told}`);
});

shop.post('/webhook', express.text({ type: 'application/jwt' }), async (request, response) => {
  let claims;
  try {
    claims = (await jose.jwtVerify(request.body, nodeKeys)).payload;
  } catch {
    return response.status(400).send('not signed by the node');
  }
  const order = orders.get(claims.intent);
  if (!order) return response.status(404).send('no such order');
  order.told = claims;
  order.times += 1;
  response.send('thank you');
});

shop.post('/logins', async (request, response) => {
  const login = { verifier: key.getPublicKey().toBase58(), domain };
  const { number } = request.body;
  response.json(await loginIntents.create({
    login, signers: [key], idempotencyKey: `login ${number}`, endpoint: `${node}/v1`,
  }));
});

shop.get('/logins/:id', async (request, response) => {
  const { userId } = await loginIntents.getUserId({ intent: request.params.id, verifier: key, endpoint: `${node}/v1` });
  response.json({ user: userId ?? null });
});

shop.get('/.well-known/code-payments.json', (_, response) => {
  response.json({ public_keys: [key.getPublicKey().toBase58()] });
});

const server = shop.listen(0, '127.0.0.1');
const origin = () => `http://127.0.0.1:${server.address().port}`;

serve({
  where: async () => {
    if (!server.listening) await new Promise((ready) => server.once('listening', ready));
    return origin();
  },
  open: ({ url }) => {
    node = url;
    nodeKeys = jose.createRemoteJWKSet(new URL(`${url}/.well-known/quittance-keys.json`));
  },
});
