// What every page does in the browser. htmx asks for fragments, the stream brings them by itself, Alpine keeps what never leaves
// the browser (the components at the end). Menus are the browser's popovers, the dialog is a <dialog>.

const $ = (selector, root = document) => root.querySelector(selector)
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)]
const token = $('meta[name="csrf-token"]')?.content

function icon(name) {
  const template = document.createElement("template")
  template.innerHTML = `<svg class="icon" aria-hidden="true"><use href="${document.body.dataset.icons}#${name}"/></svg>`
  return template.content.firstChild
}

// ── toasts ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

function toast(kind, text) {
  const box = document.createElement("div")
  const words = document.createElement("p")
  const dismiss = document.createElement("button")
  box.className = "toast"
  box.dataset.kind = kind
  words.textContent = text
  dismiss.type = "button"
  dismiss.dataset.dismiss = ""
  dismiss.setAttribute("aria-label", "Dismiss")
  dismiss.append(icon("x"))
  box.append(icon({ success: "circle-check", error: "circle-x", warning: "triangle-alert" }[kind] ?? "info"), words, dismiss)
  $("body > .toasts")?.append(box)
  letGo(box)
}

/** Toasts that came along with a fragment join the others. */
function gather() {
  for (const stray of $$(".toasts:not(body > .toasts)")) {
    for (const box of [...stray.children]) {
      $("body > .toasts").append(box)
      letGo(box)
    }
    stray.remove()
  }
}

/** A toast leaves after a while, unless it tells of an error or is being read. */
function letGo(box) {
  if (box.dataset.kind === "error") return
  const leave = () => (box.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : box.remove())
  setTimeout(leave, 6000)
}

// ── times ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" })
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" })

/** The same words as the filter `ago` on the server. */
function ago(at) {
  const seconds = Math.max(0, (Date.now() - at) / 1000)
  if (seconds < 10) return "just now"
  if (seconds < 60) return `${Math.floor(seconds)} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`
  if (seconds < 172800) return "yesterday"
  if (seconds < 30 * 86400) return `${Math.floor(seconds / 86400)} days ago`
  return day.format(at)
}

/** The same words as the filter `lasted`, in whole seconds while it counts. */
function lasted(seconds) {
  const two = (n) => String(Math.floor(n)).padStart(2, "0")
  if (seconds < 60) return `${Math.floor(seconds)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`
  return `${Math.floor(seconds / 3600)} h ${two((seconds % 3600) / 60)} min`
}

const write = (element, text) => element.textContent !== text && (element.textContent = text)
const tick = () => $$("time[data-since]").forEach((time) => write(time, lasted(Math.max(0, (Date.now() - Date.parse(time.dataset.since)) / 1000))))
const age = () => $$("time[data-ago]").forEach((time) => {
  const at = new Date(time.dateTime)
  write(time, ago(at))
  time.title = exact.format(at)
})

/** After anything new has come into the page. */
function freshen() {
  gather()
  tick()
  age()
  showState()
  bringAlpine()
}

const showTheme = () => $$(".themes button").forEach((button) => button.setAttribute("aria-pressed", button.value === theme.chosen()))

/** The tab tells how it stands. */
function showState() {
  const page = $("[data-page-state]")?.dataset
  if (!page) return
  const going = ["queued", "building", "starting", "routing"].includes(page.pageState)
  const kind = going ? "Building" : { failed: "Failed", succeeded: page.pageTitle ? "Succeeded" : "" }[page.pageState] ?? ""
  $('link[rel="icon"]').href = document.body.dataset[`favicon${kind}`]
  if (page.pageTitle) document.title = page.pageTitle
}

// ── the stream: fragments replace what has their id, lines go to the log ─────────────────────────────────────────────────

function follow(address) {
  let source, last, wait, patience = 1000
  const log = $("#log-lines")
  const open = () => {
    const url = new URL(address, location.href)
    const seen = last ?? $$("#log-lines .line").at(-1)?.dataset.id // by now log.js may have put the lines into its chunks
    if (seen) url.searchParams.set("after", seen)
    source = new EventSource(url)
    source.addEventListener("open", () => (patience = 1000))
    source.addEventListener("fragment", (event) => replace(event.data))
    source.addEventListener("lines", (event) => {
      last = event.lastEventId || last
      log?.dispatchEvent(new CustomEvent("lines", { detail: event.data }))
    })
    source.addEventListener("refresh", refresh)
    source.addEventListener("reload", (event) => anew(event.data))
    source.addEventListener("leave", (event) => goHome(event.data))
    source.addEventListener("end", () => { source.close(); source = null; address = null })
    source.addEventListener("error", () => { // the browser tries again by itself, unless it was refused (while we restart, say)
      if (source?.readyState !== EventSource.CLOSED) return
      wait = setTimeout(open, (patience = Math.min(patience * 2, 60000)))
    })
  }
  const close = () => { clearTimeout(wait); source?.close(); source = null }
  let rest
  addEventListener("pagehide", close)
  addEventListener("pageshow", (event) => event.persisted && address && open())
  document.addEventListener("visibilitychange", () => { // browsers allow few connections a site: a hidden page that waits for nothing lets go
    clearTimeout(rest)
    if (!document.hidden) return address && !source && open()
    rest = setTimeout(() => !$('.status:is([data-state="queued"], [data-state="building"], [data-state="starting"], [data-state="routing"])') && close(), 30000)
  })
  open()
}

function replace(html) {
  const template = document.createElement("template")
  template.innerHTML = html
  for (const fresh of template.content.children) {
    if (put(fresh)) continue
    if (fresh.matches(".tile") && $("#projects[data-refresh]")) refresh() // a new one
    if (fresh.id !== "deployment-list") continue
    const all = $$(".row", fresh).map(put) // a page that shows more than the latest: its rows, or all of it if one is new
    if (all.includes(false)) refresh()
  }
}

const refresh = () => $$("[data-refresh]").forEach((list) => htmx.trigger(list, "refresh"))

// What one may do here has changed: the page is drawn anew, unless something typed would be lost. If it was one's own doing,
// its answer leads somewhere by itself, and is given the time.

const typed = () => $$("main :is(input, textarea, select)").some((field) => (
  field.matches("select") ? [...field.options].some((option) => option.selected !== option.defaultSelected)
    : field.matches("[type=checkbox], [type=radio]") ? field.checked !== field.defaultChecked
      : field.type !== "hidden" && field.value !== field.defaultValue))
let leaving = 0
addEventListener("beforeunload", () => (leaving = Date.now()))
const unlessLeaving = (act) => setTimeout(() => Date.now() - leaving > 10000 && act(), 700)

const anew = (why) => unlessLeaving(() => {
  if (why !== "now" && typed()) return toast("warning", `${why} Reload the page to see it: what you typed here is not saved yet.`)
  location.reload()
})

/** The page isn't theirs to see any more. Home says why. */
const goHome = (why) => unlessLeaving(() => {
  sessionStorage.setItem("farewell", JSON.stringify({ why, at: Date.now() }))
  location.replace("/")
})

function sayFarewell() {
  const { why, at } = JSON.parse(sessionStorage.getItem("farewell") ?? "{}")
  sessionStorage.removeItem("farewell")
  if (why && Date.now() - at < 10000) toast("warning", why)
}

/** Into the place of what has its id, if that is in the page. */
function put(fresh) {
  const old = document.getElementById(fresh.id)
  if (old) htmx.swap({ target: old, sourceElement: old, text: fresh.outerHTML, swap: "outerMorph" }).then(freshen)
  return Boolean(old)
}

// ── menus ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

const opener = (menu) => $(`[popovertarget="${menu.id}"]`)
const entries = (menu) => $$("input, a, button", menu).filter((entry) => entry.checkVisibility())

document.addEventListener("beforetoggle", ({ target: menu, newState }) => {
  if (!menu.matches?.(".menu")) return
  const button = opener(menu)
  button?.setAttribute("aria-expanded", newState === "open")
  if (newState !== "open" || !button) return
  const { left, right, top, bottom } = button.getBoundingClientRect()
  const { clientWidth: width, clientHeight: height } = document.documentElement
  const up = bottom > height * 0.7
  menu.style.top = `${scrollY + (up ? top - 6 : bottom + 6)}px`
  menu.style.translate = up ? "0 -100%" : ""
  menu.style.left = menu.dataset.side === "end" ? "auto" : `${Math.max(12, Math.min(left, width - 236))}px`
  menu.style.right = menu.dataset.side === "end" ? `${Math.min(width - right, Math.max(12, width - 364))}px` : "auto" // the widest is 352
}, true)

document.addEventListener("toggle", ({ target: menu, newState }) => {
  if (!menu.matches?.(".menu") || newState !== "open") return
  menu.dispatchEvent(new Event("opened"))
  entries(menu)[0]?.focus({ preventScroll: true })
}, true)

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "k") return event.preventDefault(), lookFor()
  const menu = event.target.closest?.(".menu, .palette")
  if (!menu) return
  const all = entries(menu)
  const at = all.indexOf(document.activeElement)
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key]
  if (event.key === "Enter" && event.target.matches(".find")) fresh(menu) ? all[1]?.click() : (eager = true)
  else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && event.key !== " ") return $(".find", menu)?.focus()
  else if (to === undefined || (event.target.matches("input") && (event.key === "Home" || event.key === "End"))) return
  else all.at(to % all.length)?.focus()
  event.preventDefault()
})

document.addEventListener("input", ({ target }) => {
  if (!target.matches(".find")) return
  eager = false
  const text = target.value.trim().toLowerCase()
  if (target.closest(".menu")) $$("a:not(hr ~ a)", target.parentElement).forEach((entry) => (entry.hidden = !entry.textContent.toLowerCase().includes(text)))
})

// The palette asks anew each time it opens: what one did last is what one looks for. Enter may come before the answer does.

let eager = false
const fresh = (menu) => menu.id !== "palette" || $("[data-q]", menu)?.dataset.q === $(".find", menu).value.trim()

function lookFor() {
  eager = false
  const palette = $("#palette")
  if (!palette || palette.open) return palette?.close()
  palette.showModal()
  $(".find", palette).select()
  const form = $("form", palette)
  htmx.process(form) // who is quick asks before htmx has been through the page
  htmx.trigger(form, "opened")
}

// ── clicks and forms ────────────────────────────────────────────────────────────────────────────────────────────────────

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const area = document.createElement("textarea") // no clipboard over plain http
  area.value = text
  document.body.append(area)
  area.select()
  document.execCommand("copy")
  area.remove()
}

document.addEventListener("click", async (event) => {
  const { target } = event
  const button = target.closest?.("[data-copy], [data-dismiss], [data-close], [data-palette], .themes button")
  if (target.matches?.("dialog")) target.close() // beside it
  if (!button) return
  if (button.closest(".themes")) theme.choose(button.value), showTheme()
  if ("palette" in button.dataset && !event.ctrlKey && !event.metaKey) return event.preventDefault(), lookFor()
  if ("dismiss" in button.dataset) button.closest(".toast").remove()
  if ("close" in button.dataset) button.closest("dialog") ? button.closest("dialog").close() : history.back()
  if (!button.dataset.copy) return
  try {
    await copy(button.dataset.copy)
  } catch {
    return toast("error", "The browser did not let us copy.")
  }
  if (button.closest(".menu")) button.closest(".menu").hidePopover()
  if (!button.matches(".copy")) return toast("success", "Copied.")
  button.dataset.done = ""
  button.replaceChildren(icon("check"))
  setTimeout(() => { delete button.dataset.done; button.replaceChildren(icon("copy")) }, 1500)
})

document.addEventListener("submit", ({ target: form, submitter }) => {
  if (form.method === "post" && token && !form.elements.csrf_token) { // streamed fragments know no token
    const field = document.createElement("input")
    Object.assign(field, { type: "hidden", name: "csrf_token", value: token })
    form.append(field)
  }
  if (!("busy" in form.dataset)) return
  const button = submitter ?? $("button, .btn", form)
  setTimeout(() => { // after the form's data, button and all, has been gathered
    button.setAttribute("aria-busy", "true")
    button.disabled = true
    if (form.dataset.busy) ($("span", button) ?? button).textContent = form.dataset.busy
  })
}, true)

addEventListener("pageshow", (event) => event.persisted && $("[aria-busy]") && location.reload()) // back to a form that was sent
document.addEventListener("change", ({ target }) => {
  if (!target.form?.matches("[data-auto]")) return
  if (target.files?.[0]?.size > 10 * 1024 * 1024) return complain(target, "That picture is too large: at most 10 MB.")
  target.form.requestSubmit()
})

/** Under its field, as the server would say it, without sending all of the file there first. */
function complain(input, text) {
  const field = input.closest(".field")
  const words = document.createElement("p")
  const sentence = document.createElement("span")
  sentence.textContent = text
  Object.assign(words, { className: "error", id: "picture-error", role: "alert" })
  words.append(icon("octagon-alert"), sentence)
  $(".error", field)?.remove()
  field.firstElementChild.after(words)
  input.value = ""
  input.setAttribute("aria-invalid", "true")
}

/** A page that comes back with a refused form begins at what is wrong. */
function showWrong() {
  const wrong = $('main :is([aria-invalid="true"], .card .alert[data-variant="bad"])')
  wrong?.scrollIntoView({ block: "center" })
  wrong?.focus({ preventScroll: true })
}

// ── htmx ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

document.addEventListener("htmx:config:request", ({ detail }) => (detail.ctx.request.headers["X-CSRF-Token"] = token))
document.addEventListener("htmx:after:swap", ({ detail }) => {
  const target = detail.ctx.target
  if (target?.id === "ask") $("#ask").showModal()
  if (target?.id === "found") {
    write($("#palette output"), `${$$("li", target).length} found`)
    if (eager && fresh($("#palette"))) (eager = false), $("a, button", target)?.click() // an earlier question's answer leads nowhere
  }
  if (target?.dataset?.current) {
    $$("a[data-slug]", target).find((entry) => entry.dataset.slug === target.dataset.current)?.setAttribute("aria-current", "true")
    entries(target)[0]?.focus({ preventScroll: true })
  }
  freshen()
})
document.addEventListener("htmx:response:error", ({ detail }) => {
  const answer = detail.ctx.response.raw
  const message = answer.headers.get("X-Message")
  if (answer.status === 422 && !message) return // the form shows what is wrong
  toast("error", message ? decodeURIComponent(message) : { 403: "You may not do that, or this page was open for too long. Reload it.", 404: "That no longer exists. Reload the page." }[answer.status] ?? "The server could not do that. Your sites are not affected; try again in a moment.")
})
document.addEventListener("htmx:error", ({ detail }) => !detail.ctx?.response && toast("error", "The server does not answer. Check your connection, and try again."))
document.addEventListener("htmx:confirm", (event) => {
  const asks = event.target.closest?.("[hx-confirm]")
  if (!asks) return
  const { note = "The apps that run now keep it until their next deployment.", act = "Remove" } = asks.dataset
  event.preventDefault()
  const ask = $("#ask")
  ask.innerHTML = '<div class="confirm"><header><h2 id="ask-title"></h2></header><section></section><footer><button class="btn" data-variant="outline" type="button" data-close>Cancel</button><button class="btn" type="button" autofocus></button></footer></div>'
  $("h2", ask).textContent = asks.getAttribute("hx-confirm")
  $("section", ask).textContent = note
  $("[autofocus]", ask).textContent = act
  $("[autofocus]", ask).addEventListener("click", () => { ask.close(); event.detail.issueRequest() })
  ask.showModal()
})

// ── Alpine: what stays in the browser ───────────────────────────────────────────────────────────────────────────────────

/** Pages that need it have it; others get it with the first fragment that does. */
function bringAlpine() {
  if (window.Alpine || !$("[x-data]") || $('script[src*="alpine"]')) return
  document.head.append(Object.assign(document.createElement("script"), { src: document.body.dataset.alpine }))
}

/** A form that can be saved once something has changed. */
const changes = () => ({
  dirty: false,
  init() {
    this.before = this.state()
    this.dirty = Boolean($("[aria-invalid]", this.$root))
  },
  state() { return new URLSearchParams(new FormData(this.$root)).toString() },
  changed() { this.dirty = this.state() !== this.before },
})

document.addEventListener("alpine:init", () => {
  Alpine.data("changes", changes)
  Alpine.data("preset", () => ({
    ...changes(),
    fill() {
      const { elements } = this.$root
      const defaults = elements.preset.selectedOptions[0].dataset
      for (const name of ["install", "build", "pre_deploy", "start", "runner"]) if (elements[name]) elements[name].value = defaults[name] ?? ""
      $("details", this.$root)?.setAttribute("open", "")
      if (this.before !== undefined) this.changed()
    },
  }))
  Alpine.data("secret", () => ({
    shown: false,
    value: "",
    async toggle() {
      if (this.shown) return Object.assign(this, { shown: false, value: "" })
      const answer = await fetch(this.$root.dataset.url, { headers: { "HX-Request": "true" } }).catch(() => null)
      if (!answer?.ok) return toast("error", "The value could not be read. Reload the page.")
      Object.assign(this, { shown: true, value: await answer.text() })
    },
  }))
  Alpine.data("typed", () => ({
    same: false,
    compare({ target }) { this.same = target.value === this.$root.dataset.word },
  }))
})

// ── and off ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

$$(".toast").forEach(letGo)
sayFarewell()
showTheme()
if (navigator.platform.startsWith("Mac")) $$(".search kbd").forEach((key) => write(key, "⌘ K"))
freshen()
showWrong()
setInterval(tick, 1000)
setInterval(age, 15000)
if (document.body.dataset.stream) addEventListener("DOMContentLoaded", () => follow(document.body.dataset.stream))
const sections = $$("[data-follow] a")

/** The section list follows the scroll; at the end of the page it is at its last. */
function showSection() {
  const over = innerHeight + scrollY >= document.documentElement.scrollHeight - 4
  const here = over ? sections.at(-1) : sections.findLast(({ hash }) => $(hash)?.getBoundingClientRect().top < innerHeight / 4) ?? sections[0]
  sections.forEach((link) => (link === here ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")))
}
if (sections.length) {
  showSection()
  addEventListener("scroll", showSection, { passive: true })
}
