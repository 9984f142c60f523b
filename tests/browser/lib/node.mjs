// A node as a process of its own, and its command line.

import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const BINARY = process.env.QUITTANCE_BINARY ?? "";
/** How long a node may take to say where it listens, and to stop, in milliseconds. */
const START = 60_000;
const STOP = 30_000;

export class Node {
  /** @param {string[]} [args] more arguments of `serve`, or all of `demo` */
  static async start(args = []) {
    const directory = await mkdtemp(join(tmpdir(), "quittance-browser-"));
    const node = new Node(directory, args);
    await node.#launch("127.0.0.1:0");
    return node;
  }

  /** @param {string} directory @param {string[]} args */
  constructor(directory, args) {
    this.directory = directory;
    this.args = args;
    this.url = "";
    /** @type {import("node:child_process").ChildProcess | null} */
    this.child = null;
    this.said = "";
  }

  /** @param {string} listen */
  async #launch(listen) {
    const serve = ["serve", "--dev", "--data", join(this.directory, "data")];
    const args = [...(this.args[0] === "demo" ? [] : serve), ...this.args, "--json", "--listen", listen];
    const child = spawn(BINARY, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.child = child;
    child.stderr.on("data", (data) => (this.said = (this.said + data).slice(-20_000)));
    const lines = createInterface({ input: child.stdout });
    const first = await within(START, "the node to listen", new Promise((told, failed) => {
      // The demo tells of its payment first.
      lines.on("line", (line) => JSON.parse(line).listening && told(line));
      child.once("exit", (code) => failed(new Error(`the node ended with ${code}: ${this.said}`)));
      child.once("error", failed);
    }));
    this.url = JSON.parse(first).listening;
  }

  /** Ends it as an operator does, or as a power cut does. */
  async stop(signal = "SIGTERM") {
    const child = this.child;
    this.child = null;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resume) => child.once("exit", resume));
    child.kill(signal);
    await within(STOP, "the node to stop", ended).catch((error) => {
      child.kill("SIGKILL");
      throw error;
    });
  }

  /** The same node at the same address, after `pause` milliseconds without one. */
  async restart({ signal = "SIGTERM", pause = 0 } = {}) {
    const listen = new URL(this.url).host;
    await this.stop(signal);
    await new Promise((resume) => setTimeout(resume, pause));
    await this.#launch(listen);
  }

  async close() {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** One command line with `--json`, as an object. @param {...string} args */
  async run(...args) {
    const options = { timeout: 60_000, maxBuffer: 1 << 20 };
    const { stdout } = await promisify(execFile)(BINARY, [...args, "--json"], options);
    return JSON.parse(stdout);
  }

  /** A key file with quarks in its account. */
  async payer(name = "payer", quarks = 1_000_000_000_000) {
    const file = join(this.directory, `${name}.key`);
    const made = await this.run("keys", "new", "--out", file);
    await this.run("account", "deposit", made.public_key, String(quarks), "--server", this.url);
    return { file, account: made.public_key };
  }

  /** Pays as `quittance pay` does. @param {{ id: string, clientSecret: string }} order @param {{ file: string }} payer */
  async pay(order, payer) {
    return this.run("pay", order.id, "--client-secret", order.clientSecret, "--key", payer.file, "--server", this.url);
  }

  /** @param {string} id */
  async intent(id) {
    const answer = await fetch(`${this.url}/v1/intents/${id}`);
    if (!answer.ok) throw new Error(`HTTP ${answer.status}: ${await answer.text()}`);
    return answer.json();
  }
}

/**
 * @template T
 * @param {number} ms @param {string} what @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export async function within(ms, what, promise) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_, failed) => {
    timer = setTimeout(() => failed(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  try {
    return /** @type {T} */ (await Promise.race([promise, late]));
  } finally {
    clearTimeout(timer);
  }
}
