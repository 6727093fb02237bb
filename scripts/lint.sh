#!/usr/bin/env bash
# Everything that can be judged without running the product. Every check runs; the end says which failed.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=.venv/bin
failed=()

check() {
  local name=$1
  shift
  echo "==> $name"
  "$@" || failed+=("$name")
}

# What mypy reads; folders that do not exist yet are left out.
sources() {
  local folder
  for folder in operator/switchback tests/cluster tests/unit/cluster tests/bench scripts examples; do
    if [ -n "$(find "$folder" -name '*.py' -print -quit 2> /dev/null)" ]; then echo "$folder"; fi
  done
}

no_operator_package() {
  if [ -e operator/__init__.py ]; then
    echo "operator/__init__.py must not exist: it hides the module operator of the standard library"
    return 1
  fi
}

short_modules() {
  local long
  long=$(git ls-files -co --exclude-standard '*.py' | xargs -r wc -l | awk '$2 != "total" && $1 > 400')
  if [ -n "$long" ]; then
    echo "modules of more than 400 lines; give each subject its own:"
    echo "$long"
    return 1
  fi
}

fresh_crd() {
  local file
  for file in crds/switchback.dev_databasemigrations.yaml charts/switchback/files/switchback.dev_databasemigrations.yaml; do
    if ! "$bin/switchback" crd | diff -u "$file" -; then
      echo "$file is stale: run make generate"
      return 1
    fi
  done
}

shell_scripts() {
  git ls-files -co --exclude-standard '*.sh' .ci/run | xargs -r "$bin/shellcheck" --external-sources
}

chart() {
  "$bin/python" -m tests.cluster check-chart
}

mapfile -t typed < <(sources)
check 'ruff check' "$bin/ruff" check .
check 'ruff format' "$bin/ruff" format --check --quiet .
check 'mypy' "$bin/mypy" "${typed[@]}"
check 'import linter' "$bin/lint-imports"
check 'no operator/__init__.py' no_operator_package
check 'no module over 400 lines' short_modules
check 'generated CRD' fresh_crd
check 'generated reference' "$bin/python" scripts/reference.py --check
check 'shellcheck' shell_scripts
check 'chart' chart

if [ ${#failed[@]} -gt 0 ]; then
  printf 'lint: failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo 'lint: ok'
