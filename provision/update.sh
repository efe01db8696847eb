#!/usr/bin/env bash
# Brings an installation to another version while it goes on serving. What fails is put back, by itself.
#   bash provision/update.sh            to the newest version (the newest tag of the checkout's origin)
#   bash provision/update.sh v0.5.0     to this one: a tag, a branch or a commit
#   bash provision/update.sh --here     to the tree as it is: nothing is fetched
#   bash provision/update.sh --parts    start PostgreSQL, Redis, Traefik … anew where compose.yml has changed: seconds of silence
# shellcheck disable=SC2317  # steps are called by their names
# shellcheck source=provision/stack.sh
. "$(dirname "${BASH_SOURCE[0]}")/stack.sh"

FREE_NEEDED=2000000 # KB, for the new image beside the old one
KEPT="$ROOT/.env.before-update"
OLD="" NEW="" TARGET="" BEFORE="" IMAGE_BEFORE="" BEGUN=""

main() {
  case "${1:-}" in
    -h | --help) usage && exit ;;
    --parts) ;;
    -*) [ "$1" = --here ] || fail "$(usage)" ;;
  esac
  [ $# -le 1 ] || fail "$(usage)"
  know_installation
  one_at_a_time
  if [ "${1:-}" = --parts ]; then
    update_parts
    exit
  fi
  know_colours
  choose "${1:-}"
  trap 'interrupted' INT TERM HUP
  if ! update; then
    put_back
    fail "The update has failed; the reason stands above. Nothing has changed: $(running_version "$OLD") goes on serving."
  fi
  trap - INT TERM HUP
  tidy
  say "$(running_version "$NEW") serves ($NEW), after ${SECONDS}s."
  tell_of_parts
  exit # here, not at the file's end: bash reads a script as it runs it, and this one may have become another by now
}

update() {
  step "Looking whether all is well" look &&
    step "Keeping a snapshot of the database and the settings" snapshot &&
    { BEGUN=yes; } &&
    step "Taking ${TARGET:-the tree as it is}" take &&
    step "Adding settings that are new" bash "$ROOT/provision/install.sh" --only-settings &&
    step "Making the image of version $(version_here)" build_image "$NEW" &&
    step "Preparing the runner images in use" prepare &&
    step "Bringing the database up to date; both versions work with it" one_off "$NEW" migrate &&
    step "Starting it beside the running one ($NEW)" start &&
    step "Waiting until it is ready" wait_until_ready "$NEW" &&
    step "Giving it the dashboard" take_front &&
    step "Letting the one before ($OLD) finish" drain &&
    step "Looking whether all is well with it alone" check
}

# Before

one_at_a_time() {
  exec 9>"$ROOT/.update.lock"
  flock -n 9 || fail "Another update of this installation is at work. Please wait for it."
}

know_colours() {
  OLD="$(serving)" || fail "The platform isn't running. Start it with: devpush start"
  NEW="$(other "$OLD")"
  BEFORE="$(git -C "$ROOT" symbolic-ref --quiet --short HEAD || git -C "$ROOT" rev-parse HEAD)"
  IMAGE_BEFORE="$(image_id "$IMAGE:$NEW")"
}

# choose [version]: TARGET, or nothing for the tree as it is.
choose() {
  [ "$1" != --here ] || return 0
  [ -z "$(git -C "$ROOT" status --porcelain --untracked-files=no)" ] ||
    fail "Files of the checkout were changed by hand (git status). Please keep what is yours in .env and compose.override.yml, or run this with --here."
  step "Asking for new versions" git -C "$ROOT" fetch --quiet --tags --force origin || fail "They can't be asked for."
  TARGET="${1:-$(git -C "$ROOT" tag --list 'v*' --sort=-version:refname | head -n 1)}"
  [ -n "$TARGET" ] || fail "There is no version to update to. Please name a branch or a commit."
  if git -C "$ROOT" rev-parse --quiet --verify "refs/remotes/origin/$TARGET" >/dev/null; then
    TARGET="origin/$TARGET"
  fi
  git -C "$ROOT" rev-parse --quiet --verify "$TARGET^{commit}" >/dev/null || fail "There is no version $TARGET."
  if [ "$(git -C "$ROOT" rev-parse "$TARGET^{commit}")" = "$(git -C "$ROOT" rev-parse HEAD)" ]; then
    say "It is up to date: $TARGET. (To build and start it anew all the same: --here)"
    exit 0
  fi
}

# What an update that was cut off (a power cut) has left behind is taken away before another one begins; work that it does
# is handed over.
look() {
  local free
  is_ready "$OLD" || no "The running one ($OLD) is not ready: $(readiness "$OLD"). Please mend that first: devpush doctor" || return
  answers || no "The dashboard does not answer through Traefik. Please mend that first: devpush doctor" || return
  free="$(df -kP "$(docker info -f '{{.DockerRootDir}}')" 2>/dev/null | awk 'NR == 2 { print $4 }')"
  [ "${free:-$FREE_NEEDED}" -ge "$FREE_NEEDED" ] ||
    no "There are only $((free / 1000)) MB free on the disk; $((FREE_NEEDED / 1000)) are needed." || return
  docker update --restart=unless-stopped "$(container "$OLD")" || return
  ! runs "$NEW" || docker stop -t 30 "$(container "$NEW")" || return
  remove_colour "$NEW"
}

# A version that has no backup of its own yet: PostgreSQL's.
snapshot() {
  install -m 600 "$SETTINGS" "$KEPT" || return
  if in_app "$OLD" backup --help >/dev/null 2>&1; then
    in_app "$OLD" backup --snapshot
  else
    docker exec "$PROJECT-pgsql" pg_dump -U postgres -Fc "$(setting POSTGRES_DB devpush)" |
      docker exec -i "$(container "$OLD")" sh -c 'umask 077 && mkdir -p /data/snapshots && cat >/data/snapshots/before-update.dump'
  fi
}

# The new one

take() { [ -z "$TARGET" ] || git -C "$ROOT" checkout --quiet --detach "$TARGET"; }

# Those that this engine has images of: their projects' next deployments shall not wait for them.
prepare() {
  local used
  used="$(docker image ls --format '{{.Repository}}' | sed -n 's/^devpush-runner-//p' | sort -u)"
  # shellcheck disable=SC2086  # one word a runner
  [ -z "$used" ] || one_off "$NEW" prepare $used
}

start() { compose up -d --no-deps --no-build --force-recreate "app-$NEW"; }

# It has taken it by itself when it became ready.
take_front() {
  local tries
  for tries in $(seq 50); do
    [ "$(colour_of_front)" != "$NEW" ] || break
    [ "$tries" -lt 50 ] || no "It has not taken the dashboard." || return
    sleep 0.2
  done
  check
}

check() {
  is_ready "$NEW" || no "It is not ready any more: $(readiness "$NEW")" || return
  answers
}

# The old one

# Asked from the new container: the old one's end would take a command in it along.
drain() {
  local old left
  old="$(container "$OLD")"
  docker update --restart=no "$old" || return
  docker exec -e "PORT=$(port_of "$OLD")" "$(container "$NEW")" python devpush.py drain 2>&1 | sed -u 's/^/  │ /' >&3 || true
  for left in $(seq 300); do
    runs "$OLD" || return 0
    [ "$left" -lt 300 ] || break
    sleep 0.1
  done
  docker stop -t 30 "$old" # what it leaves is taken up by the new one
}

# Its image stays under its colour's name until the next update; older ones go.
tidy() {
  local tag
  docker rm -f "$(container "$OLD")" >/dev/null 2>&1 || true
  docker image ls --format '{{.Tag}}' "$IMAGE" | while read -r tag; do
    case "$(image_id "$IMAGE:$tag")" in
      "$(image_id "$IMAGE:blue")" | "$(image_id "$IMAGE:green")") ;;
      *) docker image rm "$IMAGE:$tag" >/dev/null 2>&1 || true ;;
    esac
  done
  [ -z "$IMAGE_BEFORE" ] || docker image rm "$IMAGE_BEFORE" >/dev/null 2>&1 || true
}

# Back

interrupted() {
  exec 2>&3 # we may be in the middle of a step
  stop_counting
  put_back
  fail "The update was interrupted. Nothing has changed: $(running_version "$OLD") goes on serving."
}

put_back() {
  trap '' INT TERM HUP
  [ -n "$BEGUN" ] || return 0
  step "Putting everything back" put_all_back ||
    fail "Not everything could be put back: please look at the lines above, and run devpush doctor."
}

put_all_back() {
  local code=0
  give_front_back || code=1
  docker stop -t 30 "$(container "$NEW")" || true # requests that it still answers come to their end
  # shellcheck disable=SC2046  # no word, or more
  docker rm -f "$(container "$NEW")" $(left_over) || true
  if [ -n "$IMAGE_BEFORE" ]; then
    docker tag "$IMAGE_BEFORE" "$IMAGE:$NEW" || code=1
  else
    docker image rm "$IMAGE:$NEW" || true
  fi
  [ -z "$TARGET" ] || git -C "$ROOT" checkout --quiet "$BEFORE" || code=1
  install -m 600 "$KEPT" "$SETTINGS" || code=1
  answers || code=1
  return "$code"
}

# The old one takes it by itself where it must be started again; else it is asked to. One that doesn't know how is older
# than this question: then the new one's program says it for it.
give_front_back() {
  docker update --restart=unless-stopped "$(container "$OLD")" || return
  if ! runs "$OLD"; then
    docker start "$(container "$OLD")" && wait_until_ready "$OLD" || return
  fi
  [ "$(colour_of_front)" = "$NEW" ] || return 0
  in_app "$OLD" front && return
  remove_colour "$NEW"
  compose run -T --rm --no-deps -e "PORT=$(port_of "$OLD")" "app-$NEW" front
}

# Containers of commands that were cut off.
left_over() {
  docker ps -aq --filter "label=com.docker.compose.project=$PROJECT" \
    --filter "label=com.docker.compose.service=app-$NEW" --filter label=com.docker.compose.oneoff=True
}

# What is told

running_version() {
  readiness "$1" | sed -n 's/.*"version": *"\([^"]*\)".*/Version \1/p' |
    grep . || echo "The version before"
}

tell_of_parts() {
  local parts
  parts="$(outdated_parts | paste -sd ' ')"
  [ -z "$parts" ] ||
    say "compose.yml describes these parts anew: $parts. They go on as they are. At a quiet moment: devpush update --parts"
}

update_parts() {
  step "Starting anew what compose.yml describes anew" compose up -d
  step "Waiting until the platform is ready" wait_until_ready "$(serving)"
}

main "$@"
