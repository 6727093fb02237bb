#!/bin/sh
# Takes a restore point for Switchback with pg_basebackup: the whole server, with the WAL that it needs.
#
# Runs as spec.snapshot.job in any image with a POSIX shell and PostgreSQL's programs of the server's major
# version. The database comes from DATABASE_URL, or from PGHOST, PGUSER and so on. Whoever logs in needs the
# right to replicate: ALTER ROLE ... REPLICATION, and a line for `replication` in pg_hba.conf.
# Nothing is printed that holds the password: the end of this output is shown when this fails.
# A URL becomes an argument, which the node's list of processes shows: prefer spec.database.connection.
set -eu
umask 077

name=$SWITCHBACK_SNAPSHOT_NAME
target=/snapshots/$name
partial=$target.partial

# Without a URL the programs ask the environment.
if [ -n "${DATABASE_URL:-}" ]; then
    set -- --dbname="$DATABASE_URL"
fi

# What an earlier try of this operation has left: only what this pod takes counts.
rm -rf "$partial" "$target"
trap 'rm -rf "$partial"' EXIT
trap 'exit 143' TERM INT

# Everything that was committed before this moment, by the server's clock, will be in it.
moment=$(psql "$@" --no-psqlrc --no-password --tuples-only --no-align --command \
    "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")

pg_basebackup "$@" --no-password --pgdata="$partial" --format=plain --wal-method=stream --checkpoint=fast \
    --label="$name" --manifest-checksums=SHA256
pg_verifybackup --quiet "$partial"

mv "$partial" "$target"
size=$(($(du -sk "$target" | cut -f1) * 1024))
digest=$(sha256sum "$target/backup_manifest" | cut -d' ' -f1)

# The last act: without this report there is no restore point.
printf '{"version": 1, "id": "%s", "path": "%s", "sizeBytes": %s, "restorePointTime": "%s", "digest": "sha256:%s"}\n' \
    "$name" "$name" "$size" "$moment" "$digest" >"$SWITCHBACK_RESULT"
echo "$target: $size bytes, all that was committed before $moment"
