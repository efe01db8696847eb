// Shrinks our scripts, copies the pinned ones to ../vendor, gathers the icons named in package.json into ../icons.svg,
// and packs all of it by Brotli into ../packed, each under the hash of what it holds: a stale one is never served.
import { createHash } from "node:crypto"
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { brotliCompressSync, constants } from "node:zlib"
import { transformSync } from "esbuild"

const { icons } = JSON.parse(readFileSync("package.json", "utf8"))

for (const name of ["app.js", "log.js", "theme.js"]) {
  const { code } = transformSync(readFileSync(name, "utf8"), { minify: true, target: "es2022", charset: "utf8" })
  writeFileSync(`../${name}`, code)
}

copyFileSync("node_modules/htmx.org/dist/htmx.min.js", "../vendor/htmx.min.js")
copyFileSync("node_modules/@alpinejs/csp/dist/cdn.min.js", "../vendor/alpine-csp.min.js")

const symbols = icons.sort().map((name) => {
  const svg = readFileSync(`node_modules/lucide-static/icons/${name}.svg`, "utf8")
  const shapes = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"))
  return `<symbol id="${name}" viewBox="0 0 24 24">${shapes.replace(/\s*\n\s*/g, "").replace(/ \/>/g, "/>")}</symbol>`
})
writeFileSync("../icons.svg", `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`)

const served = ["app.css", "app.js", "log.js", "icons.svg", "vendor/htmx.min.js", "vendor/alpine-csp.min.js"]
rmSync("../packed", { recursive: true, force: true })
mkdirSync("../packed")
for (const name of served) {
  const plain = readFileSync(`../${name}`)
  const hash = createHash("sha256").update(plain).digest("hex").slice(0, 12)
  const params = { [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length }
  writeFileSync(`../packed/${hash}.br`, brotliCompressSync(plain, { params }))
}
