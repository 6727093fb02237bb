"""The same odd texts as ways back, from the ledger: they run, or fail, as they do on the way there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.postgres.test_tried import OTHERS, ask, name_of
from tests.tried.call import call
from tests.tried.case import UP

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres.servers import Server
    from tests.tried.case import Case

OTHERWISE = ("switchback.migrations", "SCHEMA switchback", "READ ONLY", "10 MB")
"""What reaches for the record, which is another one on the way back; and what takes its time."""

BACK = [
    case
    for case in OTHERS
    if case.up is not None
    and not case.files
    and not any(word in f"{case.what} {case.up!r}" for word in OTHERWISE)
]
AFTER = "DROP TABLE before;\nCREATE TABLE next (v text DEFAULT 'a\\b');\n"


@pytest.mark.parametrize("case", BACK, ids=name_of)
def test_it_ends_as_on_the_way_there(pg18: Server, folder: Path, case: Case) -> None:
    name = pg18.create_database()
    url = pg18.url(name)
    try:
        if case.before:
            ask(pg18, url, case.before)
        case.write(folder)
        (folder / UP).rename(folder / "0001_x.down.sql")
        (folder / UP).write_text("SELECT 1;")
        (folder / "0000_before.up.sql").write_text("CREATE TABLE before (i int);")
        (folder / "0000_before.down.sql").write_text(AFTER)
        assert call(url, "migrate", "--dir", folder, "--allow-non-empty").code == 0
        (folder / "0001_x.down.sql").unlink()
        done = call(url, "rollback", "--target", "base", "--accept-data-loss", "--dir", folder)
        message = case.message.replace("0001_x.up.sql", "ledger:0001_x")
        assert (done.code, done.message) == (case.exit_code, message), done.err
        judge(pg18, url, case)
    finally:
        if case.after:
            ask(pg18, url, case.after)
        pg18.drop_database(name)


def judge(server: Server, url: str, case: Case) -> None:
    """Ledger and schema agree: all is undone, or nothing."""
    rows = ask(server, url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    ledger = [row[0] for row in ask(server, url, "SELECT id FROM switchback.migrations ORDER BY position")]
    if case.is_refused:
        assert ({row[0] for row in rows}, ledger) == ({"before"}, ["0000_before", "0001_x"])
        return
    assert {row[0] for row in rows} == case.tables | {"next"}
    assert ledger == []
    for query, value in case.sees.items():
        assert ask(server, url, query)[0][0] == value, query
