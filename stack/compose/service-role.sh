#!/bin/sh
# The postgres image runs this once, when it creates its data. It creates the role of the service, which
# may only log in; `manage.py setup` grants the rest.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --set password="$POSTGRES_SERVICE_PASSWORD" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
create role ledger_service login password :'password';
SQL
