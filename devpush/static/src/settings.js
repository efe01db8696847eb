// A project's settings in the browser: where branches go while a pattern is typed, which variables are shown, the text of all
// of them. app.js is there before it.

// ── environments: the same rule as on the server, Environment.takes ──────────────────────────────────────────────────────

const takes = (pattern, branch) => {
  const [start, end] = pattern.split("*")
  return end === undefined ? branch === pattern : branch.length >= start.length + end.length && branch.startsWith(start) && branch.endsWith(end)
}
const few = (names) => names.slice(0, 3).join(", ") + (names.length > 3 ? ` and ${names.length - 3} more` : "")

/** Each branch shows where it would go by what stands in the fields now. */
function sort() {
  const card = $("#settings-environments")
  const rows = $$("#branches [data-branch]")
  if (!card || !rows.length) return
  const places = [...$$(".envs > li", card), $("#new-environment", card)].map((place) => ({
    field: $("[data-pattern]", place),
    name: ($('[name="name"]', place) ?? {}).value || place.dataset.name || "New environment",
    color: $('[name="color"]:checked', place)?.value ?? place.dataset.color,
  }))
  for (const row of rows) {
    const place = places.find(({ field }) => takes(field.value.trim(), row.dataset.branch))
    const label = row.lastElementChild
    label.className = place ? `env env-${place.color}` : "quiet"
    label.textContent = place ? place.name : "isn’t deployed"
    if (place) (place.got ??= []).push(row.dataset.branch)
  }
  for (const { field, got } of places) {
    const says = $(".takes", field.form)
    const changed = field.value !== field.defaultValue
    says.hidden = !changed
    if (changed) write(says, got ? `Takes ${few(got)}.` : "Takes none of the branches that are known now.")
  }
}

// ── variables ───────────────────────────────────────────────────────────────────────────────────────────────────────────

let asked = "", place = "*"

/** What is looked for; for an environment, what it gets: its own, and those for all that it has no own of. */
function sift() {
  const box = $(".sift")
  if (!box) return
  const [find, choose] = box.children
  if (box.hidden) [find.value, choose.value] = [asked, place] // a card that was just swapped in
  box.hidden = false
  ;[asked, place] = [find.value, choose.value]
  const rows = $$(".vars li[data-key]")
  const own = new Set(rows.filter((row) => row.dataset.scope === place).map((row) => row.dataset.key))
  for (const row of rows) {
    const { key, scope } = row.dataset
    const here = place === "*" || scope === place || (!scope && !own.has(key))
    row.hidden = !here || !key.toLowerCase().includes(asked.trim().toLowerCase())
  }
}

async function read(url) {
  const answer = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => null)
  if (answer?.ok) return answer.text()
  toast("error", "The value could not be read. Reload the page.")
}

async function edit(row) {
  const value = await read(row.dataset.url)
  if (value === undefined) return
  const way = $("#one-variable")
  const { elements } = $("form", way)
  way.open = true
  elements.key.value = row.dataset.key
  elements.environment.value = row.dataset.scope
  elements.value.value = value
  elements.value.rows = Math.min(12, value.split("\n").length + 1)
  elements.value.focus()
}

/** The text of what the chosen environment has; what was typed over it is not thrown away. */
async function fill(way) {
  const { environment, dotenv } = $("form", way).elements
  if (way.dataset.scope !== undefined && dotenv.value !== way.text) {
    if (environment.value !== way.dataset.scope) toast("warning", "See what changes and save it first, or undo what you typed.")
    environment.value = way.dataset.scope
    return
  }
  const text = await read(`${way.dataset.url}?environment=${environment.value}`)
  if (text === undefined) return
  way.dataset.scope = environment.value
  dotenv.value = way.text = text
  dotenv.rows = Math.min(24, text.split("\n").length + 3)
}

// ── and on ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

document.addEventListener("input", ({ target }) => {
  if (target.closest("#settings-environments")) sort()
  if (target.closest(".sift")) sift()
  if (target.name === "dotenv") $("#variables-review")?.replaceChildren() // that was about another text
})
document.addEventListener("change", ({ target }) => {
  if (target.closest("#settings-environments")) sort()
  if (target.closest(".sift")) sift()
  if (target.id === "all-environment") fill(target.closest("details"))
})
document.addEventListener("click", ({ target }) => target.closest?.(".vars .edit") && edit(target.closest("li")))
document.addEventListener("toggle", ({ target }) => target.id === "all-variables" && target.open && fill(target), true)
document.addEventListener("htmx:after:swap", ({ detail }) => {
  sort()
  sift()
  const card = document.getElementById(detail.ctx.target?.id)
  if (card?.matches(".card")) $(".late", card)?.scrollIntoView({ block: "nearest" }) // what is saved doesn't run yet: the way there is at hand
})
sort()
sift()
if ($("#all-variables")?.open) fill($("#all-variables"))
