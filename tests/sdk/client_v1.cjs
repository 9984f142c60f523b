// The old JavaScript SDK, @code-wallet/client 1.0.3: its endpoint is a constant, so what it fetches goes elsewhere. It keeps
// the fetch it finds when it is loaded.
'use strict';
const server = process.argv[2];
const fetch = globalThis.fetch;
globalThis.fetch = (url, options) => fetch(url.replace('https://api.getcode.com', server), options);

const { paymentIntents } = require('code-wallet-client-v1');
const { serve } = require('./lines.cjs');

serve({
  create: (options) => paymentIntents.create(options),
  getStatus: (options) => paymentIntents.getStatus(options),
});
