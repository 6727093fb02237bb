"""Odd places for a folder, and a folder of ten thousand migrations."""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from tests.postgres.running import PROGRAM, Runner, write
from tests.tried import special
from tests.tried.call import call

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.postgres.servers import Server

NOBODY = 65534
MANY = 10_000


def odd_path(tmp_path: Path, url: str) -> None:
    folder = tmp_path / 'it\'s "50 %s" of\na {folder}; --'
    folder.mkdir()
    write(folder, "0001_a")
    assert call(url, "migrate", "--dir", folder).code == 0
    (folder / "0002_b.up.sql").write_text("SELEC;")
    assert call(url, "migrate", "--dir", folder).message.startswith("0002_b.up.sql:1: 0002_b fails")


def linked_folder(tmp_path: Path, url: str) -> None:
    (tmp_path / "real").mkdir()
    write(tmp_path / "real", "0001_a")
    (tmp_path / "link").symlink_to("real")
    assert call(url, "migrate", "--dir", tmp_path / "link").code == 0


def read_only_mount(tmp_path: Path, url: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    folder = tmp_path / "mounted"
    folder.mkdir()
    write(folder, "0001_a")
    quoted = shlex.quote(str(folder))
    script = (
        f"mount --bind {quoted} {quoted} && mount -o remount,ro,bind {quoted} || exit 77\n"
        f"touch {quoted}/x 2> /dev/null && exit 78\n"
        f"exec {shlex.quote(str(PROGRAM))} migrate --dir {quoted}"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], env=os.environ | {"DATABASE_URL": url},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("no mounts here")
    assert done.returncode == 0, done.stderr


def unreadable(tmp_path: Path, url: str) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "0001_x.up.sql").write_text("SELECT 1;")
    assert call(url, "status", "--dir", folder).code == 0
    (folder / "0001_x.up.sql").chmod(0)
    if os.geteuid() == 0:  # whom no right is missing
        for path in (folder, *folder.parents):
            if path.stat().st_uid == 0 and path.is_relative_to(tmp_path.parents[1]):
                path.chmod(0o755)
        os.seteuid(NOBODY)
    try:
        done = call(url, "migrate", "--dir", folder)
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
    assert (done.code, done.message) == (special.UNREADABLE.exit_code, special.UNREADABLE.message)


def test_ten_thousand_migrations(pg18: Server, tmp_path: Path) -> None:
    """All but the last are applied by hand: to apply them takes its time, which is measured elsewhere."""
    assert special.MANY in special.FOLDERS
    name = pg18.create_database()
    try:
        many(tmp_path, pg18.url(name))
    finally:
        pg18.drop_database(name)


def many(tmp_path: Path, url: str) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(1, MANY + 1):
        (folder / f"{number:05d}_m.up.sql").write_text("SELECT 1;")
        (folder / f"{number:05d}_m.down.sql").write_text("SELECT 2;")
    runner = Runner(url, folder)
    assert runner.up(steps=1).error is None
    columns = [row[0] for row in runner.query(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'switchback.migrations'::regclass AND attnum > 0 "
        "AND NOT attisdropped AND attname NOT IN ('id', 'position')")]  # fmt: skip
    rest = ", ".join(columns)
    runner.query(
        f"INSERT INTO switchback.migrations (id, position, {rest}) "
        f"SELECT lpad(n::text, 5, '0') || '_m', n, {rest} FROM switchback.migrations, "
        f"generate_series(2, {MANY - 1}) AS n"
    )
    status = call(url, "status", "--check", "--dir", folder)
    assert (status.code, f"{MANY - 1} applied, 1 pending." in status.out) == (3, True)
    assert call(url, "migrate", "--dir", folder).code == 0
    assert runner.applied[-1] == "10000_m"
    assert call(url, "status", "--check", "--dir", folder).code == 0


TESTS: dict[str, Callable[[Path, str], None]] = {
    special.ODD_PATH.what: odd_path,
    special.LINKED_FOLDER.what: linked_folder,
    special.READ_ONLY_MOUNT.what: read_only_mount,
    special.UNREADABLE.what: unreadable,
}


@pytest.mark.parametrize("what", TESTS)
def test_folders(server: Server, database: str, tmp_path: Path, what: str) -> None:
    TESTS[what](tmp_path, database)


def test_every_line_of_the_table_is_tested() -> None:
    assert {case.what for case in special.FOLDERS} == {*TESTS, special.MANY.what}


def test_what_was_prepared_does_not_stand_in_the_way_of_another_try(
    server: Server, database: str, folder: Path
) -> None:
    """PREPARE outlives the transaction that is rolled back because a table is locked."""
    runner = Runner(database, folder).with_limits(lock_timeout_ms=150, retries=20)
    write(folder, "0001_a")
    assert runner.up().error is None
    (folder / "0002_b.up.sql").write_text("PREPARE p AS SELECT 1;\nALTER TABLE t_0001_a ADD COLUMN b int;\n")
    with server.connect(database.rpartition("/")[2]) as reader:
        reader.execute("BEGIN; SELECT * FROM t_0001_a")
        end = threading.Timer(1.0, reader.execute, ["COMMIT"])
        end.start()
        ending, words = runner.told("migrate")
        end.join()
    assert ending.error is None, ending.text
    assert "waits for locks" in words.text
