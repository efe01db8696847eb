// Serves dist/, fills in which version is live, and says one line a request: this is what the Logs page shows.
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import mime from "mime";

const dist = new URL("dist/", import.meta.url);
const files = new Map(readdirSync(dist).map((name) => [`/${name}`, readFileSync(new URL(name, dist))]));
const env = process.env;

const escape = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

function page() {
  const facts = {
    Commit: (env.DEVPUSH_GIT_COMMIT_SHA ?? "").slice(0, 7),
    Branch: (env.DEVPUSH_GIT_REF ?? "").replace("refs/heads/", ""),
    Author: env.DEVPUSH_GIT_COMMIT_AUTHOR ?? "",
    Environment: env.DEVPUSH_ENVIRONMENT ?? "",
    Deployment: (env.DEVPUSH_DEPLOYMENT_ID ?? "").slice(0, 7),
    "Node.js": process.versions.node,
  };
  const rows = Object.entries(facts).filter(([, value]) => value);
  const list = rows.map(([name, value]) => `<div><dt>${name}</dt><dd>${escape(value)}</dd></div>`).join("\n      ");
  const message = (env.DEVPUSH_GIT_COMMIT_MESSAGE ?? "").split("\n")[0];
  const text = message ? `This is <q>${escape(message)}</q>. ` : "";
  return files.get("/index.html").toString().replace("<!-- facts -->", () => list).replace("<!-- message -->", () => text);
}

function answer(path) {
  if (path === "/") return [200, "text/html; charset=utf-8", page()];
  if (path === "/health") return [200, "application/json", JSON.stringify({ status: "ok" })];
  const file = path !== "/index.html" && files.get(path);
  return file ? [200, mime.getType(path), file] : [404, "text/plain; charset=utf-8", "There is no such page.\n"];
}

const server = createServer((request, response) => {
  const began = performance.now();
  const { pathname } = new URL(request.url, "http://localhost");
  const [status, type, body] = answer(pathname);
  response.writeHead(status, { "Content-Type": type });
  response.end(request.method === "HEAD" ? undefined : body);
  console.log(`${request.method} ${pathname} ${status} ${(performance.now() - began).toFixed(1)} ms`);
});

server.keepAliveTimeout = 300_000; // longer than the proxy in front keeps an idle connection
server.listen(env.PORT ?? 8000, "0.0.0.0", () => console.log(`Listening on port ${env.PORT ?? 8000}`));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
