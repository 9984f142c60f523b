// `SubmitIntent` over RpcStream of @code-wallet/rpc 1.3.2, for a payer that signs elsewhere.
'use strict';
const rpc = require('@code-wallet/rpc');
const { serve } = require('./lines.cjs');

const url = process.argv[2].replace('http', 'ws');
const hex = (bytes) => Buffer.from(bytes).toString('hex');
let stream;
let answers;

async function exchange({ message }) {
  const request = rpc.SubmitIntentRequest.fromBinary(Buffer.from(message, 'hex'));
  if (hex(request.toBinary()) !== message) {
    throw 'the official schema writes another message than the one that was signed';
  }
  stream.write(request);
  const { value, done } = await answers.next();
  if (done) {
    throw 'the stream has ended';
  }
  const [response, error] = value;
  if (error) {
    throw error.message;
  }
  return { kind: response.response.case, message: hex(response.toBinary()), json: JSON.parse(response.toJsonString()) };
}

serve({
  async submit(options) {
    stream = await rpc.RpcStream.create(rpc.Transaction, 'submitIntent', url, {});
    answers = stream.read()[Symbol.asyncIterator]();
    return exchange(options);
  },
  sign: exchange,
  async close() {
    stream.close();
  },
});
