// The line between a view and the merchant's page that framed it (protocol g.2).

/** What the address of a view says: whose it is, and what it is for. */
export function opened() {
  const [, id = "", encoded = ""] = /^#\/([A-Za-z0-9_-]{1,64})\/p=(.*)$/.exec(location.hash) ?? [];
  return { id, encoded, isPreload: id === "preload" };
}

/** Events to and from the page around. */
export class Channel {
  /** @param {string} id */
  constructor(id) {
    this.id = id;
    /** @type {Map<string, (args: any) => void>} */
    this.listeners = new Map();
    window.addEventListener("message", ({ source, data }) => {
      // Other frames on the merchant's page have windows too.
      if (source !== window.parent || data?.type !== "event" || data.id !== this.id) return;
      this.listeners.get(data.payload?.event)?.(data.payload.args);
    });
  }

  /**
   * @param {string} event
   * @param {(args: any) => void} listener
   */
  on(event, listener) {
    this.listeners.set(event, listener);
  }

  /**
   * Whoever framed the view learns what happened, never what was paid: the page's origin is not known.
   * @param {string} event
   * @param {unknown} [args]
   */
  emit(event, args) {
    if (window.parent !== window) window.parent.postMessage({ id: this.id, type: "event", payload: { event, args } }, "*");
  }
}
