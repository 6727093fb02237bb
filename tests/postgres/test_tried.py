"""Odd files and folders: each ends as its table says, and the file after it finds all as it should be."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING

import pytest

from switchback.contract.exits import ExitCode
from tests.tried.call import Done, call
from tests.tried.case import NEXT
from tests.tried.groups import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres.servers import Server
    from tests.tried.case import Case

CASES = [case for cases in PLAIN.values() for case in cases]
REFUSED = [case for case in CASES if case.exit_code == ExitCode.SOURCE]
OTHERS = [case for case in CASES if case not in REFUSED]
COUNTED = "SELECT id FROM switchback.migrations WHERE statements_done = statements_total ORDER BY position"


def ask(server: Server, url: str, query: str) -> list[tuple[object, ...]]:
    with server.connect(url.rpartition("/")[2]) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def ids(folder: Path) -> list[str]:
    """Ids of the files, in order."""
    names = [path.name for path in folder.iterdir() if path.name.endswith(".up.sql") and path.name[0] != "."]
    return sorted((name.removesuffix(".up.sql") for name in names), key=lambda id_: int(id_.split("_")[0]))


def name_of(case: Case) -> str:
    return case.what


@pytest.fixture(scope="module")
def untouched(pg18: Server) -> Iterator[str]:
    """A database that nothing may happen to."""
    name = pg18.create_database()
    yield pg18.url(name)
    pg18.drop_database(name)


def tried(url: str, folder: Path, case: Case) -> Done:
    """The case, with one more file behind it."""
    case.write(folder)
    if any(folder.glob("*.up.sql")):
        (folder / f"{NEXT}.up.sql").write_text("CREATE TABLE next (v text DEFAULT 'a\\b');")
    done = call(url, "migrate", "--dir", folder, "--json", "--allow-non-empty")
    message = done.message.replace(str(folder.parent), "…")
    assert (done.code, message) == (case.exit_code, case.message), done.err
    assert case.says in done.err
    told = json.loads(done.out)
    assert (told["reason"], told["exitCode"]) == (case.reason, case.exit_code)
    for text in (done.err, told["message"]):
        assert "Traceback" not in text
        assert not [
            c for c in text if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        ]
    return done


@pytest.mark.parametrize("case", REFUSED, ids=name_of)
def test_refused_before_anything_runs(pg18: Server, untouched: str, folder: Path, case: Case) -> None:
    """On one server: none is asked about it."""
    tried(untouched, folder, case)
    assert ask(pg18, untouched, "SELECT nspname FROM pg_namespace WHERE nspname = 'switchback'") == []
    assert ask(pg18, untouched, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


@pytest.mark.parametrize("case", OTHERS, ids=name_of)
def test_it_ends_as_its_table_says(server: Server, database: str, folder: Path, case: Case) -> None:
    if case.before:
        ask(server, database, case.before)
    try:
        tried(database, folder, case)
        judge(server, database, folder, case)
    finally:
        if case.after:
            ask(server, database, case.after)


def judge(server: Server, url: str, folder: Path, case: Case) -> None:
    """Ledger and schema agree, and the last file saw nothing of the ones before."""
    names = ask(server, url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    tables = {row[0] for row in names}
    counted = [row[0] for row in ask(server, url, COUNTED)]
    if case.is_refused:
        assert (tables, counted) == (set(), [])
        return
    assert tables == case.tables | {"next"}
    assert counted == ids(folder)
    for query, value in case.sees.items():
        assert ask(server, url, query)[0][0] == value, query
    owner = "SELECT tableowner, pg_get_expr(adbin, adrelid) FROM pg_tables, pg_attrdef"
    assert ask(server, url, f"{owner} WHERE tablename = 'next' AND adrelid = 'public.next'::regclass") == [
        ("postgres", "'a\\b'::text")
    ]
    assert call(url, "status", "--check", "--dir", folder).code == 0
