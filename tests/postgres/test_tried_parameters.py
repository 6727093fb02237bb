"""Every parameter that a file may set: the ledger is right, and the next file sees nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.postgres.running import Runner
from tests.postgres.test_tried import COUNTED, ids
from tests.tried.parameters import QUERY, UNTRIED, Parameter, other

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres.servers import Server

OUR_OWN = ("application_name", "lock_timeout", "statement_timeout", "transaction_timeout")
"""Each file has its own values of these, whatever was set before."""

BEGIN = (
    "CREATE TABLE public.begun AS SELECT name, setting FROM pg_settings;\n"
    "CREATE TABLE public.took (name text, setting text);\n"
    "CREATE TABLE public.leaked (after text, name text, setting text);\n"
)
LOOK = (
    "INSERT INTO public.leaked SELECT {after}, s.name, s.setting FROM pg_settings s "
    "JOIN public.begun b USING (name) WHERE s.setting IS DISTINCT FROM b.setting AND s.name NOT IN {ours};\n"
)
FORMS = {
    "set": "SET {name} = '{value}';\n",
    "set local": "SET LOCAL {name} = '{value}';\n",
    "set, without a transaction": "-- switchback: no-transaction\nSET {name} = '{value}';\n",
}


def parameters(server: Server) -> list[Parameter]:
    with server.connect() as connection:
        rows = connection.execute(QUERY.encode()).fetchall()
    return [found for row in rows if (found := Parameter(*row)).name not in UNTRIED]  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_no_parameter_reaches_the_next_file(server: Server, database: str, folder: Path, form: str) -> None:
    chosen = parameters(server)
    assert len(chosen) > 150
    (folder / "0_begin.up.sql").write_text(BEGIN)
    for number, parameter in enumerate(chosen, start=1):
        name, value = parameter.name, other(parameter)
        shown = f"INSERT INTO public.took VALUES ('{name}', pg_catalog.current_setting('{name}'));\n"
        (folder / f"{2 * number}_set_{name}.up.sql").write_text(form.format(name=name, value=value) + shown)
        look = LOOK.format(after=f"'{name}'", ours=OUR_OWN)
        (folder / f"{2 * number + 1}_look.up.sql").write_text(look)
    runner = Runner(database, folder)
    ending = runner.up()
    assert ending.error is None, ending.text
    assert runner.query("SELECT after, name, setting FROM leaked") == []
    assert [row[0] for row in runner.query(COUNTED)] == ids(folder)
    took = dict(runner.query("SELECT name, setting FROM took"))
    begun = dict(runner.query("SELECT name, setting FROM begun"))
    assert len(took) == len(chosen)
    changed = [p.name for p in chosen if took[p.name] != begun[p.name]]
    assert len(changed) > 0.9 * len(chosen), "the values were others"
