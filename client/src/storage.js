/** @import { Entry, Store } from "./types.js" */

const NAME = "tutorial-progress-client";
const ENTRIES = "entries";
const OPEN_MS = 2000;

/**
 * Return what keeps entries where they can be kept: in IndexedDB, else in localStorage, else in memory.
 * @param {Store} [given] instead of the first two
 * @returns {Store}
 */
export function openStorage(given) {
  return new Layers([...(given ? [given] : [new Database(), new Local()]), new Memory()]);
}

/** Stores in the order in which they are tried. */
class Layers {
  #layers;

  /** @param {Store[]} layers */
  constructor(layers) {
    this.#layers = layers;
  }

  async all() {
    const read = await Promise.allSettled(this.#layers.map((layer) => layer.all()));
    return read.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
  }

  /**
   * @param {Entry[]} puts
   * @param {string[]} removals
   */
  async change(puts, removals) {
    let left = puts;
    for (const layer of this.#layers) {
      try {
        await layer.change(left, removals);
        left = [];
      } catch {
        // The next layer takes them.
      }
    }
  }
}

/** @implements {Store} */
class Database {
  /** @type {Promise<IDBDatabase> | null} the connection, open or failed; null before a try */
  #opened = null;

  async all() {
    const read = await this.#run("readonly", (entries) => entries.getAll());
    return /** @type {Entry[]} */ (read);
  }

  /**
   * @param {Entry[]} puts
   * @param {string[]} removals
   */
  async change(puts, removals) {
    await this.#run("readwrite", (entries) => {
      for (const id of removals) entries.delete(id);
      for (const entry of puts) entries.put(entry);
    });
  }

  /**
   * Run a transaction; once more on a new connection, as browsers drop those of hidden pages.
   * @param {IDBTransactionMode} mode
   * @param {(entries: IDBObjectStore) => IDBRequest | void} act
   */
  async #run(mode, act) {
    const first = await this.#open();
    try {
      return await transact(first, mode, act);
    } catch {
      this.#opened = null;
      first.close();
      return transact(await this.#open(), mode, act);
    }
  }

  #open() {
    this.#opened ??= open(() => {
      this.#opened = null;
    });
    return this.#opened;
  }
}

/**
 * @param {() => void} closed called when another try may succeed
 * @returns {Promise<IDBDatabase>}
 */
function open(closed) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    const drop = () => {
      request.result.close();
      closed();
    };
    const timer = setTimeout(() => {
      request.onsuccess = drop; // it has opened late: the next try is quick
      reject(new Error("IndexedDB does not open"));
    }, OPEN_MS);
    request.onupgradeneeded = () => request.result.createObjectStore(ENTRIES, { keyPath: "id" });
    request.onerror = () => {
      closed();
      reject(request.error);
    };
    request.onsuccess = () => {
      clearTimeout(timer);
      const database = request.result;
      database.onclose = closed;
      database.onversionchange = drop;
      resolve(database);
    };
  });
}

/**
 * @param {IDBDatabase} database
 * @param {IDBTransactionMode} mode
 * @param {(entries: IDBObjectStore) => IDBRequest | void} act
 * @returns {Promise<unknown>} the result, once the transaction is complete
 */
function transact(database, mode, act) {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(ENTRIES, mode);
    const request = act(transaction.objectStore(ENTRIES));
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = () => reject(transaction.error);
    transaction.commit?.(); // a page that is being closed has no time to do it by itself
  });
}

/** @implements {Store} */
class Local {
  async all() {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(NAME))
      .flatMap((key) => parsed(localStorage.getItem(key)));
  }

  /**
   * @param {Entry[]} puts
   * @param {string[]} removals
   */
  async change(puts, removals) {
    for (const id of removals) localStorage.removeItem(`${NAME} ${id}`);
    for (const entry of puts) localStorage.setItem(`${NAME} ${entry.id}`, JSON.stringify(entry));
  }
}

/**
 * Return the entry in a text, if one is in it.
 * @param {string | null} text
 * @returns {Entry[]}
 */
function parsed(text) {
  try {
    const entry = JSON.parse(text ?? "");
    return entry?.id ? [entry] : [];
  } catch {
    return [];
  }
}

/** @implements {Store} */
export class Memory {
  /** @type {Map<string, Entry>} */
  #entries = new Map();

  async all() {
    return structuredClone([...this.#entries.values()]);
  }

  /**
   * @param {Entry[]} puts
   * @param {string[]} removals
   */
  async change(puts, removals) {
    for (const id of removals) this.#entries.delete(id);
    for (const entry of puts) this.#entries.set(entry.id, structuredClone(entry));
  }
}
