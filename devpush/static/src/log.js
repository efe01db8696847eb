// The log viewer. Lines come as HTML from the server (the page, the stream, older ones on scroll) and are kept in chunks; a chunk
// out of sight keeps its height and gives up its elements, so that 100,000 lines are as smooth as a hundred.

const CHUNK = 100
const LINE = 20 // px, before it has been seen

function log() {
  let root, view, list, watcher
  let chunks = [] // { box, html[], texts[], ids[], sources[], shown }
  const errors = [] // ids
  let first = 1
  let older = "" // where older lines are asked for
  let loading = false
  const seen = new Set() // ids; lines of two deployments may come crosswise, so that "newer than the last" is not enough
  let sticky = true
  let top = 0
  let at = -1 // which hit we stand on
  const count = () => chunks.reduce((sum, chunk) => sum + chunk.ids.length, 0)
  const today = new Date().toDateString()
  const two = (n, width = 2) => String(n).padStart(width, "0")

  // ── chunks ──

  function chunk(before = null) {
    const box = document.createElement("div")
    const fresh = { box, html: [], texts: [], ids: [], sources: [], shown: false }
    box.chunk = fresh
    list.insertBefore(box, before)
    watcher.observe(box)
    return fresh
  }

  function add(to, line) {
    to.ids.push(Number(line.dataset.id))
    seen.add(to.ids.at(-1))
    to.sources.push(line.dataset.source)
    if (line.dataset.level === "error") errors.push(to.ids.at(-1))
    to.texts.push(line.lastElementChild.textContent)
    to.html.push(line.outerHTML)
  }

  function reserve(of) {
    const { source } = root.dataset
    of.box.style.height = `${of.sources.reduce((sum, one) => sum + (!source || one === source), 0) * LINE}px`
  }

  function show(of) {
    if (of.shown) return
    of.shown = true
    of.box.style.height = ""
    of.box.innerHTML = of.html.join("")
    let number = first
    for (const one of chunks) {
      if (one === of) break
      number += one.ids.length
    }
    for (const line of of.box.children) dress(line, number++)
    mark(of)
  }

  function hide(of) {
    if (!of.shown || getSelection().containsNode(of.box, true)) return
    of.box.style.height = `${of.box.offsetHeight}px`
    of.box.textContent = ""
    of.shown = false
  }

  /** The number, and the time in the reader's zone. */
  function dress(line, number) {
    const [link, time] = line.children
    const when = new Date(time.dateTime)
    link.dataset.n = number
    time.textContent = `${when.toDateString() === today ? "" : `${day.format(when)} `}${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`
    time.dataset.ms = `.${two(when.getMilliseconds(), 3)}`
    if (link.hash === location.hash) line.classList.add("chosen")
  }

  // ── lines in ──

  function read(html) {
    const template = document.createElement("template")
    template.innerHTML = html
    return [...template.content.querySelectorAll(".line")]
  }

  function append(lines) {
    lines = lines.filter((line) => !seen.has(Number(line.dataset.id)))
    let number = first + count()
    lines.forEach((line, index) => {
      let last = chunks.at(-1)
      if (!last || last.ids.length >= CHUNK) {
        if (last && !last.shown) reserve(last)
        chunks.push((last = chunk()))
        last.shown = sticky && lines.length - index <= CHUNK // of a flood, only its end
      }
      add(last, line)
      if (last.shown) {
        last.box.append(line)
        dress(line, number)
      }
      number += 1
    })
    if (chunks.length && !chunks.at(-1).shown) reserve(chunks.at(-1))
    if (sticky) chunks.slice(-2).forEach(show) // at once, or there would be a gap for a frame
    document.getElementById("log-waiting")?.toggleAttribute("hidden", chunks.length > 0)
    const { source } = root.dataset
    return lines.reduce((sum, line) => sum + (!source || line.dataset.source === source), 0)
  }

  async function loadOlder() {
    if (!older || loading || !chunks.length) return false
    loading = true
    try {
      const url = new URL(older, location.href)
      url.searchParams.set("before", chunks[0].ids[0])
      const answer = await fetch(url, { headers: { "HX-Request": "true" } })
      if (!answer.ok) return false
      const lines = read(await answer.text()).filter((line) => !seen.has(Number(line.dataset.id)))
      const more = answer.headers.get("X-Has-Older")
      if (more ? more === "0" : lines.length < 1000) older = ""
      const fromBottom = view.scrollHeight - view.scrollTop
      const shift = Math.max(0, lines.length - first + 1) // we began to count too low
      first = Math.max(1, first - lines.length)
      for (let end = lines.length; end > 0; end -= CHUNK) {
        const fresh = chunk(chunks[0].box)
        for (const line of lines.slice(Math.max(0, end - CHUNK), end)) add(fresh, line)
        chunks.unshift(fresh)
        reserve(fresh)
      }
      view.scrollTop = view.scrollHeight - fromBottom
      if (shift) list.querySelectorAll(".line > a").forEach((link) => (link.dataset.n = Number(link.dataset.n) + shift))
      return lines.length > 0
    } finally {
      loading = false
    }
  }

  // ── moving ──

  const pin = () => { view.scrollTop = view.scrollHeight }

  async function goTo(id) {
    while (older && chunks[0]?.ids[0] > id) if (!(await loadOlder())) break
    const home = seen.has(id) && chunks.find((one) => one.ids.includes(id))
    const index = home?.ids.indexOf(id) ?? -1
    if (index < 0) return null
    sticky = false
    show(home)
    const line = home.box.children[index]
    line.scrollIntoView({ block: "center", inline: "nearest" })
    requestAnimationFrame(() => line.scrollIntoView({ block: "center", inline: "nearest" })) // once its neighbours have their heights
    return line
  }

  function choose(line) {
    list.querySelector(".chosen")?.classList.remove("chosen")
    line?.classList.add("chosen")
  }

  const linked = () => Number(/^#L(\d+)$/.exec(location.hash)?.[1] ?? NaN)

  // ── search ──

  let needle = ""
  const marks = globalThis.Highlight && { found: new Highlight(), "found-here": new Highlight() }
  if (marks) for (const name in marks) CSS.highlights.set(name, marks[name])

  /** Mark what is searched for in a chunk that is in the page. */
  function mark(of) {
    if (needle && marks && of.shown) of.texts.forEach((text, index) => matches(text).length && ranges(of.box.children[index], text).forEach((range) => marks.found.add(range)))
  }

  function matches(text) {
    const found = []
    const low = text.toLowerCase()
    for (let from = low.indexOf(needle); from >= 0; from = low.indexOf(needle, from + needle.length)) found.push(from)
    return found
  }

  function ranges(line, text) {
    const nodes = []
    const walker = document.createTreeWalker(line.lastElementChild, NodeFilter.SHOW_TEXT)
    for (let start = 0, node; (node = walker.nextNode()); start += node.length) nodes.push({ node, start })
    const place = (offset, end) => {
      const found = nodes.findLast(({ start }) => (end ? start < offset : start <= offset))
      return [found.node, Math.min(offset - found.start, found.node.length)]
    }
    return matches(text).map((from) => {
      const range = new Range()
      range.setStart(...place(from))
      range.setEnd(...place(from + needle.length, true))
      return range
    })
  }

  return {
    get query() { return this.$refs.find.value.toLowerCase() },
    hits: [], // ids of the lines that have it
    found: "",
    source: "",
    wrapped: false,
    missed: 0,
    errors: 0,
    get problems() { return `${this.errors.toLocaleString()} error${this.errors === 1 ? "" : "s"}` },
    get news() { return `${this.missed.toLocaleString()} new line${this.missed === 1 ? "" : "s"}` },

    init() {
      root = this.$root
      view = this.$refs.view
      list = document.getElementById("log-lines")
      first = Number(root.dataset.first)
      older = root.dataset.older ?? ""
      this.source = this.asked = root.dataset.source
      this.wrapped = (localStorage.getItem("wrap") ?? (innerWidth < 640 ? "yes" : "no")) === "yes"
      view.classList.toggle("wrap-lines", this.wrapped)
      watcher = new IntersectionObserver((entries) => {
        for (const { target, isIntersecting } of entries) isIntersecting ? show(target.chunk) : target.chunk !== chunks.at(-1) && hide(target.chunk)
      }, { root: view, rootMargin: "800px 0px" })
      const given = [...list.children]
      list.replaceChildren()
      append(given)
      this.errors = errors.length
      list.addEventListener("lines", ({ detail }) => this.take(detail))
      list.addEventListener("click", (event) => {
        const link = event.target.closest(".line > a")
        if (!link) return
        event.preventDefault()
        history.replaceState(null, "", link.hash)
        choose(link.parentElement)
      })
      list.addEventListener("pointerover", ({ target }) => target.dateTime && (target.title = exact.format(new Date(target.dateTime))))
      view.addEventListener("scroll", () => this.scrolled(), { passive: true })
      new ResizeObserver(() => sticky && pin()).observe(list)
      document.addEventListener("keydown", (event) => {
        if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select, dialog")) return
        event.preventDefault()
        this.$refs.find.focus()
      })
      addEventListener("hashchange", async () => choose(await goTo(linked())))
      pin()
      if (linked()) goTo(linked()).then(choose)
    },

    take(html) {
      const added = append(read(html))
      this.errors = errors.length
      if (!sticky) this.missed += added // else the list has grown, and is pinned by its observer
      if (needle && added) this.search(false)
    },

    scrolled() {
      const rest = view.scrollHeight - view.clientHeight - view.scrollTop
      if (rest < 24) {
        sticky = true
        this.missed = 0
      } else if (view.scrollTop < top - 1) sticky = false
      top = view.scrollTop
      if (top < 600) loadOlder()
    },

    follow() {
      sticky = true
      this.missed = 0
      pin()
    },

    /** Lines of one source. Where all of them are here that needs no server. */
    choose(event) {
      const link = event.currentTarget
      if (older || this.asked || event.ctrlKey || event.metaKey || event.shiftKey) return
      event.preventDefault()
      history.replaceState(null, "", link.href)
      for (const other of link.parentElement.children) other.toggleAttribute("aria-current", other === link)
      this.show(link.dataset.source)
    },

    async nextError() {
      const shown = errors.filter((id) => !this.source || chunks.some((one) => one.sources[one.ids.indexOf(id)] === this.source))
      if (!shown.length) return
      const last = Number(list.querySelector(".chosen")?.dataset.id ?? NaN)
      choose(await goTo(shown.find((id) => id > last) ?? shown[0]))
    },

    show(source) {
      this.source = root.dataset.source = source
      chunks.forEach((one) => !one.shown && reserve(one))
      if (sticky) pin()
      if (needle) this.search()
    },

    wrap() {
      this.wrapped = !this.wrapped
      localStorage.setItem("wrap", this.wrapped ? "yes" : "no")
      view.classList.toggle("wrap-lines", this.wrapped)
    },

    async copy() {
      const lines = chunks.flatMap((one) => one.texts.filter((_, index) => !this.source || one.sources[index] === this.source))
      await copy(lines.join("\n") + "\n")
      toast("success", `Copied ${lines.length.toLocaleString()} line${lines.length === 1 ? "" : "s"}.`)
    },

    /** Find every line; go to the newest one if asked by the reader, stay where we are if new lines came. */
    search(go = true) {
      needle = this.query
      const stand = this.hits[at]
      if (marks) for (const name in marks) marks[name].clear()
      this.hits = needle ? chunks.flatMap((one) => one.ids.filter((_, index) => (!this.source || one.sources[index] === this.source) && one.texts[index].toLowerCase().includes(needle))) : []
      chunks.forEach(mark)
      at = go ? this.hits.length - 1 : this.hits.indexOf(stand)
      this.tell()
      if (go && this.hits.length) this.visit()
    },

    async next(step) {
      if (needle !== this.query) return this.search()
      if (step < 0 && at <= 0 && older) { // further back than we have
        const stand = this.hits[at]
        await loadOlder()
        this.search(false)
        at = this.hits.indexOf(stand)
      }
      if (!this.hits.length) return
      at = (at + step + this.hits.length) % this.hits.length
      this.tell()
      this.visit()
    },

    async visit() {
      const line = await goTo(this.hits[at])
      choose(line)
      if (!marks || !line) return
      marks["found-here"].clear()
      ranges(line, line.lastElementChild.textContent).forEach((range) => marks["found-here"].add(range))
    },

    tell() {
      this.found = !needle ? "" : this.hits.length ? `${(at + 1).toLocaleString()} of ${this.hits.length.toLocaleString()}` : "Nothing"
    },

    clear() {
      this.$refs.find.value = ""
      this.search()
    },
  }
}

document.addEventListener("alpine:init", () => Alpine.data("log", log))
