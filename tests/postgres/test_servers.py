"""The fixtures give what they promise: the rest of the tests relies on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

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
