#!/bin/sh
# Runs one PostgreSQL client program for a restore point and reports how it ended.
#
#   client.sh dump     pg_dump into the folder of this try
#   client.sh reread   pg_restore of all of it to /dev/null: every byte is read and unpacked
#   client.sh restore  pg_restore into a new database, without what would act beyond it
#
# It needs nothing but a POSIX shell and the client programs, so any image of PostgreSQL's will do.
# It reads $SWITCHBACK_WORK/client.env, written by `switchback snapshot prepare` or `switchback restore`;
# without that file there is nothing to do. It writes beside it, for whoever judges:
#   <part>.version   what the program says of itself
#   <part>.stderr    what the program said
#   <part>.exit      its exit code; absent when it was not run
#   restore.list     the contents of the dump; what is left out begins with a semicolon and a number
# It ends with 0 also when the program failed: the container `switchback` is the only judge.
set -eu

work=$SWITCHBACK_WORK
part=$1
umask 077
LC_ALL=C
export LC_ALL

if [ ! -e "$work/client.env" ]; then
    echo "$part: nothing to do" >&2
    exit 0
fi
# shellcheck source=/dev/null
. "$work/client.env"

# Runs "$@"; its stderr goes to the log while it runs, and to a file for the judge.
report() {
    rm -f "$work/$part.pipe"
    mkfifo "$work/$part.pipe"
    tee "$work/$part.stderr" <"$work/$part.pipe" >&2 &
    copier=$!
    "$@" 2>"$work/$part.pipe" &
    child=$!
    # As process 1 of a container the shell would swallow the signal and the program would go on.
    trap 'kill -TERM "$child" 2>/dev/null || :' TERM INT HUP
    code=0
    wait "$child" || code=$?
    # A signal cuts `wait` short; the program's own end counts.
    while kill -0 "$child" 2>/dev/null; do
        code=0
        wait "$child" || code=$?
    done
    wait "$copier" || :
    echo "$code" >"$work/$part.exit"
    echo "$part: ended with $code" >&2
}

case $part in
dump)
    program=pg_dump
    ;;
reread)
    program=pg_restore
    if [ "$(cat "$work/dump.exit" 2>/dev/null)" != 0 ]; then
        echo "$part: there is no dump to read" >&2
        exit 0
    fi
    ;;
restore)
    program=pg_restore
    ;;
*)
    echo "client.sh: unknown part $part" >&2
    exit 2
    ;;
esac

"$program" --version >"$work/$part.version" 2>&1 || :
major=$(sed -n '1s/^[^)]*) \([0-9][0-9]*\).*/\1/p' "$work/$part.version")
if [ "$major" != "$SWITCHBACK_MAJOR" ]; then
    echo "$part: $(cat "$work/$part.version"); major version $SWITCHBACK_MAJOR is needed" >&2
    exit 0
fi

echo "$part: $(cat "$work/$part.version")" >&2
case $part in
dump)
    # --compress=1 means gzip to every release from 15 on, and gzip carries checksums of its own.
    report pg_dump --format=directory --jobs="$SWITCHBACK_JOBS" --compress=1 --no-password \
        --lock-wait-timeout="$SWITCHBACK_LOCK_WAIT_MS" --file="$SWITCHBACK_TARGET"
    ;;
reread)
    report pg_restore --format=directory --file=/dev/null "$SWITCHBACK_TARGET"
    ;;
restore)
    report pg_restore --format=directory --list --file="$work/restore.toc" "$SWITCHBACK_TARGET"
    if [ "$(cat "$work/restore.exit")" != 0 ]; then
        exit 0
    fi
    rm "$work/restore.exit"
    sed -E "s/^[0-9]+; [0-9]+ [0-9]+ ($SWITCHBACK_LEAVE_OUT) /;&/" "$work/restore.toc" >"$work/restore.list"
    rm "$work/restore.toc"
    # Word splitting is wanted: the options are ours, and may be none.
    # shellcheck disable=SC2086
    report pg_restore --format=directory --jobs="$SWITCHBACK_JOBS" --exit-on-error --no-password \
        --use-list="$work/restore.list" $SWITCHBACK_OPTIONS --dbname="service=$PGSERVICE" "$SWITCHBACK_TARGET"
    ;;
esac
