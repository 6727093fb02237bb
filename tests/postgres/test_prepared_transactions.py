"""A prepared transaction has no session, and holds its locks until somebody ends it: it is named, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Operation
from tests.postgres.running import QUICK, Runner, write
from tests.postgres.servers import DEBIAN_15, embedded_18, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["18", "15"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    programs = DEBIAN_15 if request.param == "15" else embedded_18()
    if not (programs / "postgres").exists():
        pytest.skip(f"there is no PostgreSQL {request.param}")
    with running(programs, max_prepared_transactions="5") as server:
        yield server.url(server.create_database())


def test_it_is_named_with_what_ends_it(url: str, folder: Path) -> None:
    runner = Runner(url, folder, QUICK)
    write(folder, "0001_a")
    assert runner.up().error is None
    write(folder, _0002_b_up="ALTER TABLE t_0001_a ADD COLUMN v int;")
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE t_0001_a")
        holder.execute("PREPARE TRANSACTION 'nightly ''export'''")
    ending, words = runner.told(Operation.MIGRATE)
    assert ending.result.reason is Reason.OBJECTS_LOCKED
    named = "t_0001_a is locked by prepared transaction 'nightly ''export''' (postgres, "
    assert named in ending.text, words.text
    assert "COMMIT PREPARED or ROLLBACK PREPARED ends it" in ending.text
    runner.query("ROLLBACK PREPARED 'nightly ''export'''")
    assert runner.up().error is None
