// What a merchant's server does with a webhook: the keys that the node publishes, and jose 5.
'use strict';
const jose = require('jose');
const { serve } = require('./lines.cjs');

const AsyncFunction = (async () => {}).constructor;

serve({
  // Code that has `jose` and the `body` of a webhook, and leaves a `payload`.
  run: ({ code, body }) => new AsyncFunction('jose', 'body', `${code}\nreturn payload;`)(jose, body),
  verify: async ({ token, keys }) => {
    const { payload, protectedHeader } = await jose.jwtVerify(token, jose.createLocalJWKSet(keys));
    return { payload, header: protectedHeader };
  },
});
