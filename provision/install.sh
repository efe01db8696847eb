#!/usr/bin/env bash
# From a bare Debian 12 or 13, Ubuntu 22.04 or 24.04 to /dev/push in production with an example live. Run again, it changes nothing.
#   sudo bash provision/install.sh                          asks for what it needs
#   sudo bash provision/install.sh --domain push.example.com --email you@example.com
#     --domain NAME         the dashboard's name
#     --deploy-domain NAME  apps are served under it, as my-app.NAME (default: the dashboard's name)
#     --email ADDRESS       for Let's Encrypt, who writes when a certificate is about to end
#     --ip ADDRESS          this server's public address (default: the one it reaches the internet with)
#     --dns-provider NAME   one certificate for all apps, proved by DNS: cloudflare, route53, hetzner … (docs/dns-and-tls.md)
#     --http                without TLS: behind another proxy, or in a closed network
#     --set NAME=VALUE      any other setting (docs/configure.md); may be repeated
#     --no-example          deploy no example
#     --only-settings       write the settings that are missing, and stop there
# shellcheck source=provision/stack.sh
. "$(dirname "${BASH_SOURCE[0]}")/stack.sh"

EXAMPLE=yes ONLY_SETTINGS="" STARTED=""
BIN="${BIN:-/usr/local/bin}"
GIVEN=()

main() {
  read_arguments "$@"
  [ "$(id -u)" -eq 0 ] || fail "Please run this as root: sudo bash provision/install.sh"
  if [ -n "$ONLY_SETTINGS" ]; then
    write_settings
    exit
  fi
  say "Preparing"
  need git git
  ensure_docker
  know_engine
  ensure_compose
  write_settings
  know_installation
  trust_private_ca
  [ "$(setting FIREWALL yes)" = no ] || step "Keeping apps from the metadata address and this machine's ports" \
    bash "$ROOT/provision/firewall.sh" --last
  start_all
  [ -z "$EXAMPLE" ] || deploy_example
  put_command
  tell_all
  exit # here, not at the file's end: bash reads a script as it runs it
}

read_arguments() {
  while [ $# -gt 0 ]; do
    case "$1" in
      -h | --help) usage && exit ;;
      --http) GIVEN+=(URL_SCHEME=http) && shift && continue ;;
      --no-example) EXAMPLE="" && shift && continue ;;
      --only-settings) ONLY_SETTINGS=yes && shift && continue ;;
    esac
    [ $# -ge 2 ] || fail "$(usage)"
    case "$1" in
      --domain) GIVEN+=("APP_HOSTNAME=$2") ;;
      --deploy-domain) GIVEN+=("DEPLOY_DOMAIN=$2") ;;
      --email) GIVEN+=("LE_EMAIL=$2") ;;
      --ip) GIVEN+=("SERVER_IP=$2") ;;
      --dns-provider) GIVEN+=("DNS_PROVIDER=$2") ;;
      --set) GIVEN+=("$2") ;;
      *) fail "$(usage)" ;;
    esac
    shift 2
  done
}

# Settings: what was given, what is asked for, and what nobody has to think of. What is there stays.

write_settings() {
  local given
  [ -e "$SETTINGS" ] || begin_settings
  chmod 600 "$SETTINGS"
  touch "$ROOT/dns.env" && chmod 600 "$ROOT/dns.env"
  for given in ${GIVEN[@]+"${GIVEN[@]}"}; do put "${given%%=*}" "${given#*=}"; done
  ask APP_HOSTNAME "The dashboard's name, like push.example.com" --domain
  [ "$(setting URL_SCHEME https)" = http ] || ask LE_EMAIL "Your e-mail address, for Let's Encrypt" --email
  missing COMPOSE_PROJECT_NAME devpush
  missing DEPLOY_DOMAIN "$(setting APP_HOSTNAME)"
  missing SERVER_IP "$(own_address)"
  missing SOURCE_URL "$(origin)"
  missing SECRET_KEY "$(secret)"
  missing ENCRYPTION_KEY "$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"
  missing POSTGRES_PASSWORD "$(secret)"
  missing REDIS_PASSWORD "$(secret)"
  missing BACKUP_PASSPHRASE "$(secret)"
}

begin_settings() {
  (umask 077 && cat >"$SETTINGS") <<'END'
# The settings of this installation: .env.example explains each, docs/configure.md too. After a change: devpush update --here
# Keep a copy of ENCRYPTION_KEY and BACKUP_PASSPHRASE elsewhere: without them no backup can be read.
END
}

missing() { [ -n "$(setting "$1")" ] || put "$1" "$2"; }

ask() {
  local answer=""
  [ -z "$(setting "$1")" ] || return 0
  [ -t 0 ] || fail "Please say: $2 ($3)."
  while [ -z "$answer" ]; do read -r -p "$2: " answer; done
  put "$1" "$answer"
}

# Where newer versions come from, as far as anybody may look there.
origin() { git -C "$ROOT" remote get-url origin 2>/dev/null | grep -E '^https://[^@]+$' || true; }

secret() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

own_address() {
  local found=""
  found="$(ip -4 route get 1.1.1.1 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p')" || true
  echo "${found:-127.0.0.1}"
}

# A network behind a private CA: the platform's image and the runners' are built with its certificates.
trust_private_ca() {
  ensure_ca_bundle
  if [ -n "${RUNNER_CA_BUNDLE:-}" ] && ! cmp -s "$RUNNER_CA_BUNDLE" "$ROOT/ca-bundle.crt"; then
    cp "$RUNNER_CA_BUNDLE" "$ROOT/ca-bundle.crt"
  fi
  [ ! -s "$ROOT/ca-bundle.crt" ] || put RUNNER_CA_BUNDLE /etc/devpush/ca-bundle.crt
}

# Everything that runs

start_all() {
  local colour
  if colour="$(serving)" && is_ready "$colour"; then
    step "Starting what doesn't run" start_parts
    return
  fi
  STARTED=yes
  colour="${colour:-blue}"
  make_image "$colour"
  remove_colour "$colour"
  step "Starting PostgreSQL, Redis, Traefik and the Docker proxy" start_parts
  step "Preparing the first runner image" one_off "$colour" prepare python
  step "Starting the platform ($colour)" start_colour "$colour"
  step "Waiting until it is ready" wait_until_ready "$colour"
}

make_image() {
  BASE_IMAGE="${BASE_IMAGE:-$(setting BASE_IMAGE)}"
  [ -n "$(setting DEVPUSH_IMAGE)" ] || ensure_base_image
  [ -z "$BASE_IMAGE" ] || put BASE_IMAGE "$BASE_IMAGE"
  step "Making the image of version $(version_here)" build_image "$1"
}

# The example shows that everything from a push to a live address works here.
deploy_example() {
  example_answers && return 0
  say "Deploying the example, by the way that every push will take"
  in_app "$(serving)" deploy /data/examples/python.git --project example 2>&1 | sed -u 's/^/  │ /' >&2 ||
    fail "The example could not be deployed. The reason stands above; the dashboard runs: devpush logs"
}

example_answers() {
  local host
  host="example.$(setting DEPLOY_DOMAIN)"
  curl -fsSkL -o /dev/null --max-time 10 --noproxy '*' --resolve "$host:$(setting WEB_PORT 80):127.0.0.1" \
    --resolve "$host:$(setting SECURE_PORT 443):127.0.0.1" "http://$host:$(setting WEB_PORT 80)/" 2>/dev/null
}

put_command() {
  [ "$(readlink -f "$BIN/devpush")" = "$ROOT/provision/devpush" ] || ln -sfn "$ROOT/provision/devpush" "$BIN/devpush"
}

tell_all() {
  local scheme host apps address record=A
  scheme="$(setting URL_SCHEME https)" host="$(setting APP_HOSTNAME)" apps="$(setting DEPLOY_DOMAIN)" address="$(setting SERVER_IP)"
  case "$address" in *:*) record=AAAA ;; esac
  printf '\n  %-12s %s\n' "Dashboard" "$scheme://$host"
  [ -z "$STARTED" ] || printf '  %-12s %s\n  %-12s %s\n' \
    "Sign in" "$(in_app "$(serving)" sign-in-link)" "" "(once, within 24 hours; another: devpush sign-in-link)"
  [ -z "$EXAMPLE" ] || printf '  %-12s %s\n' "Example app" "$scheme://example.$apps"
  printf '  %-12s %s\n  %-12s %s\n' "DNS records" "$host  $record  $address" "" "*.$apps  $record  $address"
  printf '  %-12s %s\n' "Settings" "$SETTINGS (keep a copy of ENCRYPTION_KEY and BACKUP_PASSPHRASE elsewhere)" \
    "Next" "devpush doctor"
  say "Done after ${SECONDS}s."
}

main "$@"
