// What the page behind a payment button does, with RpcStream of @code-wallet/rpc 1.3.2: its stream socket is open and silent
// first, then come getStatus and sendMessage on sockets of their own, then the stream starts.
'use strict';
const { PaymentRequestIntent } = require('@code-wallet/intents');
const { PublicKey } = require('@code-wallet/keys');
const rpc = require('@code-wallet/rpc');
const { say, serve } = require('./lines.cjs');

const url = process.argv[2].replace('http', 'ws');
const plain = (message) => JSON.parse(message.toJsonString({ emitDefaultValues: true }));
let stream;

async function relay() {
  for await (const [response, error] of stream.read()) {
    if (error) {
      say({ event: 'error', text: String(error) });
    } else {
      for (const message of response.messages) {
        say({ event: message.kind.case });
      }
    }
  }
}

serve({
  async connect() {
    const onClose = () => say({ event: 'closed' });
    stream = await rpc.RpcStream.create(rpc.Messaging, 'openMessageStream', url, { onClose });
  },
  async getStatus({ intent }) {
    const call = await rpc.RpcStream.createUnaryMethod(rpc.MicroPayment, 'getStatus', url);
    const intentId = { value: PublicKey.fromBase58(intent).toBuffer() };
    return plain(await call(new rpc.GetStatusRequest({ intentId })));
  },
  async sendMessage(options) {
    const request = new PaymentRequestIntent(options);
    const call = await rpc.RpcStream.createUnaryMethod(rpc.Messaging, 'sendMessage', url);
    const response = await call(await request.getSendMessageRequestProto());
    return { id: request.getIntentId(), clientSecret: request.getClientSecret(), result: plain(response).result };
  },
  async openMessageStream({ intent }) {
    const rendezvousKey = { value: PublicKey.fromBase58(intent).toBuffer() };
    stream.write(new rpc.OpenMessageStreamRequest({ rendezvousKey }));
    relay();
  },
  async close() {
    stream.close();
  },
});
