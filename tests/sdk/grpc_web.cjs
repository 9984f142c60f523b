// A page that speaks gRPC-Web, with the schema of @code-wallet/rpc 1.3.2 and the client library that it depends on.
'use strict';
const { createPromiseClient, connectErrorFromReason, Code } = require('@bufbuild/connect');
const { createGrpcWebTransport } = require('@bufbuild/connect-web');
const { PaymentRequestIntent } = require('@code-wallet/intents');
const { PublicKey } = require('@code-wallet/keys');
const rpc = require('@code-wallet/rpc');
const { say, serve } = require('./lines.cjs');

const transport = createGrpcWebTransport({ baseUrl: process.argv[2], useBinaryFormat: true });
const messaging = createPromiseClient(rpc.Messaging, transport);
const payments = createPromiseClient(rpc.MicroPayment, transport);
const plain = (message) => JSON.parse(message.toJsonString({ emitDefaultValues: true }));
const told = (reason) => {
  const error = connectErrorFromReason(reason);
  return `${Code[error.code]}: ${error.rawMessage}`;
};
const key = (intent) => ({ value: PublicKey.fromBase58(intent).toBuffer() });

async function relay(intent, options) {
  try {
    for await (const response of messaging.openMessageStream({ rendezvousKey: key(intent) }, options)) {
      for (const message of response.messages) {
        say({ event: message.kind.case });
      }
    }
    say({ event: 'end' });
  } catch (error) {
    say({ event: 'end', text: told(error) });
  }
}

const call = (make) => async (options) => {
  try {
    return await make(options);
  } catch (error) {
    throw told(error);
  }
};

serve({
  getStatus: call(async ({ intent }) => plain(await payments.getStatus({ intentId: key(intent) }))),
  sendMessage: call(async (options) => {
    const request = new PaymentRequestIntent(options);
    const { result } = await messaging.sendMessage(await request.getSendMessageRequestProto());
    return { id: request.getIntentId(), clientSecret: request.getClientSecret(), result };
  }),
  async openMessageStream({ intent, timeoutMs }) {
    relay(intent, { timeoutMs });
  },
});
