// The current JavaScript SDK, @code-wallet/client 2.0.8: the endpoint is an option of every call.
'use strict';
const { paymentIntents, webhook } = require('@code-wallet/client');
const { serve } = require('./lines.cjs');

const endpoint = process.argv[2] + '/v1';

serve({
  create: (options) => paymentIntents.create({ ...options, endpoint }),
  registerWebhook: (options) => webhook.register({ ...options, endpoint }),
  getStatus: (options) => paymentIntents.getStatus({ ...options, endpoint }),
});
