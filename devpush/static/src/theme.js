// Light or dark, before the first paint. "system" follows the machine. (Blocking on purpose, and tiny.)
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)")
  const chosen = () => { try { return localStorage.getItem("theme") || "system" } catch { return "system" } }
  const show = () => {
    const theme = chosen()
    const root = document.documentElement
    root.classList.toggle("dark", theme === "dark" || (theme === "system" && dark.matches))
    root.dataset.theme = theme
  }
  window.theme = { chosen, choose(theme) { try { localStorage.setItem("theme", theme) } catch { /* private window */ } show() } }
  dark.addEventListener("change", show)
  addEventListener("storage", show)
  show()
})()
