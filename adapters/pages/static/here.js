// Makes the published @code-wallet/elements use the node that this script came from. It goes in front of them:
//
//   <script src="https://your-node.example/v1/elements/here.js"></script>
//
// The package has two addresses written into it. Frames for the one, and calls to the other, come here instead; nothing else
// is touched.
(() => {
  const node = new URL(document.currentScript.src).origin;
  const moves = [
    ["https://sdk.getcode.com/v1/elements", `${node}/v1/elements`],
    ["https://cash.getcode.com/v1", `${node}/v1`],
  ];
  const moved = (url) => {
    for (const [from, to] of moves) {
      const rest = url.startsWith(from) ? url.slice(from.length) : undefined;
      if (rest !== undefined && /^([/?#]|$)/.test(rest)) return to + rest;
    }
    return url;
  };

  // The package gives its frames no name that a screen reader could say.
  const named = (element, url) => {
    const [, mode] = /^(payment|login)-request/.exec(String(url).slice(`${node}/v1/elements/`.length)) ?? [];
    if (mode && !element.title && String(url).startsWith(`${node}/`)) element.title = mode === "login" ? "Log in" : "Payment";
  };

  const frame = HTMLIFrameElement.prototype;
  const { get, set, ...flags } = Object.getOwnPropertyDescriptor(frame, "src");
  Object.defineProperty(frame, "src", {
    ...flags,
    get,
    set(url) {
      const to = moved(String(url));
      named(this, to);
      set.call(this, to);
    },
  });
  const { setAttribute } = Element.prototype;
  frame.setAttribute = function (name, value) {
    const to = String(name).toLowerCase() === "src" ? moved(String(value)) : value;
    named(this, to);
    setAttribute.call(this, name, to);
  };

  const { fetch } = window;
  window.fetch = (what, init) =>
    fetch.call(window, typeof what === "string" || what instanceof URL ? moved(String(what)) : what, init);
})();
