# shellcheck shell=bash
# What install.sh, update.sh and devpush share: the installation in this checkout, its settings, containers and colours.

# shellcheck source=provision/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SETTINGS="$ROOT/.env"
READY_WITHIN="${READY_WITHIN:-180}" # seconds: a first start migrates, and a database mends itself after a power cut

# Settings

# setting NAME [default]: as compose reads it from .env.
setting() {
  local value=""
  [ ! -r "$SETTINGS" ] || value="$(sed -n "s/^$1=//p" "$SETTINGS" | tail -n 1)"
  case "$value" in
    \"*\" | \'*\') value="${value:1:-1}" ;;
  esac
  printf '%s' "${value:-${2:-}}"
}

# put NAME VALUE: takes the place of what was there.
put() {
  local rest
  [[ "$1" =~ ^[A-Z][A-Z0-9_]*$ ]] || fail "$1 is not the name of a setting. Please write --set NAME=VALUE."
  [[ "$2" != *$'\n'* ]] || fail "$1 must be one line."
  [ "$(setting "$1")" != "$2" ] || return 0
  rest="$(grep -v "^$1=" "$SETTINGS")" || true
  (umask 077 && printf '%s\n%s=%s\n' "$rest" "$1" "$2" >"$SETTINGS.new")
  mv "$SETTINGS.new" "$SETTINGS"
}

know_installation() {
  [ -r "$SETTINGS" ] || fail "There is no installation in $ROOT that you may read. Make one with: sudo bash provision/install.sh"
  PROJECT="$(setting COMPOSE_PROJECT_NAME devpush)"
  IMAGE="$(setting APP_IMAGE devpush)"
  know_engine
}

# Compose must mean the engine that we mean.
know_engine() {
  [ -S "$DOCKER_SOCKET" ] || DOCKER_SOCKET="$(setting DOCKER_SOCKET "$DOCKER_SOCKET")"
  export DOCKER_HOST="unix://$DOCKER_SOCKET"
}

# version_here: of the tree as it is.
version_here() { sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$ROOT/devpush/__init__.py"; }

# Compose: the newer one is a command of docker's, the older one a program of its own. Both read compose.override.yml.

compose() (
  cd "$ROOT"
  # What its variables can't say: an ACME server that follows from another setting.
  case "$(setting LE_STAGING | tr '[:upper:]' '[:lower:]') $(setting ACME_DIRECTORY)" in
    "true " | "1 " | "yes " | "on ") export ACME_DIRECTORY=https://acme-staging-v02.api.letsencrypt.org/directory ;;
  esac
  if docker compose version >/dev/null 2>&1; then
    docker compose "$@"
  else
    docker-compose "$@"
  fi
)

ensure_compose() {
  local package
  command -v docker >/dev/null || install_packages "$(first_package docker-cli docker.io)"
  if ! docker compose version >/dev/null 2>&1 && ! command -v docker-compose >/dev/null; then
    package="$(first_package docker-compose-v2 docker-compose)" || fail "Docker Compose is needed. Please install it."
    install_packages "$package"
  fi
}

# The first of these that this system's package lists know.
first_package() {
  local name
  for name in "$@"; do
    if apt-cache show "$name" >/dev/null 2>&1; then
      echo "$name"
      return 0
    fi
  done
  return 1
}

# start_parts: what the app stands on. Those that run stay as they are.
start_parts() { compose up -d --no-recreate; }

# outdated_parts: the services that compose.yml describes otherwise than they were started.
outdated_parts() {
  local name hash started
  compose config --hash='*' 2>/dev/null | while read -r name hash; do
    case "$name" in app-* | folders) continue ;; esac
    started="$(docker inspect -f '{{index .Config.Labels "com.docker.compose.config-hash"}}' "$PROJECT-$name" 2>/dev/null)" || continue
    [ "$started" = "$hash" ] || echo "$name"
  done
}

# The two colours. One serves; the other one's name is free for the next version.

container() { printf '%s-app-%s' "$PROJECT" "$1"; }

other() { if [ "$1" = blue ]; then echo green; else echo blue; fi; }

port_of() { if [ "$1" = blue ]; then setting BLUE_PORT 8001; else setting GREEN_PORT 8002; fi; }

exists() { docker inspect -f . "$(container "$1")" >/dev/null 2>&1; }

runs() { [ "$(docker inspect -f '{{.State.Running}}' "$(container "$1")" 2>/dev/null)" = true ]; }

# serving: the colour that has the dashboard; while that can't be known, the one that is there. Fails if there is none.
serving() {
  local colour
  if colour="$(colour_of_front)" && exists "$colour"; then
    echo "$colour"
    return 0
  fi
  for colour in blue green; do
    ! runs "$colour" || { echo "$colour" && return 0; }
  done
  for colour in blue green; do
    ! exists "$colour" || { echo "$colour" && return 0; }
  done
  return 1
}

colour_of_front() {
  local front
  front="$(front)"
  case "$front" in
    "http://127.0.0.1:$(port_of blue)") echo blue ;;
    "http://127.0.0.1:$(port_of green)") echo green ;;
    *) return 1 ;;
  esac
}

# front: the address that Traefik sends the dashboard's visitors to. Nothing where that isn't known (yet).
front() { query 'SELECT front FROM installation' 2>/dev/null || true; }

query() { docker exec "$PROJECT-pgsql" psql -U postgres -d "$(setting POSTGRES_DB devpush)" -v ON_ERROR_STOP=1 -tAc "$1"; }

start_colour() { compose up -d --no-deps --no-build "app-$1"; }

# in_app colour argument...: a command of devpush.py in the running container.
in_app() { docker exec "$(container "$1")" python devpush.py "${@:2}"; }

remove_colour() { ! exists "$1" || docker rm -f "$(container "$1")"; }

# one_off colour argument...: the same in a container that is there for this command only. The older compose can't make
# one beside the colour's own (it would link the two): remove_colour first.
one_off() { compose run -T --rm --no-deps "app-$1" "${@:2}"; }

# no "Why": what a step says when it fails.
no() {
  printf '%s\n' "$1"
  return 1
}

readiness() { curl -sS --max-time 8 "http://127.0.0.1:$(port_of "$1")/ready" 2>&1 | tr -d '\n' || true; }

is_ready() { curl -fs -o /dev/null --max-time 8 "http://127.0.0.1:$(port_of "$1")/ready"; }

# wait_until_ready colour: gives up at once if its process has ended.
wait_until_ready() {
  local until=$((SECONDS + READY_WITHIN))
  while [ "$SECONDS" -lt "$until" ]; do
    ! is_ready "$1" || return 0
    [ "$(docker inspect -f '{{.State.Running}} {{.RestartCount}}' "$(container "$1")" 2>/dev/null)" = "true 0" ] || break
    sleep 0.2
  done
  docker logs --tail 12 "$(container "$1")" 2>&1 || true
  no "It did not get ready. It says of itself: $(readiness "$1")"
}

# answers: does the dashboard answer by the way that visitors take?
answers() {
  local host port scheme
  host="$(setting APP_HOSTNAME)"
  scheme="$(setting URL_SCHEME https)"
  if [ "$scheme" = https ]; then port="$(setting SECURE_PORT 443)"; else port="$(setting WEB_PORT 80)"; fi
  # Its certificate may be on its way still.
  curl -fsSk -o /dev/null --max-time 10 --noproxy '*' --resolve "$host:$port:127.0.0.1" "$scheme://$host:$port/health"
}

# The image

# build_image colour: this tree's, or with DEVPUSH_IMAGE in .env the one that is published under its version.
build_image() {
  local published version arguments=()
  version="$(version_here)"
  published="$(setting DEVPUSH_IMAGE)"
  if [ -n "$published" ]; then
    docker pull "$published:$version" && docker tag "$published:$version" "$IMAGE:$version" || return
  else
    mapfile -t arguments < <(build_arguments)
    docker build "${arguments[@]}" --tag "$IMAGE:$version" "$ROOT" || return
  fi
  docker tag "$IMAGE:$version" "$IMAGE:$1"
}

# What a closed network needs.
build_arguments() {
  local base
  base="$(setting BASE_IMAGE)"
  [ -z "$base" ] || printf '%s\n' --build-arg "BASE_IMAGE=$base"
}

image_id() { docker image inspect -f '{{.Id}}' "$1" 2>/dev/null || true; }
