// Makes dist/ from src/: the page with its style sheet under a name that changes with its content.
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";

const from = (name) => new URL(`../src/${name}`, import.meta.url);
const to = (name) => new URL(`../dist/${name}`, import.meta.url);

const css = (await readFile(from("style.css"), "utf8")).replace(/\s+/g, " ");
const name = `style.${createHash("sha256").update(css).digest("hex").slice(0, 8)}.css`;
const page = (await readFile(from("index.html"), "utf8")).replace("style.css", name);

await rm(to("."), { recursive: true, force: true });
await mkdir(to("."), { recursive: true });
await writeFile(to(name), css);
await writeFile(to("index.html"), page);
await writeFile(to("icon.svg"), await readFile(from("icon.svg")));
console.log(`Built dist/index.html and dist/${name} (${css.length} bytes).`);
