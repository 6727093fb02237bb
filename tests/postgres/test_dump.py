"""`switchback dump`: the same text for the same schema, whatever server and pg_dump made it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.postgres.running import Runner
from tests.postgres.servers import DEBIAN_15, PASSWORD, embedded_18

if TYPE_CHECKING:
    from tests.postgres.servers import Server

PROGRAM = Path(sys.executable).parent / "switchback"

SHOP = r"""
CREATE SCHEMA app;
CREATE TYPE app.state AS ENUM ('new', 'done');
CREATE TABLE app.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state app.state NOT NULL);
CREATE TABLE "Odd ""name" (total numeric(10, 2) CHECK (total > 0));
CREATE VIEW app.open AS SELECT id FROM app.orders WHERE state = 'new';
CREATE INDEX orders_state ON app.orders (state);
CREATE FUNCTION app.lines() RETURNS text LANGUAGE sql AS $$ SELECT '
\restrict not-a-key
-- Dumped by pg_dump version 1


SET transaction_timeout = 0;
\unrestrict not-a-key
' $$;
INSERT INTO app.orders (state) VALUES ('new'), ('done');
"""


def call(url: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [PROGRAM, "dump", *words], capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": url, **environment},
    )  # fmt: skip
    assert PASSWORD not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def shop(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SHOP.encode())
    return database


def text_of(url: str, *words: str) -> str:
    done = call(url, *words)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_it_holds_everything_but_what_differs(shop: str) -> None:
    text = text_of(shop)
    for made in ("CREATE SCHEMA app;", "CREATE TYPE app.state", "CREATE VIEW app.open", '"Odd ""name"',
                 "CREATE INDEX orders_state", "GENERATED ALWAYS AS IDENTITY"):  # fmt: skip
        assert made in text
    head = text[: text.index("-- Name: ")]
    for lottery in ("restrict", "Dumped", "transaction_timeout"):
        assert lottery not in head
    assert text.count("restrict ") == 2, "those in the body of a function"
    assert "-- Dumped by pg_dump version 1\n\n\nSET transaction_timeout = 0;\n" in text
    assert "OWNER TO" not in text
    assert "INSERT" not in text
    assert text == text_of(shop)


def test_versions_do_not_matter(pg15: Server, pg18: Server) -> None:
    texts = []
    for server in (pg15, pg18):
        name = server.create_database()
        try:
            with server.connect(name) as connection:
                connection.execute("CREATE TABLE t (id int PRIMARY KEY); CREATE INDEX ON t ((id + 1))")
            texts.append(text_of(server.url(name)))
        finally:
            server.drop_database(name)
    assert texts[0] == texts[1]


def test_it_makes_the_same_schema_again(server: Server, shop: str) -> None:
    name = server.create_database()
    try:
        tool = next(f / "psql" for f in (embedded_18(), DEBIAN_15) if (f / "psql").exists())
        subprocess.run(
            [tool, "-v", "ON_ERROR_STOP=1", "-q", "-d", server.url(name)], input=text_of(shop), text=True,
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        assert text_of(server.url(name)) == text_of(shop)
    finally:
        server.drop_database(name)


def test_an_empty_database(database: str) -> None:
    text = text_of(database)
    assert "restrict" not in text
    assert text.endswith("-- PostgreSQL database dump complete\n--\n")


@pytest.mark.parametrize("schema", ["switchback", "public", "Led ger"])
def test_the_ledger_is_left_out_and_nothing_else(
    server: Server, shop: str, folder: Path, schema: str
) -> None:
    before = text_of(shop, "--ledger-schema", schema)
    (folder / "0001_a.up.sql").write_text("CREATE TABLE app.late (id int);")
    runner = Runner(shop, folder, schema=schema)
    assert runner.up(allow_non_empty=True).error is None
    after = text_of(shop, "--ledger-schema", schema)
    assert "CREATE TABLE app.late" in after
    assert "CREATE TABLE app.orders" in after
    assert "revision" not in after, "a column of the ledger"
    assert "app.late" not in before


def test_others_in_the_ledgers_schema_stay(database: str, folder: Path) -> None:
    (folder / "0001_a.up.sql").write_text("CREATE TABLE switchback.theirs (id int);")
    assert Runner(database, folder).up().error is None
    text = text_of(database)
    assert "CREATE TABLE switchback.theirs" in text
    assert "switchback.meta" not in text


def test_a_file_is_replaced_as_a_whole_and_only_if_it_differs(shop: str, tmp_path: Path) -> None:
    file = tmp_path / "schema.sql"
    assert call(shop, "--output", str(file)).stdout == f"Wrote {file}.\n"
    assert file.read_text() == text_of(shop)
    assert stat.S_IMODE(file.stat().st_mode) & 0o600 == 0o600
    file.chmod(0o640)
    before = file.stat().st_mtime_ns
    assert call(shop, "-o", str(file)).stdout == f"{file} is as it was.\n"
    assert file.stat().st_mtime_ns == before
    file.write_text("older")
    answer = json.loads(call(shop, "-o", str(file), "--json").stdout)
    assert answer["file"] == str(file)
    assert file.read_text() == text_of(shop)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["schema.sql"]


def test_a_file_that_cannot_be_written(shop: str, tmp_path: Path) -> None:
    done = call(shop, "-o", str(tmp_path / "gone" / "schema.sql"))
    assert done.returncode == 8
    assert "schema.sql cannot be written: No such file or directory" in done.stderr


def test_rows_when_they_are_asked_for(shop: str) -> None:
    assert "INSERT INTO app.orders OVERRIDING SYSTEM VALUE VALUES (1, 'new');" in text_of(shop, "--with-data")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder for PATH."""
    return tmp_path / "bin"


def fake(folder: Path, release: str, does: str = "exit 1") -> str:
    folder.mkdir()
    program = folder / "pg_dump"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) {release}" && exit\n{does}\n'
    )
    program.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def test_a_pg_dump_that_fails_is_told_in_its_words(pg18: Server, bare: Path) -> None:
    path = fake(bare, "18.1", "echo 'pg_dump: error: the disk is on fire' >&2; exit 3")
    done = call(pg18.url(), PATH=path)
    assert done.returncode == 8
    assert f"{bare}/pg_dump (18.1) failed: the disk is on fire" in done.stderr


def test_the_password_is_on_no_command_line_and_in_no_environment(pg18: Server, bare: Path) -> None:
    path = fake(bare, "18.1", f'{{ echo "$@"; env; }} > {bare}/seen; exit 3')
    assert call(pg18.url(), PATH=path).returncode == 8
    seen = (bare / "seen").read_text()
    assert "--schema-only" in seen
    assert PASSWORD not in seen
    assert "DATABASE_URL" not in seen


def test_no_rights_is_told_with_the_object(server: Server, shop: str) -> None:
    with server.connect() as admin:
        admin.execute("DROP ROLE IF EXISTS reader")
        admin.execute("CREATE ROLE reader LOGIN PASSWORD 'reader'")
    try:
        name = psycopg.conninfo.conninfo_to_dict(shop)["dbname"]
        done = call(server.url(str(name), "reader", "reader"))
        assert done.returncode == 8
        assert "failed: query failed" in done.stderr or "permission denied" in done.stderr
    finally:
        with server.connect() as admin:
            admin.execute("DROP ROLE reader")


def test_no_server_is_exit_7() -> None:
    assert call("postgresql://u@127.0.0.1:1/d").returncode == 7
