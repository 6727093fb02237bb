"""What a call loads when there is nothing to do is a budget, kept by a list of modules and not by a clock."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.postgres.running import write

if TYPE_CHECKING:
    from pathlib import Path

OTHERS = {"click", "psycopg", "psycopg_binary", "typing_extensions"}
"""What may be loaded of other people's packages, beside the standard library."""

ONLY_FOR_WORK = {
    "switchback.migrations.module",
    "switchback.runner.adoption.find",
    "switchback.runner.adoption.take",
    "switchback.runner.carried",
    "switchback.runner.catalog",
    "switchback.runner.coded",
    "switchback.runner.concurrently",
    "switchback.runner.downs",
    "switchback.runner.effects",
    "switchback.runner.elsewhere",
    "switchback.runner.execute",
    "switchback.runner.ledger.counters",
    "switchback.runner.ledger.rights",
    "switchback.runner.ledger.schema",
    "switchback.runner.losses",
    "switchback.runner.operations.back",
    "switchback.runner.operations.drain",
    "switchback.runner.operations.inspect",
    "switchback.runner.operations.release",
    "switchback.runner.operations.reserve",
    "switchback.runner.operations.rollback",
    "switchback.runner.parser",
    "switchback.runner.probes",
    "switchback.runner.settle",
    "switchback.runner.stepwise",
    "switchback.runner.transact",
    "switchback.runner.walk",
}
"""What applies, rolls back, looks for losses, makes a ledger or comes from another tool."""

FORMATS = "switchback.migrations.formats."

PROGRAM = """
import contextlib, io, json, sys
from switchback.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    code = main.run(main.cli, "switchback")
found = {name for name in sys.modules if getattr(sys.modules[name], "__file__", None)}
other = {name.partition(".")[0] for name in found} - set(sys.stdlib_module_names)
print(json.dumps([code, sorted(found), sorted(other)]))
"""


def loaded(*words: str) -> tuple[set[str], set[str]]:
    """All modules that a call that ends well has loaded, and the packages of others among them."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, timeout=60, check=False
    )
    code, found, other = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    return set(found), {name for name in other if not name.startswith(("_", "switchback"))}


def test_the_list_holds_modules() -> None:
    assert not [name for name in ONLY_FOR_WORK if importlib.util.find_spec(name) is None]


@pytest.mark.parametrize("command", ["migrate", "status"])
def test_nothing_to_do(database: str, folder: Path, command: str) -> None:
    write(folder, "0001_a")
    words = ("--url", database, "--dir", str(folder))
    found, _ = loaded("migrate", *words)
    assert "switchback.runner.transact" in found  # so much for the first time
    found, other = loaded(command, *words)
    assert not found & ONLY_FOR_WORK
    assert {name for name in found if name.startswith(FORMATS)} == {f"{FORMATS}pairs"}
    assert other <= OTHERS
