// One JSON call a line in, one JSON answer a line out.
'use strict';
const readline = require('node:readline');

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');

function serve(calls) {
  const lines = readline.createInterface({ input: process.stdin });
  let turn = Promise.resolve();
  lines.on('line', (line) => {
    const { call, options } = JSON.parse(line);
    turn = turn
      .then(() => calls[call](options))
      .then((ok) => say({ ok: ok === undefined ? null : ok }), (error) => say({ error: String(error) }));
  });
  lines.on('close', () => process.exit(0));
}

module.exports = { say, serve };
