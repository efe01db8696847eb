#!/usr/bin/env bash
# Installs what the tests need and runs them. Arguments after the part go to pytest.
#   bash provision/test.sh               everything
#   bash provision/test.sh quick         lint, and the tests that need neither the Docker Engine nor a browser
#   bash provision/test.sh lint          format, rules, types, who imports whom, secrets, known holes, shell scripts
#   bash provision/test.sh unit          tests/unit; likewise: integration, abuse, life, crash, zero_downtime, browser,
#                                        production, provision
# shellcheck source=provision/stack.sh
. "$(dirname "${BASH_SOURCE[0]}")/stack.sh"

main() {
  local part="${1:-all}"
  [ $# -eq 0 ] || shift
  case "$part" in
    all | quick | lint | unit | integration | abuse | life | crash | zero_downtime | browser | production | provision) ;;
    -h | --help | help) usage && exit ;;
    *) fail "$(usage)" ;;
  esac
  cd "$ROOT"
  need git git
  need ssh openssh-client
  [ -x /usr/sbin/sshd ] || [ "$part" = lint ] || need sshd openssh-server
  ensure_venv requirements.lock requirements-dev.lock
  case "$part" in
    all)
      need shellcheck shellcheck
      lint
      prepare_engine
      prepare_browser
      prepare_production
      ensure_emulate
      ensure_pebble
      both "$@"
      ;;
    quick)
      lint
      tests tests/unit tests/abuse -- -m "not integration and not browser" "$@"
      ;;
    lint)
      need shellcheck shellcheck
      lint
      ;;
    unit)
      tests tests/unit -- "$@"
      ;;
    integration | abuse | life | crash | zero_downtime)
      prepare_engine
      ensure_emulate
      [ "$part" != integration ] || ensure_pebble
      tests "tests/$part" -- "$@"
      ;;
    browser)
      prepare_engine
      prepare_browser
      ensure_emulate
      tests tests/browser -- "$@"
      ;;
    production | provision)
      prepare_engine
      prepare_production
      tests "tests/$part" -- "$@"
      ;;
  esac
}

# Lint. All checks run, so that one look shows all there is to mend.

lint() {
  local failed=0
  check "ruff format" "$VENV/bin/ruff" format --check . || failed=1
  check "ruff check" "$VENV/bin/ruff" check . || failed=1
  check "mypy" "$VENV/bin/mypy" devpush tests || failed=1
  check "mypy devpush.py" "$VENV/bin/mypy" --follow-imports=silent devpush.py || failed=1
  check "import-linter" who_imports_whom || failed=1
  check "secrets in files" "$PYTHON" -m tests.gates secrets || failed=1
  check "known holes in dependencies" "$PYTHON" -m tests.gates holes || failed=1
  if command -v shellcheck >/dev/null; then
    check "shellcheck" shellcheck -x provision/*.sh provision/*/*.sh provision/devpush provision/image/healthy .ci/run \
      runners/static/serve-static runners/php/serve-php runners/go/go tests/production/images/*/*.sh || failed=1
  else
    say "  · shellcheck is not installed: shell scripts not checked (provision/test.sh lint installs it)"
  fi
  [ "$failed" -eq 0 ] || fail "Please mend what is shown above."
}

# From a folder with the package alone: beside it, import-linter takes the script devpush.py for the package's own file.
who_imports_whom() (
  mkdir "$LOGS/house" && ln -s "$ROOT/devpush" "$LOGS/house/devpush" && cd "$LOGS/house" &&
    "$VENV/bin/lint-imports" --no-cache --config "$ROOT/pyproject.toml"
)

check() {
  local what="$1" log="$LOGS/check.log" start=$SECONDS
  shift
  if "$@" >"$log" 2>&1; then
    say "  ✓ $what ($((SECONDS - start))s)"
    grep '^!' "$log" >&2 || true # what it couldn't look at
  else
    say "  ✗ $what"
    cat "$log" >&2
    return 1
  fi
}

# Tests

SLOWEST=(--durations=10 --durations-min=2)
export STEADY=yes # hypothesis: the same examples each time (tests/conftest.py)

# tests folder... -- pytest argument...
tests() {
  local folders=() start=$SECONDS code=0
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    folders+=("$1")
    shift
  done
  shift
  say "pytest ${folders[*]}"
  "$PYTHON" -m pytest "${SLOWEST[@]}" "${folders[@]}" "$@" || code=$?
  say "pytest took $((SECONDS - start))s"
  return "$code"
}

# Everything, in two runs side by side: one mostly computes, the other mostly waits for containers and pages. What the
# second says comes after the first has ended.
both() {
  local log="$LOGS/second-run.log" second first=0
  # A shell's background jobs ignore Ctrl-C; this one shall clear up after itself when it is told to stop.
  env --default-signal=INT "$PYTHON" -m pytest "${SLOWEST[@]}" tests/life tests/crash tests/browser tests/production \
    tests/provision "$@" >"$log" 2>&1 </dev/null &
  second=$!
  trap 'kill -INT "$second"; wait "$second"; exit 130' INT TERM
  tests tests/unit tests/integration tests/abuse tests/zero_downtime -- "$@" || first=$?
  step "tests/life, crash, browser, production and provision" ended "$second" || true
  trap - INT TERM
  cat "$log"
  wait "$second" && return "$first"
}

ended() {
  while kill -0 "$1" 2>/dev/null; do sleep 1; done
}

prepare_engine() {
  ensure_docker
  ensure_firewall
  ensure_ca_bundle
  ensure_base_image
}

prepare_browser() {
  command -v chromium >/dev/null || command -v chromium-browser >/dev/null || install_packages chromium fonts-liberation
}

# The whole stack in containers: Compose, and images of what it runs where no registry has them.
prepare_production() {
  ensure_compose
  step "Making images of PostgreSQL, Valkey, Traefik, HAProxy and Loki that are not there" make_stand_ins
}

make_stand_ins() { cd "$ROOT" && "$PYTHON" -m tests.production.standins; }

# An ACME server, as Let's Encrypt is one.
ensure_pebble() { need pebble pebble; }

main "$@"
