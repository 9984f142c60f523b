// What a merchant's server does with a webhook: the keys that the node publishes, and jose 5.
'use strict';
const jose = require('jose');
const { serve } = require('./lines.cjs');

serve({
  verify: async ({ token, keys }) => {
    const { payload, protectedHeader } = await jose.jwtVerify(token, jose.createLocalJWKSet(keys));
    return { payload, header: protectedHeader };
  },
});
