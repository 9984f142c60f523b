// A merchant's own web server, on another origin than the node: its page has the official element and one script tag of ours.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";

const MODULES = process.env.QUITTANCE_NODE_MODULES;
if (!MODULES) throw new Error("QUITTANCE_NODE_MODULES has to name the installed packages");
const require = createRequire(join(MODULES, "here.js"));
const { paymentIntents } = require("@code-wallet/client");

export const MERCHANT = "E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR";
const FILES = { "/vue.js": "vue/dist/vue.global.prod.js", "/elements.js": "@code-wallet/elements/dist/elements.iife.js" };

/** Opens the shop. Its page is `/?…`, whose parameters are options of the element as JSON. */
export async function openShop(node) {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://shop.test");
    const send = (type, body) => response.writeHead(200, { "content-type": type }).end(body);
    try {
      if (url.pathname in FILES) return send("text/javascript", readFileSync(join(MODULES, FILES[url.pathname])));
      if (url.pathname === "/") return send("text/html; charset=utf-8", page(node.url));
      if (url.pathname === "/thanks" || url.pathname === "/sorry") return send("text/html", `<title>${url.pathname}</title>`);
      if (url.pathname === "/create") {
        const order = JSON.parse(url.searchParams.get("order"));
        const made = await paymentIntents.create({ ...order, endpoint: `${node.url}/v1` });
        return send("application/json", JSON.stringify(made));
      }
      return response.writeHead(404).end();
    } catch (error) {
      return response.writeHead(500).end(String(error));
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://localhost:${server.address().port}`;
  return {
    url,
    /** The shop's page with such an element. `create` names an order that the shop's server asks for when it is pressed. */
    page: (options, { create, kind = "button" } = {}) =>
      `${url}/?${new URLSearchParams({ options: JSON.stringify({ destination: MERCHANT, ...options }), kind, ...(create && { create: JSON.stringify({ destination: MERCHANT, ...create }) }) })}`,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}

function page(node) {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>A shop</title>
<style>body{font-family:system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem}</style>
<h1>A poem</h1><p>Shop on another origin.</p><div id="pay"></div>
<script src="${node}/v1/elements/here.js"></script><script src="/vue.js"></script><script src="/elements.js"></script>
<script>
window.told = [];
const query = new URLSearchParams(location.search);
const kind = query.get("kind");
const element = code.elements.create(kind, JSON.parse(query.get("options")))[kind];
for (const event of ["success", "cancel", "error"]) element.on(event, (args) => { window.told.push({ event, args }); });
element.on("invoke", async () => {
  window.told.push({ event: "invoke" });
  if (!query.has("create")) return;
  const answer = await fetch("/create?" + new URLSearchParams({ order: query.get("create") }));
  if (!answer.ok) throw new Error(await answer.text());
  const { clientSecret } = await answer.json();
  element.update({ clientSecret });
});
element.mount("#pay");
</script></html>`;
}
