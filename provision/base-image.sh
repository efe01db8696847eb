#!/usr/bin/env bash
# Makes a base image for the runners from this system's own packages, where no image registry can be reached.
# Prints its name. The same packages on the same release make the same name, so a second call is instant.
#   bash provision/base-image.sh           make it unless it is there
#   bash provision/base-image.sh --fresh   make it again, with today's packages
#   bash provision/base-image.sh --name    only print its name
# shellcheck source=provision/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PACKAGES="python3 python3-venv git ca-certificates nginx"

main() {
  local image
  # shellcheck source=/dev/null
  . /etc/os-release
  { command -v apt-get >/dev/null && [ -n "${VERSION_CODENAME:-}" ]; } ||
    fail "A base image can be made on Debian and Ubuntu only. Please set BASE_IMAGE to an image of a registry you can reach."
  image="devpush-base:$(content | sha256sum | cut -c1-12)"
  [ "${1:-}" != --name ] || { printf '%s\n' "$image" && return; }
  ensure_docker
  if [ "${1:-}" = --fresh ] || ! engine "/images/$image/json" >/dev/null 2>&1; then
    command -v mmdebstrap >/dev/null || command -v debootstrap >/dev/null || install_packages mmdebstrap
    step "Making the base image $image from $PRETTY_NAME packages (about half a minute)" make "$image"
  fi
  printf '%s\n' "$image"
}

# What the image depends on, and so what its name is made of.
content() {
  printf '%s\n' "$ID $VERSION_CODENAME $(uname -m) $PACKAGES"
  cat "${BASH_SOURCE[0]}"
}

make() {
  local image="$1" tree="$LOGS/base.tar" changes
  [ -n "$(apt_sources)" ] || as_root apt-get -qq update || return
  if command -v mmdebstrap >/dev/null; then
    with_mmdebstrap "$tree" || return
  else
    with_debootstrap "$tree" || return
  fi
  changes="changes=ENV%20LANG%3DC.UTF-8&changes=LABEL%20devpush.base%3D$VERSION_CODENAME"
  engine "/images/create?fromSrc=-&repo=${image%:*}&tag=${image#*:}&$changes" \
    -X POST -H 'Content-Type: application/x-tar' -H 'Expect:' --upload-file "$tree" || return
  engine "/images/$image/json" >/dev/null
}

with_mmdebstrap() {
  apt_options >"$LOGS/apt.conf"
  apt_sources >"$LOGS/sources.list"
  # shellcheck disable=SC2016  # $1 is mmdebstrap's: the folder of the new system
  as_root mmdebstrap --mode=root --variant=minbase --include="${PACKAGES// /,}" --aptopt="$LOGS/apt.conf" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/resolv.conf" "$1/etc/hostname"' \
    "$VERSION_CODENAME" "$1" "$LOGS/sources.list"
}

with_debootstrap() {
  local tree="$LOGS/tree" mirror code=0
  mirror="$(apt_sources | sed -n "s/^deb \(\[.*\] \)\?\([^ ]*\) $VERSION_CODENAME .*/\2/p" | head -n 1)"
  as_root debootstrap --variant=minbase --include="${PACKAGES// /,}" "$VERSION_CODENAME" "$tree" "$mirror" &&
    as_root rm -rf "$tree"/usr/share/{man,info,locale} "$tree"/var/lib/apt/lists "$tree"/var/cache/apt/archives &&
    as_root tar -C "$tree" -cf "$1" . || code=$?
  as_root rm -rf "$tree"
  return "$code"
}

# This system's own sources of its own release, in one-line form: a private mirror goes on being used, and what other
# repositories would add does not come in.
apt_sources() {
  local file keys=""
  for file in /usr/share/keyrings/"$ID"-archive-keyring.{gpg,pgp}; do
    [ ! -f "$file" ] || keys="[signed-by=$file] "
  done
  # shellcheck disable=SC2016  # apt's own placeholders
  apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v name="$VERSION_CODENAME" -v keys="$keys" '
      $1 ~ /^(Debian|Ubuntu)$/ && index($2, name) == 1 && $2 !~ /-(backports|proposed)/ { print "deb", keys $3, $4, $5 }
    ' | sort -u
}

# Proxies, certificates and checks that this system's apt was told of.
apt_options() {
  apt-config dump | grep -iE '^Acquire::(https?|ftp|Check-)[^ ]* "' || true
}

main "$@"
