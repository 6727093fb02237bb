"""A database that people change by hand as well: what they leave in the ledger holds for Jobs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.shop import BOOKS, FIRST, INDEX, Files
from tests.e2e.states import operation
from tests.e2e.support import ALLOW_LOSS, NO_SNAPSHOT
from tests.e2e.test_adoption import DRIZZLE_FILES, TOOLS, prepare
from tests.e2e.test_formats import python

if TYPE_CHECKING:
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster

BACK: dict[str, Any] = {"rollback": ALLOW_LOSS, "snapshot": NO_SNAPSHOT}
ROWS = "SELECT hash, created_at FROM drizzle.__drizzle_migrations ORDER BY created_at"
TRIES = """
id = "0002_two"
description = "counts its tries"
transactional = False


def up(connection):
    connection.execute("CREATE TABLE IF NOT EXISTS counted (n int)")
    connection.execute("INSERT INTO counted VALUES (1)")
    connection.execute("{last}")


def down(connection):
    connection.execute("DROP TABLE counted")
"""


def by_hand(database: Database, *words: str) -> None:
    """The command line on this machine."""
    argv = [str(Path(sys.executable).with_name("switchback")), *words]
    done = subprocess.run(
        argv, env={"DATABASE_URL": database.url_here}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_rows_of_drizzle_are_kept_up_by_jobs_as_well(
    world: World, database: Database, tmp_path: Path
) -> None:
    prepare(database, TOOLS["drizzle"])
    for name, text in DRIZZLE_FILES.items():
        (tmp_path / name).write_text(text)
    by_hand(database, "adopt", "--keep-rows", "--yes", "--dir", str(tmp_path))
    before = database.sql(ROWS)
    shop = world.migration(database, DRIZZLE_FILES, **BACK)
    shop.succeeded()
    after = database.sql(ROWS)
    assert (len(before), len(after)) == (1, 2)
    assert after[:1] == before

    shop.edit(target="0000_one")
    shop.succeeded()
    assert database.sql(ROWS) == before


def test_a_database_that_is_protected_by_hand_is_rolled_back_by_an_edit_of_its_resource(
    world: World, database: Database
) -> None:
    """Who may edit the resource is decided by Kubernetes; the mark is against a wrong window on a laptop."""
    shop = world.migration(database, BOOKS | INDEX, **BACK)
    shop.succeeded()
    by_hand(database, "protect")

    shop.edit(target=FIRST)
    shop.succeeded()

    assert database.applied() == [FIRST]
    assert database.sql("SELECT protected_for <> '' FROM switchback.meta") == [(True,)]


def test_a_file_is_the_way_back_where_the_spec_says_so(world: World, database: Database) -> None:
    shop = world.migration(database, BOOKS | INDEX, **BACK)
    shop.succeeded()
    mended = "DROP INDEX books_title; CREATE TABLE from_the_file (a int);\n"
    shop.refile(BOOKS | INDEX | {"0002_titles.down.sql": mended})
    shop.edit(target=FIRST)
    stalled = shop.stalled("FileChanged")

    shop.edit(rollback={**ALLOW_LOSS, "downSource": "Source"})
    shop.succeeded(after=operation(stalled)["id"])

    assert database.applied() == [FIRST]
    assert database.sql("SELECT to_regclass('from_the_file')") == [("from_the_file",)]


def test_python_without_a_transaction_fails_part_way_and_runs_again(world: World, database: Database) -> None:
    def files(last: str) -> Files:
        return python("t_one", "t_two") | {"0002_two.py": TRIES.format(last=last)}

    shop = world.migration(database, files("SELECT nothing"), **BACK)
    stalled = shop.stalled("FailedPartly")
    assert database.sql("SELECT count(*) FROM counted") == [(1,)]

    shop.refile(files("SELECT 1"))
    shop.succeeded(after=operation(stalled)["id"])
    assert database.sql("SELECT count(*) FROM counted") == [(2,)]
    assert database.applied() == ["0001_one", "0002_two"]

    shop.edit(target="0001_one")
    shop.succeeded()
    assert database.sql("SELECT to_regclass('counted')") == [(None,)]
