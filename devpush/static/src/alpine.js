// Alpine for a policy without eval, as @alpinejs/csp puts it together from the same sources (its src/index.js), but with the
// directives that templates use and no others, and a smaller language (expressions.js). Pages without x-data don't load it.
import Alpine from "alpinejs/src/alpine"
import { evaluator, rawEvaluator } from "./expressions.js"
import { effect, reactive, stop, toRaw } from "@vue/reactivity"
import "alpinejs/src/magics/index"
import "alpinejs/src/directives/x-bind"
import "alpinejs/src/directives/x-cloak"
import "alpinejs/src/directives/x-data"
import "alpinejs/src/directives/x-on"
import "alpinejs/src/directives/x-ref"
import "alpinejs/src/directives/x-show"
import "alpinejs/src/directives/x-text"

Alpine.setEvaluator(evaluator)
Alpine.setRawEvaluator(rawEvaluator)
Alpine.setReactivityEngine({
  reactive,
  release: stop,
  raw: toRaw,
  effect(callback, options = {}) {
    const runner = effect(callback, { scheduler: () => runner && (options.scheduler ? options.scheduler(runner) : runner()) })
    return runner
  },
})
window.Alpine = Alpine
queueMicrotask(() => Alpine.start())
