// The metrics page: what the server drew as SVG, drawn again with axes and values to point at, and kept up to date. The library
// (uPlot) comes once the page is there; where it doesn't come, the server's drawing stays.

const charts = document.getElementById("metrics")
const EVERY = 15_000
const HEIGHT = 176
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] // what has no unit is counted
const number = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 })
const minute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" })
const hour = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" })

/** Chart's name → what is drawn of it, and where. */
const drawn = new Map()
const widths = new ResizeObserver(() => drawn.forEach((one) => one.plot.setSize(sizeOf(one))))

async function begin() {
  const [data] = await Promise.all([ask(), library()])
  if (!data) return
  show(data)
  setInterval(refresh, EVERY)
  document.addEventListener("visibilitychange", refresh)
  new MutationObserver(() => redraw()).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] })
}

function library() {
  return new Promise((done, failed) => {
    const script = document.createElement("script")
    Object.assign(script, { src: charts.dataset.plot, onload: done, onerror: failed })
    document.head.append(script)
  })
}

async function ask() {
  try {
    const answer = await fetch(charts.dataset.metrics, { headers: { Accept: "application/json" } })
    return answer.ok ? await answer.json() : null
  } catch {
    return null // the server is away: what is drawn stays
  }
}

async function refresh() {
  if (document.hidden) return
  const data = await ask()
  if (data) show(data)
}

function show(data) {
  const span = data.at.at(-1) - data.at[0]
  for (const chart of data.charts) {
    const figure = charts.querySelector(`[data-chart="${chart.name}"]`)
    const place = figure?.querySelector(".plot")
    if (!place) continue
    const values = [data.at, ...chart.series.map((series) => series.values)]
    const known = drawn.get(chart.name)
    if (known) {
      Object.assign(known, { chart })
      known.plot.setData(values)
      if (!known.pointed) known.words.textContent = chart.figure
    } else {
      const fresh = { chart, words: figure.querySelector("[data-figure]"), place, clock: span > 86_400 ? hour : minute }
      drawn.set(chart.name, fresh)
      fresh.plot = draw(fresh, values)
      widths.observe(place)
    }
  }
}

/** In the colours of the theme, which a canvas must be told. */
function draw(one, values) {
  const look = getComputedStyle(document.documentElement)
  const colour = (name) => look.getPropertyValue(`--${name}`).trim()
  const axis = {
    stroke: colour("muted-foreground"),
    font: `11px ${getComputedStyle(document.body).fontFamily}`,
    grid: { stroke: colour("border"), width: 1 },
    ticks: { show: false },
  }
  one.place.replaceChildren()
  return new uPlot(
    {
      ...sizeOf(one),
      padding: [8, 28, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "metrics" }, drag: { x: false, y: false }, y: false, points: { size: 6 } },
      scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
      axes: [
        { ...axis, grid: { show: false }, size: 28, values: (_, times) => times.map((at) => one.clock.format(at * 1000)), space: 80 },
        { ...axis, size: 52, space: 36, incrs: one.chart.unit ? undefined : WHOLE, values: (_, marks) => marks.map((mark) => number.format(mark)) },
      ],
      series: [
        {},
        ...one.chart.series.map((series) => ({
          label: series.word,
          stroke: colour(series.tone),
          width: 1.5,
          points: { show: (plot, at) => alone(plot.data[at]), size: 3 },
          fill: one.chart.series.length === 1 ? colour(`${series.tone}-soft`) : undefined,
        })),
      ],
      hooks: { setCursor: [(plot) => point(one, plot)] },
    },
    values,
    one.place,
  )
}

function sizeOf(one) {
  return { width: one.place.clientWidth, height: HEIGHT }
}

/** Values with a gap on both sides would not be seen as a line. */
const alone = (values) => values.filter((value) => value !== null).length < 3

/** What was at the time that is pointed at stands where the sum of it stood. */
function point(one, plot) {
  const at = plot.cursor.idx
  one.pointed = at !== null && at !== undefined && plot.cursor.left >= 0
  one.words.textContent = one.pointed ? said(one, plot, at) : one.chart.figure
}

function said(one, plot, at) {
  const several = one.chart.series.length > 1
  const values = one.chart.series.map((series, place) => {
    const value = plot.data[place + 1][at]
    return `${several ? `${series.word} ` : ""}${value === null ? "–" : `${number.format(value)} ${one.chart.unit}`.trim()}`
  })
  return [one.clock.format(plot.data[0][at] * 1000), ...values].join(" · ")
}

function redraw() {
  for (const one of drawn.values()) {
    const { data } = one.plot
    one.plot.destroy()
    one.plot = draw(one, data)
  }
}

if (charts) begin().catch(() => {})
