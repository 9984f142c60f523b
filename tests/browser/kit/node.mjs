// A node as a process, and a payer on its command line.

import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const START = 60_000;
const STOP = 20_000;
const run = promisify(execFile);
const BINARY = process.env.QUITTANCE_BINARY;
if (!BINARY) throw new Error("QUITTANCE_BINARY has to name the program under test");

/** A port that nobody listens on just now. A node that is started again needs the same one. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A node in a directory of its own. */
export class Node {
  static async start(...extra) {
    const node = new Node();
    node.directory = mkdtempSync(join(tmpdir(), "quittance-browser-"));
    node.port = await freePort();
    node.url = `http://127.0.0.1:${node.port}`;
    node.extra = extra;
    await node.up();
    return node;
  }

  /** Starts it, again after [`down`]. */
  async up() {
    const args = ["serve", "--listen", `127.0.0.1:${this.port}`, "--data", join(this.directory, "data")];
    if (!this.extra.includes("--no-dev")) args.push("--dev");
    args.push(...this.extra.filter((flag) => flag !== "--no-dev"));
    this.process = spawn(BINARY, args, { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the node does not start: ${said}`)), START);
      const hear = (data) => {
        said += data;
        if (!said.includes("listening on")) return;
        clearTimeout(timer);
        resolve();
      };
      this.process.stdout.on("data", hear);
      this.process.stderr.on("data", hear);
      this.process.on("exit", (code) => {
        clearTimeout(timer);
        reject(new Error(`the node ended with ${code}: ${said}`));
      });
    });
  }

  async down() {
    if (this.process === undefined || this.process.exitCode !== null) return;
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    const timer = setTimeout(() => this.process.kill("SIGKILL"), STOP);
    await ended;
    clearTimeout(timer);
  }

  async close() {
    await this.down();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Runs a command of the program against this node; its JSON. */
  async command(...args) {
    const { stdout } = await run(BINARY, [...args, "--json"], { timeout: START });
    return JSON.parse(stdout);
  }

  /** A key whose account holds something. */
  async payer() {
    if (this.key !== undefined) return this.key;
    this.key = join(this.directory, "payer.key");
    const { public_key: account } = await this.command("keys", "new", "--out", this.key);
    await this.command("account", "deposit", account, "9000000000000", "--server", this.url);
    return this.key;
  }

  /** Pays as a phone does. `seen` is a drawn code, or an id and its secret. */
  async pay(seen, secret) {
    const with_secret = secret === undefined ? [] : ["--client-secret", secret];
    return this.command("pay", seen, ...with_secret, "--server", this.url, "--key", await this.payer());
  }

  async intent(id) {
    const answer = await fetch(`${this.url}/v1/intents/${id}`);
    return answer.ok ? answer.json() : undefined;
  }
}
