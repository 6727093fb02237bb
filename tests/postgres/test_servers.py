"""The fixtures give what they promise: the rest of the tests relies on it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.lanes import TELLING

if TYPE_CHECKING:
    from tests.postgres.servers import Server


def test_a_fresh_database_of_the_right_major(server: Server, database: str) -> None:
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version_num')::int / 10000,"
            " (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace)"
        ).fetchone()
    assert row is not None
    assert (row[0], row[1]) == (
        int(server.programs.parts[-2]) if "postgresql" in server.programs.parts else 18,
        0,
    )


WITHOUT_15 = """
import sys
from pathlib import Path
import pytest
from tests.postgres import servers
servers.DEBIAN_15 = Path("/nonexistent")
words = ["-q", "-p", "no:cacheprovider", "tests/postgres/test_dump.py", "-k", "versions_do_not"]
sys.exit(pytest.main(words))
"""


@pytest.mark.parametrize("every", ["", "1"])
def test_a_server_that_is_missing_is_told_at_the_end_and_refused_where_every_one_has_to_be(
    every: str,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_15], env=os.environ | {"SWITCHBACK_EVERY_SERVER": every},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if every:
        assert done.returncode == pytest.ExitCode.USAGE_ERROR
        assert "postgresql-15" in done.stderr + done.stdout
    else:
        assert done.returncode == 0
        told = [line for line in done.stdout.splitlines() if line.startswith(TELLING)]
        assert len(told) == 1, done.stdout
        assert "NOT TESTED on PostgreSQL 15: 1 " in told[0]
