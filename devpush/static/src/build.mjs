// Shrinks our scripts, copies the pinned ones to ../vendor and gathers the icons named in package.json into ../icons.svg.
import { copyFileSync, readFileSync, writeFileSync } from "node:fs"
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
