#!/bin/sh
# Run once by the postgres image, when it makes its data: the role that the service works as.
# It may log in and nothing else; `manage.py setup` grants it what it needs.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --set password="$POSTGRES_SERVICE_PASSWORD" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
create role ledger_service login password :'password';
SQL
