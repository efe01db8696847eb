# shellcheck shell=sh
# What compose.yml's services share: folders of the app's user (1000), and Traefik's log as a file that its group may write.
set -eu

install -d -o 1000 -g 1000 -m 0750 /data /upload
install -d -o 1000 -g 1000 -m 0750 /data/traefik /data/traefik/dynamic /data/traefik/staging
install -d -o 1000 -g 1000 -m 0770 /data/traefik/log
[ -e /data/traefik/log/access.log ] || install -o 1000 -g 1000 -m 0660 /dev/null /data/traefik/log/access.log
install -d -o 0 -g 1000 -m 0750 /run/docker-proxy
