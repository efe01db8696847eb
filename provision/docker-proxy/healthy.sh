# shellcheck shell=sh
# Every ten seconds: does the engine answer? Has the list changed (an update)?

# An engine that was started anew may have another socket, which only a container that is started anew gets to see.
wget -q -O /dev/null http://127.0.0.1:8404/healthy || {
  kill 1
  exit 1
}

# A reload loses no call; a list that can't be read leaves the one before.
now="$(cat /usr/local/etc/haproxy/calls /usr/local/etc/haproxy/haproxy.cfg | cksum)"
[ -e /tmp/loaded ] || echo "$now" >/tmp/loaded
[ "$(cat /tmp/loaded)" = "$now" ] || {
  echo "$now" >/tmp/loaded
  kill -USR2 1
}
