#!/bin/sh
# Init container: every pod but the first copies the primary once and starts as its standby.
set -eu
case "$POD_NAME" in
  *-0) exit 0 ;;
esac
[ -s "$PGDATA/PG_VERSION" ] && exit 0
until pg_isready -q -h "$PRIMARY" -U postgres; do sleep 2; done
# Under another name until it is whole: half a copy, left by a pod that was killed, must not be taken for a database.
rm -rf "${PGDATA:?}" "$PGDATA.partial"
# -R writes standby.signal and how the primary is reached, with the password that PGPASSWORD holds.
pg_basebackup -h "$PRIMARY" -U postgres -D "$PGDATA.partial" -X stream -R --checkpoint=fast
mv "$PGDATA.partial" "$PGDATA"
