#!/bin/sh
# Init container: every pod but the first copies the primary once and starts as its standby.
set -eu
case "$POD_NAME" in
  *-0) exit 0 ;;
esac
[ -s "$PGDATA/PG_VERSION" ] && exit 0
until pg_isready -q -h "$PRIMARY" -U postgres; do sleep 2; done
rm -rf "${PGDATA:?}"
# -R writes standby.signal and the connection of the primary; the password comes from PGPASSWORD.
exec pg_basebackup -h "$PRIMARY" -U postgres -D "$PGDATA" -X stream -R --checkpoint=fast
