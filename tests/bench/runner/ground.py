"""Where the tools run: a real server with its usual care for disks, databases by number, slow lines to it."""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from tests.bench.runner import wire
from tests.bench.runner.timing import timed
from tests.cluster.errors import BedError
from tests.cluster.paths import CHECKOUT
from tests.postgres.servers import DEBIAN_15, Server, embedded_18, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.bench.runner.wire import Talk

USER = PASSWORD = "bench"
"""Plain on purpose: what an awkward password does to each tool is not measured here."""
SERVERS: dict[str, Callable[[], Path]] = {"18": embedded_18, "15": lambda: DEBIAN_15}
_USUAL = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "128MB",
    "max_wal_size": "4GB",
    "max_locks_per_transaction": "1024",  # Drizzle makes all tables in one transaction
}
"""Differs from the tests' servers, which care for nothing. No checkpoint comes while something is timed."""
TIMES = 200
"""How often a commit or a round trip is tried for its median."""


class Ground:
    """One server, and lines to it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._number = 0
        with server.connect() as connection:
            connection.execute(f"CREATE ROLE {USER} SUPERUSER LOGIN PASSWORD '{PASSWORD}'".encode())

    @property
    def version(self) -> str:
        with self._server.connect() as connection:
            row = connection.execute(b"SHOW server_version").fetchone()
        assert row is not None
        return str(row[0]).split()[0]

    def url(self, database: str, port: int | None = None) -> str:
        """For every tool the same."""
        where = f"{self._server.host}:{port or self._server.port}"
        return f"postgresql://{USER}:{PASSWORD}@{where}/{database}?sslmode=disable"

    def database(self) -> str:
        """Name of a new, empty database."""
        self._number += 1
        name = f"bench_{self._number}"
        with self._server.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return name

    def drop(self, database: str) -> None:
        self._server.drop_database(database)

    def calm(self) -> None:
        """Write to disk now what would else be written while something is timed."""
        with self._server.connect() as connection:
            connection.execute(b"CHECKPOINT")

    def careless(self, database: str, *, yes: bool) -> None:
        """Whether commits in a database wait for the disk: not while what is not timed is prepared."""
        setting = "SET synchronous_commit = off" if yes else "RESET synchronous_commit"
        with self._server.connect() as connection:
            connection.execute(f"ALTER DATABASE {database} {setting}".encode())

    def tables(self, database: str) -> int:
        """How many tables the migrations have left there."""
        with self._server.connect(database) as connection:
            row = connection.execute(
                rb"SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^t\d{5}$'"
            ).fetchone()
        assert row is not None
        return int(str(row[0]))

    def commit_seconds(self) -> float:
        """Median time of a commit that waits for the disk, beyond a statement that waits for nothing."""
        with self._server.connect() as connection:
            connection.execute(b"CREATE TABLE commits (id integer)")
            nothing = _median(lambda: connection.execute(b"SELECT 1"))
            commit = _median(lambda: connection.execute(b"INSERT INTO commits VALUES (1)"))
            connection.execute(b"DROP TABLE commits")
        return commit - nothing

    @contextlib.contextmanager
    def line(self, delay: float, folder: Path | None = None) -> Iterator[int]:
        """Port of a line that is slower by so many seconds there and back.

        Args:
            delay: added to a round trip.
            folder: where what passes is written down.
        """
        more = [str(folder)] if folder is not None else []
        argv = [
            sys.executable, "-m", "tests.bench.runner.proxy",
            self._server.host, str(self._server.port), str(delay / 2), *more,
        ]  # fmt: skip
        proxy = subprocess.Popen(
            argv, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT, start_new_session=True
        )
        try:
            assert proxy.stdout is not None
            port = proxy.stdout.readline().strip()
            if not port:
                raise BedError("the slow line did not come up")
            yield int(port)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(proxy.pid, signal.SIGTERM)
            proxy.wait(10)

    def trip_seconds(self, port: int) -> float:
        """Median of an empty statement through a line: what the delay really is."""
        with psycopg.connect(self.url("postgres", port), autocommit=True) as connection:
            return _median(lambda: connection.execute(b"SELECT 1"))

    def overheard(self, argv_of: Callable[[int], Sequence[str]]) -> list[Talk]:
        """What one call says to the server, by connection.

        Args:
            argv_of: the call, by the port of the line that it is to take.

        Raises:
            BedError: the call failed.
        """
        with tempfile.TemporaryDirectory() as folder, self.line(0.0, Path(folder)) as port:
            timed(argv_of(port))
            deadline = time.monotonic() + 5
            while not (found := sorted(Path(folder).glob("[0-9]*"))) and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(0.2)
            return [wire.read(file.read_bytes()) for file in found]


def _median(do: Callable[[], object]) -> float:
    took: list[float] = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        do()
        took.append(time.perf_counter() - begun)
    return statistics.median(took)


@contextlib.contextmanager
def ground(major: str) -> Iterator[Ground]:
    """A server of its own, removed at the end.

    Raises:
        BedError: that version is not installed.
    """
    programs = SERVERS[major]()
    if not (programs / "postgres").exists():
        raise BedError(f"PostgreSQL {major} is not in {programs}")
    with running(programs, None, **_USUAL) as server:
        yield Ground(server)
