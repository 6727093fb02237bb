"""What runs in the container of a check's command: a small shell program around the command of the user.

The container runs beside ours (a native sidecar) and does nothing by itself. Our container makes four pipes
in a folder that both share. A number in `ask` starts a try; `answer` gets `ready` before it, the number when
it begins, and the number and the exit code after it; the output goes into `output`; the number in `stop`
kills everything that the try has started. So period, time limit and threshold are the same for commands as
for every other kind, and the image needs nothing but `sh`: no `sleep`, no `timeout`, no `mkfifo`.

Process 1 only waits, because `wait` is what a signal interrupts: it ends at once when the pod ends. Each try
is a child of it. `kill -9 -1` reaches every process of the container but process 1 and whoever says it, so
nothing that a command has sent into the background outlives its try. Where the container shares its processes
with others, only the command itself is killed.
"""

from __future__ import annotations

SCRIPT = r"""
box=$1
shift
trap 'exit 0' TERM INT
nap() { sleep 0.1 2>/dev/null || sleep 1 2>/dev/null || :; }
until [ -p "$box/ask" ] && [ -p "$box/answer" ] && [ -p "$box/stop" ] && [ -p "$box/output" ]; do
  nap &
  wait $!
done
everything() { [ $$ != 1 ] || kill -9 -1; }
try() {
  echo ready >"$box/answer"
  read -r number <"$box/ask" || exit 1
  echo "$number" >"$box/answer"
  ( exec "$@" ) </dev/null >"$box/output" 2>&1 &
  child=$!
  while read -r late <"$box/stop"; do
    [ "$late" != "$number" ] || { kill -9 "$child"; everything; exit; }
  done &
  guard=$!
  wait "$child"
  echo "$number $?" >"$box/answer"
  kill -9 "$guard"
}
while :; do
  try "$@" 2>/dev/null &
  { wait $!; everything; } 2>/dev/null
done
"""
