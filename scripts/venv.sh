#!/usr/bin/env bash
# Makes .venv from the locked requirements, or leaves it alone when nothing it is made from has changed.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=$(cat requirements/dev.txt pyproject.toml | sha256sum | cut -d' ' -f1)
stamp=.venv/.made-from

is_current() { [ -x .venv/bin/switchback ] && [ "$(cat "$stamp" 2> /dev/null)" = "$wanted" ]; }

new_enough() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' > /dev/null 2>&1; }

find_python() {
  local name
  for name in python3 python3.13 python3.12 python3.11 python3.14; do
    if command -v "$name" > /dev/null && new_enough "$name"; then
      echo "$name"
      return
    fi
  done
  # Debian splits the module venv off; as root that is quickly mended.
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing python3 and python3-venv ..." >&2
    { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 python3-venv \
      || { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 python3-venv; }
    } > /dev/null
    if new_enough python3; then
      echo python3
      return
    fi
  fi
  echo "error: no Python 3.11 or newer with its venv module is on PATH; install one and run this again" >&2
  exit 2
}

if is_current; then
  exit 0
fi
# Two runs at once in one checkout wait for each other; the lock goes with the process that holds it.
exec 9< pyproject.toml
flock 9
if is_current; then
  exit 0
fi
if ! [ -x .venv/bin/python ] || ! new_enough .venv/bin/python; then
  python=$(find_python)
  echo "making .venv with $("$python" --version) ..."
  "$python" -m venv --clear .venv
fi
# Beside the environment's own packages: `uv pip sync` removes whatever is not in the lock.
uv=.venv/.uv/bin/uv
if ! "$uv" --version > /dev/null 2>&1; then
  echo "installing uv ..."
  .venv/bin/python -m ensurepip > /dev/null
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
    --upgrade --target .venv/.uv 'uv>=0.8,<1'
  ln -sf ../.uv/bin/uv .venv/bin/uv
fi
# A user without a home, as `su nobody` makes one, has no cache either: then it goes beside uv.
caches=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
cache=${UV_CACHE_DIR:-${caches:+$caches/uv}}
if [ -z "$cache" ] || ! mkdir -p "$cache" 2> /dev/null || ! [ -w "$cache" ]; then
  export UV_CACHE_DIR=$PWD/.venv/.uv/cache
fi
export VIRTUAL_ENV=$PWD/.venv
echo "installing the locked requirements into .venv ..."
"$uv" pip sync --require-hashes requirements/dev.txt
"$uv" pip install --no-deps --no-build-isolation --editable .
echo "$wanted" > "$stamp"
echo "the environment .venv is ready"
