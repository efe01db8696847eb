#!/usr/bin/env bash
# What apps and builds may not reach: the cloud's metadata address, and this machine's own ports but 80 and 443.
#   bash provision/firewall.sh            set the rules, now
#   bash provision/firewall.sh --last     and again at every start of the machine and of Docker (systemd)
#   bash provision/firewall.sh --check    say what is missing; exit 1 if something is
#   bash provision/firewall.sh --remove   take the rules away, for good
# shellcheck source=provision/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

UNIT=devpush-firewall.service

main() {
  case "${1:-}" in
    "") set_rules ;;
    --last) set_rules && last ;;
    --check) check ;;
    --remove) remove ;;
    -h | --help) usage ;;
    *) fail "$(usage)" ;;
  esac
}

set_rules() {
  command -v iptables >/dev/null || [ -x /usr/sbin/iptables ] || install_packages iptables
  ensure_firewall
}

last() {
  [ -d /run/systemd/system ] || {
    say "  · There is no systemd here: please have \"bash $ROOT/provision/firewall.sh\" run at every start, after Docker."
    return 0
  }
  sed "s|/opt/devpush|$ROOT|g" "$ROOT/provision/systemd/$UNIT" | as_root tee "/etc/systemd/system/$UNIT" >/dev/null
  as_root systemctl daemon-reload
  as_root systemctl enable --quiet "$UNIT"
}

check() {
  local missing=0 rule
  while read -r -a rule; do
    iptables_has "${rule[@]}" || { say "Missing: iptables -I ${rule[*]}" && missing=1; }
  done < <(firewall_rules)
  return "$missing"
}

remove() {
  local rule
  if [ -e "/etc/systemd/system/$UNIT" ]; then
    as_root systemctl disable --quiet "$UNIT"
    as_root rm -f "/etc/systemd/system/$UNIT"
  fi
  while read -r -a rule; do
    ! iptables_has "${rule[@]}" || in_iptables -D "${rule[@]}"
  done < <(firewall_rules)
}

main "$@"
