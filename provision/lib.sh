# shellcheck shell=bash
# What the scripts of this folder share: talking, installing, the engine, the venv, the runner images.

set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
VENV="$ROOT/.venv"
PYTHON="$VENV/bin/python"
DOCKER_SOCKET=/var/run/docker.sock
LOGS="$(mktemp -d "${TMPDIR:-/tmp}/devpush-provision.XXXXXX")"
trap 'stop_counting; rm -rf "$LOGS"' EXIT

# Talking. Progress goes to stderr: stdout is for results. 3 stays the terminal while a step's output goes elsewhere.
exec 3>&2

say() { printf '%s\n' "$*" >&2; }

fail() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

# The lines of the calling script's head that show how it is called.
usage() { sed -n 's/^#   /  /p' "$0"; }

# step "What is done" command...: counts the seconds while it runs; if it fails, shows the last lines of its output.
# A function given to it must say `|| return` itself: `set -e` does not hold in there.
step() {
  local what="$1" log="$LOGS/step.log" code=0 start=$SECONDS
  shift
  if [ -t 2 ]; then
    count_seconds "$what" &
    COUNTER=$!
  else
    say "  … $what"
  fi
  "$@" >"$log" 2>&1 </dev/null || code=$?
  stop_counting
  if [ "$code" -eq 0 ]; then
    say "  ✓ $what ($((SECONDS - start))s)"
    return 0
  fi
  say "  ✗ $what ($((SECONDS - start))s). The last lines of its output:"
  tail -n 20 "$log" | sed 's/^/    /' >&2
  return "$code"
}

count_seconds() {
  local start=$SECONDS
  while sleep 0.2; do
    printf '\r  … %s %ds ' "$1" "$((SECONDS - start))" >&2
  done
}

stop_counting() {
  [ -n "${COUNTER:-}" ] || return 0
  kill -KILL "$COUNTER" 2>/dev/null || true
  wait "$COUNTER" 2>/dev/null || true
  COUNTER=
  printf '\r\033[K' >&2
}

# Installing

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "This needs root: $*. Please run it as root, or install sudo."
  fi
}

# install_packages name...: Debian packages; elsewhere says what to install by hand.
install_packages() {
  command -v apt-get >/dev/null ||
    fail "This script installs packages on Debian and Ubuntu only. Please install these by your system's means, then run it again: $*"
  if [ ! -e "$LOGS/apt-updated" ]; then
    step "Reading the package lists" as_root apt-get -qq update
    touch "$LOGS/apt-updated"
  fi
  step "Installing $*" as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@"
}

# need command package...: installs the packages if the command is missing.
need() {
  local command="$1"
  shift
  command -v "$command" >/dev/null || install_packages "$@"
}

# Docker: asked through its socket, so that no docker command is needed, nor a certain version of it.

engine() {
  local path="$1"
  shift
  curl -sS --fail-with-body --unix-socket "$DOCKER_SOCKET" "$@" "http://docker$path"
}

engine_answers() { engine /_ping --max-time 5 >/dev/null 2>&1; }

ensure_docker() {
  need curl curl ca-certificates
  if [ -n "${DOCKER_HOST:-}" ] && [ "$DOCKER_HOST" != "unix://$DOCKER_SOCKET" ]; then
    case "$DOCKER_HOST" in
      unix://*) DOCKER_SOCKET="${DOCKER_HOST#unix://}" ;;
      *) fail "DOCKER_HOST is $DOCKER_HOST. These scripts prepare images on an engine of this machine: please unset it." ;;
    esac
  fi
  engine_answers && return 0
  if [ -S "$DOCKER_SOCKET" ] && ! [ -w "$DOCKER_SOCKET" ]; then
    fail "You may not use the Docker Engine. Please run this as root, or join its group (sudo usermod -aG docker $(id -un)) and sign in again."
  fi
  # shellcheck disable=SC2046  # no word, or one
  command -v dockerd >/dev/null || install_packages docker.io $(engine_needs)
  step "Starting the Docker Engine" start_docker || fail "The Docker Engine does not answer on $DOCKER_SOCKET."
}

# What the engine only recommends, but does not start a container without where the kernel has AppArmor.
engine_needs() { ! grep -qs Y /sys/module/apparmor/parameters/enabled || echo apparmor; }

start_docker() {
  if [ -d /run/systemd/system ]; then
    as_root systemctl start docker
  else
    # No init system: a container, or a minimal machine. The init script fails in some of them, dockerd alone does not.
    as_root service docker start || true
    for _ in 1 2 3 4 5 6; do
      engine_answers && return 0
      sleep 0.5
    done
    as_root sh -c 'rm -f /var/run/docker.pid; setsid nohup dockerd >>/var/log/dockerd.log 2>&1 </dev/null 3>&- &'
  fi
  for _ in $(seq 60); do
    engine_answers && return 0
    sleep 0.5
  done
  tail -n 20 /var/log/dockerd.log 2>/dev/null
  return 1
}

# The firewall: what apps and builds may not reach. Bridges keep them apart from each other and from loopback; this keeps
# them from the cloud's metadata address and from whatever this machine binds to all its addresses.

APPS=10.204.0.0/14 # devpush/deploy/plan.py: POOL

ensure_firewall() {
  if ! command -v iptables >/dev/null && ! [ -x /usr/sbin/iptables ]; then
    say "  · iptables is not installed: apps can reach the metadata address and this machine's open ports."
    return 0
  fi
  local rule
  while read -r -a rule; do
    iptables_has "${rule[@]}" || in_iptables -I "${rule[@]}"
  done < <(firewall_rules)
}

# Docker runs what is in DOCKER-USER before its own rules, and leaves it alone.
firewall_rules() {
  echo "DOCKER-USER -s $APPS -d 169.254.0.0/16 -j REJECT"
  echo "INPUT -s $APPS -p tcp -m conntrack --ctstate NEW -m multiport ! --dports 80,443 -j REJECT"
  echo "INPUT -s $APPS -p udp -m conntrack --ctstate NEW -j REJECT"
}

iptables_has() { in_iptables -C "$@" 2>/dev/null; }

# Whoever else changes rules just now is waited for.
in_iptables() { as_root env PATH="$PATH:/usr/sbin" iptables --wait "$@"; }

# The virtual environment

# ensure_venv file...: .venv with exactly what these lock files say; nothing to do while they are the same.
ensure_venv() {
  local file stamp
  "$PYTHON" -c '' 2>/dev/null || make_venv
  for file in "$@"; do
    stamp="$VENV/.installed-$(sha256sum <"$ROOT/$file" | cut -c1-16)"
    [ ! -e "$stamp" ] || continue
    step "Installing the Python packages of $file" "$PYTHON" -m pip install --quiet --disable-pip-version-check \
      --require-hashes --no-deps -r "$ROOT/$file"
    touch "$stamp"
  done
}

make_venv() {
  local python
  python="$(find_python)" || install_packages python3 python3-venv
  python="$(find_python)" || install_packages python3.11 python3.11-venv
  python="$(find_python)" || fail "Python 3.11 or newer with its venv module is needed. Please install it."
  rm -rf "$VENV"
  step "Making .venv with $("$python" --version)" "$python" -m venv "$VENV"
}

# The first that runs, is new enough and can make a venv. A name on PATH may be a version manager's empty shim.
find_python() {
  local name
  for name in python3.13 python3.12 python3.11 python3; do
    if "$name" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$name"
      return 0
    fi
  done
  return 1
}

# What stands in for GitHub, Google and Resend in the tests: an npm package at an exact version, in a cache folder of the
# user's. Its Node.js comes with requirements-dev.lock.
ensure_emulate() {
  (cd "$ROOT" && "$PYTHON" -m tests.emulate --look) && return 0
  step "Installing emulate (GitHub, Google and Resend for the tests)" install_emulate
}

install_emulate() { cd "$ROOT" && "$PYTHON" -m tests.emulate; }

# The images

# The network's private CA, if it has one: runner images must trust it to install anything.
ensure_ca_bundle() {
  local name
  [ -z "${RUNNER_CA_BUNDLE:-}" ] || return 0
  for name in SSL_CERT_FILE REQUESTS_CA_BUNDLE PIP_CERT NODE_EXTRA_CA_CERTS CURL_CA_BUNDLE; do
    if [ -n "${!name:-}" ] && [ -f "${!name}" ]; then
      export RUNNER_CA_BUNDLE="${!name}"
      say "  · $name is set: builds will trust the certificates in $RUNNER_CA_BUNDLE (RUNNER_CA_BUNDLE)."
      return 0
    fi
  done
}

# BASE_IMAGE stays unset where the official images can be had; else it becomes an image made of Debian packages.
ensure_base_image() {
  [ -z "${BASE_IMAGE:-}" ] || return 0
  local official made
  official="$(sed -n 's/^ARG BASE_IMAGE=//p' "$ROOT/runners/python/Dockerfile")"
  made="$(bash "$ROOT/provision/base-image.sh" --name 2>/dev/null)" || made=none
  engine "/images/$official/json" >/dev/null 2>&1 && return 0
  # Once made, it is kept to: to ask a registry that is out of reach would cost every start its patience.
  if ! engine "/images/$made/json" >/dev/null 2>&1; then
    engine "/distribution/$official/json" --max-time 15 >/dev/null 2>&1 && return 0
    say "  · No image registry can be reached: building the runner images from Debian packages."
    bash "$ROOT/provision/base-image.sh" >/dev/null
  fi
  export BASE_IMAGE="$made"
}
