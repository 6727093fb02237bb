"""Settings of a file as a run feels them: which database, which schemas, which limits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.postgres.running import Runner
from tests.postgres.servers import PASSWORD

if TYPE_CHECKING:
    from tests.postgres.servers import Server

PROGRAM = Path(sys.executable).parent / "switchback"


def call(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [PROGRAM, *words], capture_output=True, text=True, timeout=60, check=False, cwd=folder,
        env={"PATH": os.environ["PATH"], **environment}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert PASSWORD not in done.stdout + done.stderr
    return done


@pytest.fixture
def project(folder: Path) -> Path:
    """The parent of the folder of migrations, with one of them."""
    (folder / "0001_a.up.sql").write_text("CREATE TABLE a (id int);")
    (folder / "0001_a.down.sql").write_text("DROP TABLE a;")
    return folder.parent


def test_a_file_names_everything(project: Path, folder: Path, server: Server, database: str) -> None:
    with server.connect() as admin:
        admin.execute("DROP ROLE IF EXISTS shop_owner")
        admin.execute("CREATE ROLE shop_owner")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app; GRANT ALL ON SCHEMA app TO shop_owner")
        connection.execute("CREATE SCHEMA book AUTHORIZATION shop_owner")
    folder.rename(project / "db")
    (project / "pyproject.toml").write_text(
        '[tool.switchback]\ndir = "db"\nrole = "shop_owner"\nsearch-path = ["app"]\nledger-schema = "book"\n'
        '[tool.switchback.env.test]\nurl-env = "SHOP"\n'
    )
    (project / "src").mkdir()
    try:
        done = call(project / "src", "migrate", "--env", "test", SHOP=database)
        assert done.returncode == 0, done.stderr
        found = Runner(database, folder, schema="book")
        assert found.applied == ["0001_a"]
        owner = found.query("SELECT schemaname, tableowner FROM pg_tables WHERE tablename = 'a'")
        assert owner == [("app", "shop_owner")]
        assert call(project, "status", "--check", SWITCHBACK_ENV="test", SHOP=database).returncode == 0
    finally:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("DROP SCHEMA book, app CASCADE; DROP OWNED BY shop_owner")
        with server.connect() as admin:
            admin.execute("DROP ROLE shop_owner")


def test_an_environment_is_another_database(project: Path, pg18: Server) -> None:
    everyday, staging = pg18.create_database(), pg18.create_database()
    try:
        (project / "switchback.toml").write_text(f'[env.staging]\nurl = "{pg18.url(staging)}"\n')
        (project / "switchback.toml").chmod(0o600)
        words = {"DATABASE_URL": pg18.url(everyday)}
        assert call(project, "migrate", "--env", "staging", **words).returncode == 0
        assert call(project, "status", "--check", "--env", "staging", **words).returncode == 0
        assert call(project, "status", "--check", **words).returncode == 3, "the everyday one is as it was"
    finally:
        pg18.drop_database(everyday)
        pg18.drop_database(staging)


def test_limits_of_a_file_and_of_a_flag(project: Path, folder: Path, pg18: Server) -> None:
    name = pg18.create_database()
    try:
        url = pg18.url(name)
        (folder / "0002_b.up.sql").write_text("SELECT pg_sleep(1.5);")
        (folder / "0002_b.down.sql").write_text("-- switchback: down=none it only sleeps\n")
        (project / "switchback.toml").write_text('statement-timeout = "300ms"\n')
        done = call(project, "migrate", DATABASE_URL=url)
        assert done.returncode == 8
        assert "statement timeout" in done.stderr
        done = call(project, "migrate", "--statement-timeout", "0", DATABASE_URL=url)
        assert done.returncode == 0, done.stderr
    finally:
        pg18.drop_database(name)


def test_the_limit_of_locks_comes_from_a_variable(project: Path, folder: Path, pg18: Server) -> None:
    name = pg18.create_database()
    try:
        url = pg18.url(name)
        assert call(project, "migrate", DATABASE_URL=url).returncode == 0
        (folder / "0003_c.up.sql").write_text(
            "DO $$ BEGIN IF current_setting('lock_timeout') <> '70ms' THEN RAISE 'it is %', "
            "current_setting('lock_timeout'); END IF; CREATE TABLE c (id int); END $$;"
        )
        (folder / "0003_c.down.sql").write_text("DROP TABLE c;")
        done = call(project, "migrate", DATABASE_URL=url, SWITCHBACK_LOCK_TIMEOUT="70ms")
        assert done.returncode == 0, done.stderr
    finally:
        pg18.drop_database(name)


def test_a_person_without_a_folder_is_told_how_to_begin(tmp_path: Path, pg18: Server) -> None:
    done = call(tmp_path, "status", DATABASE_URL=pg18.url())
    assert done.returncode == 4
    assert done.stderr.endswith("Name the folder with --dir, or begin one: switchback new TITLE\n")
    assert call(tmp_path, "new", "create", "books").returncode == 0
    done = call(tmp_path, "migrate", DATABASE_URL=pg18.url())
    assert "0001_create_books.up.sql:1: the up half has no statement" in done.stderr


def test_who_has_named_a_folder_that_is_not_there(project: Path, database: str) -> None:
    done = call(project, "status", SWITCHBACK_DIR="nowhere", DATABASE_URL=database)
    assert (done.returncode, "SWITCHBACK_DIR names that folder." in done.stderr) == (4, True)
    (project / "switchback.toml").write_text('\ndir = "nowhere"\n')
    done = call(project, "status", DATABASE_URL=database)
    assert (done.returncode, "switchback.toml:2 names that folder." in done.stderr) == (4, True)
    done = call(project, "status", "--dir", "none", DATABASE_URL=database)
    assert (done.returncode, "names that folder" in done.stderr) == (4, False)


def test_where_a_database_may_be_named(project: Path) -> None:
    done = call(project, "status")
    assert done.returncode == 7
    assert "DATABASE_URL" in done.stderr
    assert "switchback.toml" in done.stderr
    assert "[tool.switchback]" in done.stderr
    (project / "switchback.toml").write_text('[env.test]\nurl-env = "SHOP"\n[env.prod]\nurl-env = "X"\n')
    assert (
        "switchback.toml names one for test and for prod: choose with --env test."
        in call(project, "status").stderr
    )
    assert "switchback.toml" in json.loads(call(project, "status", "--json").stdout)["advice"]
