// The current JavaScript SDK, @code-wallet/client 2.0.8: the endpoint is an option of every call.
'use strict';
const { loginIntents, paymentIntents, webhook } = require('@code-wallet/client');
const { Keypair } = require('@code-wallet/keys');
const { serve } = require('./lines.cjs');

const endpoint = process.argv[2] + '/v1';

// A site's key, from the seed that a test gives in hex.
const key = (seed) => Keypair.fromSeed(Uint8Array.from(Buffer.from(seed, 'hex')));
const signed = ({ domain, seed, ...options }) => {
  const verifier = key(seed);
  return { ...options, endpoint, login: { domain, verifier: verifier.getPublicKey().toBase58() }, signers: [verifier] };
};

serve({
  create: (options) => paymentIntents.create({ ...options, endpoint }),
  createLogin: (options) => loginIntents.create(signed(options)),
  createWithLogin: (options) => paymentIntents.create(signed(options)),
  getUserId: ({ intent, seed }) => loginIntents.getUserId({ intent, verifier: key(seed), endpoint }),
  registerWebhook: (options) => webhook.register({ ...options, endpoint }),
  getStatus: (options) => paymentIntents.getStatus({ ...options, endpoint }),
});
