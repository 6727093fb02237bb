"""The schema of the ledger, by whatever name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from tests.postgres.jobs import job
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runner(database: str, folder: Path) -> Runner:
    write(folder, "0001_a")
    return Runner(database, folder)


@pytest.mark.parametrize("name", ['Shop\'s "own"', "a" * 63, "ä" * 31, "select", "my schema"])
def test_any_name_that_the_server_takes(runner: Runner, name: str) -> None:
    for reason in (Reason.SUCCEEDED, Reason.UP_TO_DATE):
        ending = job(runner, "migrate", "--ledger-schema", name)
        assert (ending.reason, ending.current) == (reason, "0001_a")


@pytest.mark.parametrize("name", ["a" * 64, "ä" * 32, "", "pg_mine"])
def test_a_name_that_would_be_another_one_is_refused(runner: Runner, name: str) -> None:
    ending = job(runner, "migrate", "--ledger-schema", name)
    assert (ending.reason, ending.exit_code) == (Reason.USAGE, 2)
    assert "schema of the ledger" in ending.message
    assert not runner.query("SELECT nspname FROM pg_namespace WHERE nspname ~ '^(a|ä)'")
    assert runner.tables == set()
