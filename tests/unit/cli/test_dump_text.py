"""Texts of pg_dump made the same, and the pg_dump that is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.cli.dump_text import reproducible
from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import clients

if TYPE_CHECKING:
    from pathlib import Path

HEAD = r"""--
-- PostgreSQL database dump
--

\restrict {key}

-- Dumped from database version {server}
-- Dumped by pg_dump version {client}

SET statement_timeout = 0;
{more}SET client_encoding = 'UTF8';
"""
BODY = r"""
--
-- Name: f(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '
\restrict abc
\unrestrict abc
-- Dumped by pg_dump version 1



SET transaction_timeout = 0;' $$;


--
-- PostgreSQL database dump complete
--

\unrestrict {key}
"""


def text(key: str, server: str, client: str, more: str = "", body: str = BODY) -> str:
    return HEAD.format(key=key, server=server, client=client, more=more) + body.format(key=key)


def test_what_differs_by_chance_or_version_is_gone() -> None:
    one = reproducible(text("k1", "15.18 (Debian)", "15.18"))
    two = reproducible(text("k2", "15.18", "18.6", "SET transaction_timeout = 0;\n"))
    assert one == two
    assert one.startswith("--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n")
    assert one.endswith("-- PostgreSQL database dump complete\n--\n")


def test_what_stands_in_a_body_stays() -> None:
    found = reproducible(text("abc", "1", "1"))
    assert "\\restrict abc\n\\unrestrict abc\n-- Dumped by pg_dump version 1\n\n\n\nSET transaction" in found
    assert found.count("unrestrict") == 1, "the last one is pg_dump's own, although its key is the same"


def test_an_older_pg_dump_writes_no_key() -> None:
    old = text("k", "15.10", "15.10").replace("\\restrict k\n\n", "").replace("\\unrestrict k\n", "")
    assert reproducible(old) == reproducible(text("k", "15.18", "15.18"))


def test_an_empty_database() -> None:
    body = "\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict {key}\n"
    assert reproducible(text("k1", "1", "1", body=body)) == reproducible(text("k2", "2", "2", body=body))
    assert "restrict" not in reproducible(text("k1", "1", "1", body=body))


def installed(folder: Path, release: str) -> None:
    folder.mkdir(parents=True)
    (folder / "pg_dump").write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {release}'\n")
    (folder / "pg_dump").chmod(0o755)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No pg_dump but those that are put here."""
    monkeypatch.setattr(clients, "_FOLDERS", (f"{tmp_path}/{{major}}/bin",))
    monkeypatch.setattr(clients, "_WHEEL", "no_such_package")
    monkeypatch.setenv("PATH", f"{tmp_path}/path")
    return tmp_path


def chosen(major: int) -> str:
    return clients.find_at_least("pg_dump", major, Reason.DUMP_FAILED).release


def test_the_servers_own_version_is_preferred_then_the_next(nowhere: Path) -> None:
    installed(nowhere / "17" / "bin", "17.2")
    installed(nowhere / "18" / "bin", "18.6")
    assert chosen(17) == "17.2"
    assert chosen(16) == "17.2"
    assert chosen(18) == "18.6"


def test_one_that_is_too_old_is_named(nowhere: Path) -> None:
    installed(nowhere / "path", "15.18")
    with pytest.raises(RunnerError) as caught:
        chosen(17)
    assert caught.value.reason is Reason.DUMP_FAILED
    assert (
        f"pg_dump of version 17 or newer is needed, but {nowhere}/path/pg_dump is 15.18."
        in caught.value.message
    )
    assert "postgresql-client-17" in str(caught.value.advice)


def test_none_at_all(nowhere: Path) -> None:
    with pytest.raises(
        RunnerError, match="pg_dump of version 15 or newer is needed, and there is none on PATH"
    ):
        chosen(15)
