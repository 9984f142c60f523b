// What the wallet remembers in this browser: the key, as something that signs and cannot be read, and what was done with it.

const NAME = "quittance-wallet";
const KEYS = "keys";
const HISTORY = "history";
/** More than this is scrolled by nobody. */
const KEPT = 100;

/**
 * One thing that was done.
 * @typedef {{ id: string, at: number, what: string, amount: string, state: string }} Entry `at` in milliseconds since 1970
 */

/**
 * What the wallet has for good.
 * @typedef {{ publicKey: Uint8Array, secret: CryptoKey, sites: CryptoKey }} Keys `sites` makes the key for each site that is
 * logged in to
 */

/** @returns {Promise<Keys | undefined>} */
export async function loadKey() {
  return ask(KEYS, "readonly", (store) => store.get("owner"));
}

/** @param {Keys} keys */
export async function saveKey({ publicKey, secret, sites }) {
  try {
    // Never in the place of another: what that one holds would be lost.
    await ask(KEYS, "readwrite", (store) => store.add({ publicKey, secret, sites }, "owner"));
  } catch (error) {
    if (/** @type {Error} */ (error).name !== "ConstraintError") throw error;
    throw new Error("There is a key in this browser already, made in another tab. Nothing was changed: reload this page to use it.");
  }
}

/** Forgets everything. */
export async function forget() {
  await ask(KEYS, "readwrite", (store) => store.clear());
  await ask(HISTORY, "readwrite", (store) => store.clear());
}

/** @param {Entry} entry the newest word on its intent replaces the older */
export async function remember(entry) {
  await ask(HISTORY, "readwrite", (store) => store.put(entry, entry.id));
}

/** @returns {Promise<Entry[]>} the newest first */
export async function history() {
  const all = /** @type {Entry[]} */ (await ask(HISTORY, "readonly", (store) => store.getAll()));
  return all.sort((one, other) => other.at - one.at).slice(0, KEPT);
}

/**
 * @param {string} name
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest} work
 * @returns {Promise<any>}
 */
async function ask(name, mode, work) {
  const database = await open();
  try {
    return await settled(work(database.transaction(name, mode).objectStore(name)));
  } finally {
    database.close();
  }
}

/** @returns {Promise<IDBDatabase>} */
function open() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(KEYS);
    request.result.createObjectStore(HISTORY);
  };
  return settled(request);
}

/**
 * @param {IDBRequest} request
 * @returns {Promise<any>}
 */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("this browser does not let the wallet remember anything"));
  });
}
