#!/usr/bin/env bash
# From a fresh clone to a running dashboard with an example app live behind Traefik.
#   bash provision/quickstart.sh            run in the foreground; Ctrl-C stops all that it started
#   bash provision/quickstart.sh --detach   return once everything is live
#   bash provision/quickstart.sh --stop     stop what --detach started
# PORT (8000) and HTTP_PORT (8080) are the dashboard's and the apps' ports; every other setting (docs/configure.md) works too.
# shellcheck source=provision/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

export PORT="${PORT:-8000}" HTTP_PORT="${HTTP_PORT:-8080}"
EXAMPLE="example.${DEPLOY_DOMAIN:-localhost}"
STARTED_HERE=
PID_FILE=

main() {
  case "${1:-}" in
    "" | --detach | --stop) ;;
    -h | --help) usage && exit ;;
    *) fail "$(usage)" ;;
  esac
  cd "$ROOT"
  [ "${1:-}" != --stop ] || { stop_all && exit; }
  say "Preparing"
  ensure_docker
  ensure_firewall
  need git git
  need ssh openssh-client
  ensure_venv requirements.lock
  find_data_dir
  if running; then
    say "It is running already (process $(server_pid))."
  else
    start
  fi
  deploy_example
  [ -z "$STARTED_HERE" ] || prepare_others
  tell_all
  [ "${1:-}" = --detach ] || stay
}

find_data_dir() {
  [ -n "${DATA_DIR:-}" ] || DATA_DIR="$("$PYTHON" -c 'from devpush.settings import default_data_dir; print(default_data_dir())')"
  export DATA_DIR
  mkdir -p "$DATA_DIR/run" "$DATA_DIR/logs"
  PID_FILE="$DATA_DIR/run/serve.pid"
  LOG="$DATA_DIR/logs/serve.log"
}

# The server

start() {
  port_is_free "$PORT" || fail "Port $PORT is in use by another program. Please stop it, or choose another: PORT=8001 bash provision/quickstart.sh"
  port_is_free "$HTTP_PORT" || fail "Port $HTTP_PORT is in use by another program. Please stop it, or choose another: HTTP_PORT=8081 bash provision/quickstart.sh"
  ensure_ca_bundle
  ensure_base_image
  step "Building the runner images that are not there yet" "$PYTHON" devpush.py prepare python node static
  step "Bringing the database up to date" "$PYTHON" devpush.py migrate
  rm -f "$DATA_DIR/run/sign-in-link"
  trap 'stop_all; exit 130' INT TERM HUP
  # In a session of its own: Ctrl-C comes to us, and we stop it in an orderly way.
  setsid nohup "$PYTHON" devpush.py serve >"$LOG" 2>&1 </dev/null 3>&- &
  echo $! >"$PID_FILE"
  STARTED_HERE=yes
  step "Starting the dashboard" wait_until_ready || {
    tail -n 20 "$LOG" | sed 's/^/    /' >&2
    ! running || stop_all
    fail "It did not start. The whole log is in $LOG"
  }
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

wait_until_ready() {
  for _ in $(seq 300); do
    is_ready && return 0
    running || return 1
    sleep 0.2
  done
  return 1
}

is_ready() { curl -fs -o /dev/null --max-time 5 "http://127.0.0.1:$PORT/ready"; }

server_pid() { cat "$PID_FILE" 2>/dev/null; }

# Is the process of the number ours, and not another one that got its number?
running() {
  local pid
  pid="$(server_pid)" && [ -r "/proc/${pid:-none}/cmdline" ] || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q 'devpush.py serve'
}

# The example

deploy_example() {
  example_is_live && return 0
  say "Deploying the example, by the way that every push will take"
  "$PYTHON" devpush.py deploy "$DATA_DIR/examples/python.git" --project example 2>&1 | sed 's/^/  │ /' >&2 ||
    fail "The example could not be deployed. The reason stands above; the dashboard runs, and its log is in $LOG"
}

# A route whose app does not answer is one of the last run: its container is being started again.
example_is_live() {
  local status
  for _ in $(seq 50); do
    status="$(curl -s -o /dev/null --max-time 5 -w '%{http_code}' -H "Host: $EXAMPLE" "http://127.0.0.1:$HTTP_PORT/")" || true
    case "$status" in
      50[234]) sleep 0.2 ;;
      *) break ;;
    esac
  done
  [ "$status" = 200 ]
}

# The other runners' images take minutes: they are made while somebody looks around, or by the first who needs one.
prepare_others() {
  setsid nohup nice "$PYTHON" devpush.py prepare >>"$DATA_DIR/logs/prepare.log" 2>&1 </dev/null 3>&- &
}

# The end

tell_all() {
  local link=""
  link="$(cat "$DATA_DIR/run/sign-in-link" 2>/dev/null)" || true
  printf '\n  %-12s %s\n' "Dashboard" "http://${APP_HOSTNAME:-localhost}:$PORT"
  [ -z "$link" ] || printf '  %-12s %s\n' "Sign in" "$link" "" "(once, within 24 hours; another: .venv/bin/python devpush.py sign-in-link)"
  printf '  %-12s %s\n' "Example app" "http://$EXAMPLE:$HTTP_PORT"
  printf '  %-12s %s\n\n' "Log" "$LOG"
}

stay() {
  if [ -z "$STARTED_HERE" ]; then
    say "Stop it with: bash provision/quickstart.sh --stop"
    return 0
  fi
  say "Press Ctrl-C to stop."
  wait "$(server_pid)" || true
  tail -n 20 "$LOG" >&2
  fail "The server has ended by itself. The whole log is in $LOG"
}

stop_all() {
  local pid apps
  trap '' INT TERM HUP
  exec 2>&3
  if ! [ -x "$PYTHON" ] || { [ -n "$PID_FILE" ] || find_data_dir; } && ! running; then
    say "It is not running."
    return 0
  fi
  pid="$(server_pid)"
  apps="$(app_containers)" || apps=
  step "Stopping the dashboard, PostgreSQL, Valkey and Traefik" stop_server "$pid"
  [ -z "$apps" ] || step "Stopping the apps" stop_containers "$apps"
  rm -f "$PID_FILE"
  say "Stopped. Everything is kept, and comes back with the next start. The Docker Engine goes on running."
}

stop_server() {
  kill "$1" 2>/dev/null
  for _ in $(seq 200); do
    running || return 0
    sleep 0.1
  done
  kill -KILL "$1"
}

# The ids of this installation's running containers, asked while its database still runs.
app_containers() {
  local installation
  installation="$("$PYTHON" -c '
import asyncio, asyncpg, pathlib, sys
from devpush.local import endpoints
async def ask(dsn):
    connection = await asyncpg.connect(dsn)
    print(await connection.fetchval("SELECT id FROM installation"))
found = endpoints(pathlib.Path(sys.argv[1]))
if found and found.postgres_dsn:
    asyncio.run(ask(found.postgres_dsn))
' "$DATA_DIR" 2>/dev/null)" || return 1
  [ -n "$installation" ] || return 0
  engine "/containers/json" -G --data-urlencode "filters={\"label\":[\"devpush.installation=$installation\"]}" |
    "$PYTHON" -c 'import json, sys; print(*(found["Id"] for found in json.load(sys.stdin)))'
}

stop_containers() {
  local id pids=()
  for id in $1; do
    engine "/containers/$id/stop?t=5" -X POST --max-time 20 &
    pids+=($!)
  done
  wait "${pids[@]}"  # not for all: what counts the seconds is a job too
}

main "$@"
