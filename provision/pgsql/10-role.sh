#!/usr/bin/env bash
# Once, on an empty volume: our role, which may make databases (the drill of a backup needs one) and is nobody special
# otherwise, and its own database. The superuser gets in from inside only.
set -euo pipefail

psql --quiet -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  --set=user="$APP_USER" --set=database="$APP_DB" --set=password="$POSTGRES_PASSWORD" <<'SQL'
CREATE ROLE :"user" LOGIN CREATEDB PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"user";
ALTER ROLE postgres PASSWORD NULL;
SQL
