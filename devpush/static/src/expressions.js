// What templates may say in x-… attributes: `open`, `!dirty`, `hits.length`, `next($event.shiftKey ? -1 : 1)`, `kind === 'A'`. Reads and
// calls, never writes: what changes something is a method of its component. A third of the CSP build's size was its parser.
import { closestDataStack, mergeProxies } from "alpinejs/src/scope"
import { generateEvaluatorFromFunction } from "alpinejs/src/evaluator"
import { injectMagics } from "alpinejs/src/magics"
import { tryCatch } from "alpinejs/src/utils/error"

const TOKEN = /\s*([\w$]+|"[^"]*"|'[^']*'|===|!==|&&|\|\||[-!?:.,()])\s*/gy
const CONSTANTS = { true: true, false: false, null: null, undefined }
const known = new Map()

/** Alpine asks for a function that computes it, and for the value itself. */
export const evaluator = (element, expression) => {
  const around = stack(element)
  if (typeof expression === "function") return generateEvaluatorFromFunction(around, expression)
  const run = (receive = () => {}, { scope = {}, params = [] } = {}) => {
    const value = compute(expression, mergeProxies([scope, ...around]), params)
    value instanceof Promise ? value.then(receive) : receive(value)
  }
  return tryCatch.bind(null, element, expression, run)
}

export const rawEvaluator = (element, expression, { scope = {}, params = [] } = {}) => compute(expression, mergeProxies([scope, ...stack(element)]), params)

function stack(element) {
  const magics = {}
  injectMagics(magics, element)
  return [magics, ...closestDataStack(element)]
}

function compute(expression, scope, params) {
  if (!known.has(expression)) known.set(expression, read(expression))
  const value = known.get(expression)(scope)
  return typeof value === "function" ? value.apply(scope, params) : value
}

// Each reader takes its words off the front and gives a function from the scope to a value

function read(expression) {
  const words = [...expression.matchAll(TOKEN)]
  if (words.map(([whole]) => whole).join("") !== expression) throw new Error(`“${expression}” is more than a template may say.`)
  const left = words.map(([, word]) => word)
  const taken = (...wanted) => (wanted.includes(left[0]) ? left.shift() : "")
  const must = (word) => { if (!taken(word)) throw new Error(`“${expression}” lacks ${word}.`) }

  const chain = (next, acts) => () => {
    let first = next()
    for (let word; (word = taken(...Object.keys(acts)));) first = acts[word](first, next())
    return first
  }
  const equal = chain(unary, { "===": (a, b) => (scope) => a(scope) === b(scope), "!==": (a, b) => (scope) => a(scope) !== b(scope) })
  const both = chain(equal, { "&&": (a, b) => (scope) => a(scope) && b(scope) })
  const either = chain(both, { "||": (a, b) => (scope) => a(scope) || b(scope) })

  function choice() {
    const test = either()
    if (!taken("?")) return test
    const yes = choice()
    must(":")
    const no = choice()
    return (scope) => (test(scope) ? yes(scope) : no(scope))
  }

  function unary() {
    const sign = taken("!", "-")
    if (!sign) return path()
    const of = unary()
    return sign === "!" ? (scope) => !of(scope) : (scope) => -of(scope)
  }

  function path() {
    let [owner, value] = [(scope) => scope, atom()]
    for (let word; (word = taken(".", "("));) {
      const [before, it] = [owner, value]
      if (word === ".") {
        const name = left.shift()
        ;[owner, value] = [it, (scope) => it(scope)?.[name]]
      } else {
        const given = []
        while (!taken(")")) {
          given.push(choice())
          if (left[0] !== ")") must(",")
        }
        value = (scope) => it(scope).apply(before(scope), given.map((one) => one(scope)))
      }
    }
    return value
  }

  function atom() {
    const word = left.shift() ?? ""
    if (word === "(") {
      const inside = choice()
      must(")")
      return inside
    }
    const value = word in CONSTANTS ? CONSTANTS[word] : /^\d/.test(word) ? Number(word) : /^["']/.test(word) ? word.slice(1, -1) : undefined
    if (value !== undefined || word === "undefined") return () => value
    if (!/^[\w$]/.test(word)) throw new Error(`“${expression}” ends too early.`)
    return (scope) => scope[word]
  }

  const whole = choice()
  if (left.length) throw new Error(`“${expression}” goes on with ${left[0]}.`)
  return whole
}
