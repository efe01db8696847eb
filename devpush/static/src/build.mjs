// Shrinks our scripts and the styles of single pages, puts the pinned ones into ../vendor, gathers the icons named in package.json into
// ../icons.svg, and packs all of it by Brotli into ../packed, each under the hash of what it holds: a stale one is never served.
import { createHash } from "node:crypto"
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { brotliCompressSync, constants } from "node:zlib"
import { buildSync, transformSync } from "esbuild"

const { icons } = JSON.parse(readFileSync("package.json", "utf8"))

for (const name of ["app.js", "log.js", "metrics.js", "moments.js", "settings.js", "theme.js"]) {
  const { code } = transformSync(readFileSync(name, "utf8"), { minify: true, target: "es2022", charset: "utf8" })
  writeFileSync(`../${name}`, code)
}

copyFileSync("node_modules/htmx.org/dist/htmx.min.js", "../vendor/htmx.min.js")
copyFileSync("node_modules/uplot/dist/uPlot.iife.min.js", "../vendor/uplot.min.js")
buildSync({
  entryPoints: ["alpine.js"],
  outfile: "../vendor/alpine-csp.min.js",
  bundle: true,
  minify: true,
  target: "es2022",
  define: { "process.env.NODE_ENV": '"production"', ALPINE_VERSION: '"3.17.4"' },
})

const used = new Set(readdirSync("../../../templates", { recursive: true }).filter((name) => name.endsWith(".html")).flatMap((name) => (
  [...readFileSync(`../../../templates/${name}`, "utf8").matchAll(/\s(x-[a-z]+)[:.=\s>]/g)].map(([, directive]) => directive))))
const lacking = [...used].filter((directive) => !readFileSync("alpine.js", "utf8").includes(`/${directive}"`))
if (lacking.length) throw new Error(`Templates use ${lacking.join(", ")}: add it to alpine.js.`)

const old = ["chrome111", "firefox128", "safari16.4"] // as Tailwind has it
const withThem = { "metrics.css": readFileSync("node_modules/uplot/dist/uPlot.min.css", "utf8") }
for (const name of ["log.css", "metrics.css", "server.css", "settings.css"]) {
  const styles = `@layer ours {${withThem[name] ?? ""}${readFileSync(name, "utf8")}}`
  writeFileSync(`../${name}`, transformSync(styles, { loader: "css", minify: true, target: old }).code)
}

const symbols = icons.sort().map((name) => {
  const svg = readFileSync(`node_modules/lucide-static/icons/${name}.svg`, "utf8")
  const shapes = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"))
  return `<symbol id="${name}" viewBox="0 0 24 24">${shapes.replace(/\s*\n\s*/g, "").replace(/ \/>/g, "/>")}</symbol>`
})
writeFileSync("../icons.svg", `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`)

const served = ["app.css", "app.js", "log.css", "log.js", "metrics.css", "metrics.js", "moments.js", "server.css", "settings.css", "settings.js", "icons.svg", "vendor/htmx.min.js", "vendor/uplot.min.js", "vendor/alpine-csp.min.js"]
rmSync("../packed", { recursive: true, force: true })
mkdirSync("../packed")
for (const name of served) {
  const plain = readFileSync(`../${name}`)
  const hash = createHash("sha256").update(plain).digest("hex").slice(0, 12)
  const params = { [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length }
  writeFileSync(`../packed/${hash}.br`, brotliCompressSync(plain, { params }))
}
