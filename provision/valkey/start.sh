# shellcheck shell=sh
# Starts Valkey as devpush/local.py does. Full means an error that we hear of: to evict would be to drop a lease unseen.
exec valkey-server - <<CONFIG
requirepass $REDIS_PASSWORD
dir /data
save ""
appendonly no
maxmemory 64mb
maxmemory-policy noeviction
loglevel warning
CONFIG
