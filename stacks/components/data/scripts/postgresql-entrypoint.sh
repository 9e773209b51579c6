#!/bin/sh
# What the entry point of the official image does, as far as this stack needs it: makes the database cluster on an empty volume, with a password
# for the superuser, then becomes the server. As there, arguments that begin with a dash are the server's.
set -eu

case "${1:-postgres}" in
-*) set -- postgres "$@" ;;
postgres) ;;
*) exec "$@" ;;
esac

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  : "${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD: the superuser of a new database needs a password}"
  umask 077
  secret="$(mktemp)"
  printf '%s\n' "$POSTGRES_PASSWORD" >"$secret"
  # Aside first: a pod that is killed meanwhile begins anew, and never serves half a cluster.
  rm -rf "$PGDATA.new"
  initdb --pgdata="$PGDATA.new" --username="${POSTGRES_USER:-postgres}" --pwfile="$secret" --auth-local=trust --auth-host=scram-sha-256
  rm "$secret"
  printf '\nhost all all all scram-sha-256\n' >>"$PGDATA.new/pg_hba.conf"
  printf "\nlisten_addresses = '*'\n" >>"$PGDATA.new/postgresql.conf"
  rm -rf "$PGDATA"
  mv "$PGDATA.new" "$PGDATA"
fi
unset POSTGRES_PASSWORD
exec "$@"
