"""A database and a folder in which something goes wrong, and what stands on the terminal then."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from unittest import mock

import psycopg

from switchback.cli.main import cli, run
from switchback.runner.session import Limits
from tests.postgres.servers import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.postgres.servers import Server

PORT = 5432
_ALIKE = (
    (re.compile(r"((?:applied|rolled back)  \S+  )[\d.]+ m?s\b"), r"\g<1>9 ms"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(Z|\+00)?"), r"2026-11-26T03:12:44Z"),
    (re.compile(r"\bcli-[0-9a-f]{8}\b"), "cli-5f1c09ab"),
    (re.compile(r"\b(pid|process) \d+"), r"\1 4711"),
    (re.compile(r"(pg_terminate_backend\()\d+"), r"\g<1>4711"),
    (re.compile(r"\d\d:\d\d:\d\d UTC"), "03:11:58 UTC"),
    (re.compile(r"PostgreSQL 1\d"), "PostgreSQL 18"),
    (re.compile(r"\b(in|for|within|Within) [\d.]+ s\b"), r"\1 2 s"),
    (re.compile(r"(could not translate host name \S+ to address: )[^.\n]+"), r"\1Name or service not known"),
)


@dataclass
class Stage:
    """One scene.

    Attributes:
        server: where the database is.
        database: its name.
        place: the folder that the commands are called in; the migrations are in `migrations`.
        lines: what stands on the terminal.
    """

    server: Server
    database: str
    place: Path
    lines: list[str] = field(default_factory=list)
    code: int = 0
    alike: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Of the database."""
        return self.server.url(self.database)

    def write(self, **files: str) -> None:
        """Write migrations: `_0001_a_up="…"` becomes `0001_a.up.sql`."""
        folder = self.place / "migrations"
        folder.mkdir(exist_ok=True)
        for key, text in files.items():
            stem, _, half = key.rpartition("_")
            (folder / f"{stem.lstrip('_')}.{half}.sql").write_text(text)

    def shop(self) -> None:
        """Three migrations of a small shop."""
        self.write(
            _0001_customers_up="CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL);\n",
            _0001_customers_down="DROP TABLE customers;\n",
            _0002_orders_up="CREATE TABLE orders (id bigint PRIMARY KEY, placed date);\n",
            _0002_orders_down="DROP TABLE orders;\n",
            _0003_mail_up="ALTER TABLE customers ADD COLUMN mail text;\n",
            _0003_mail_down="ALTER TABLE customers DROP COLUMN mail;\n",
        )

    def remove(self, *names: str) -> None:
        """Delete files."""
        for name in names:
            (self.place / "migrations" / name).unlink()

    def sql(self, text: str) -> None:
        """As somebody else, a superuser."""
        with self.server.connect(self.database) as connection:
            connection.execute(text.encode())

    @contextlib.contextmanager
    def held(self, text: str) -> Iterator[None]:
        """Somebody else's transaction, open meanwhile."""
        with psycopg.connect(self.url, application_name="reporting") as connection:
            connection.execute(text.encode())
            yield
            connection.rollback()

    def quietly(self, words: str) -> int:
        """A command that the page does not show."""
        before = list(self.lines)
        self.shell(words)
        self.lines = before
        return self.code

    def shell(
        self,
        shown: str,
        *,
        url: str | None = "",
        limits: dict[str, float] | None = None,
        only: Callable[[list[str]], list[str]] = list,
        **environment: str,
    ) -> None:
        """Call the program as it is shown, and keep what it says.

        Args:
            shown: the command line.
            url: for DATABASE_URL; empty: that of the database; None: none.
            limits: other pauses than the usual ones, for the sake of time.
            only: what is shown of the lines, where they repeat themselves.
            environment: further variables.
        """
        out = io.StringIO()
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PG", "SWITCHBACK"))
        }
        kept.pop("DATABASE_URL", None)
        variables = kept | {"CI": "true"} | environment
        if url is not None:
            variables["DATABASE_URL"] = url or self.url
        quick = Limits(**(limits or {}))  # type: ignore[arg-type]  # seconds
        with (
            mock.patch.dict(os.environ, variables, clear=True),
            mock.patch.object(sys, "argv", shlex.split(shown)),
            mock.patch("switchback.cli.work.Limits", return_value=quick),
            contextlib.chdir(self.place),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
        ):
            self.code = run(cli, "switchback")
        if self.lines:
            self.lines.append("")
        self.lines += [f"$ {shown}", *only(self._masked(out.getvalue()).splitlines())]

    def _masked(self, text: str) -> str:
        """What differs from run to run is always the same."""
        text = text.replace(str(self.place), "/home/you/shop").replace(self.database, "shop")
        text = text.replace(str(self.server.port), str(PORT))
        for found, put in self.alike.items():
            text = text.replace(found, put)
        for pattern, again in _ALIKE:
            text = pattern.sub(again, text)
        assert PASSWORD not in text
        assert "Traceback" not in text
        return text

    @property
    def text(self) -> str:
        """The section of the page."""
        body = "\n".join(line.rstrip() for line in self.lines)
        return f"```console\n{body}\n```\n\nExit code {self.code}.\n"
