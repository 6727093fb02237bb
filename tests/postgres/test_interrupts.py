"""A run is disturbed at every message, up and down: the ledger knows what is done, and a second run arrives.

The connection is cut, the program gets signals, its session is ended or cancelled, the server is restarted.
Each run is a real command line behind a proxy. A random sample in the usual run; with SWITCHBACK_CAMPAIGN=1
every message is cut, and every few are disturbed in all other ways. SWITCHBACK_SEED repeats a sample.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.crash.chance import CAMPAIGN, SEED
from tests.postgres.proxy import Proxy
from tests.postgres.running import Runner
from tests.postgres.servers import DEBIAN_15, STOP_SECONDS, embedded_18, running
from tests.postgres.trials import SCENARIOS, Ground, walk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.postgres.forked import Fork
    from tests.postgres.proxy import Pair
    from tests.postgres.servers import Server
    from tests.postgres.trials import Way

SAMPLE = 7
RESTARTS = 20 if CAMPAIGN else 1
EACH_OF = 5
"""In a campaign every message is cut, and each of so many is disturbed in the other ways."""

_WORK = (
    "FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'switchback %' "
    "AND application_name NOT LIKE 'switchback observe%'"
)


_TABLES = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'"


def cut(pair: Pair, _: Ground) -> None:
    pair.cut()


def cut_near(pair: Pair, _: Ground) -> None:
    pair.cut_near()


def cut_for_a_while(pair: Pair, ground: Ground) -> None:
    ground.proxy.away_until = time.monotonic() + 0.7
    pair.cut()


def signalled(signum: int) -> Callable[[Pair, Ground], None]:
    def act(_: Pair, ground: Ground) -> None:
        os.kill(ground.fork.pid, signum)
        time.sleep(0.03)  # it is heard before the message goes on

    return act


def asked(function: str) -> Callable[[Pair, Ground], None]:
    def act(_: Pair, ground: Ground) -> None:
        ground.query(f"SELECT {function}(pid) {_WORK}")

    return act


def locked(_: Pair, ground: Ground) -> None:
    """Somebody locks the ledger for longer than a lock is waited for, as soon as that can be."""
    held = threading.Event()

    def hold() -> None:
        with contextlib.suppress(psycopg.Error), psycopg.connect(ground.runner.url) as other:
            other.execute("SET lock_timeout = '2s'; LOCK TABLE switchback.meta, switchback.migrations")
            held.set()
            time.sleep(0.4)

    threading.Thread(target=hold).start()
    held.wait(0.3)  # a transaction that is open may go on and end


def out_of_time(_: Pair, ground: Ground) -> None:
    """What the next statement needs is locked for longer than any statement may take."""
    held = threading.Event()

    def hold() -> None:
        with contextlib.suppress(psycopg.Error), psycopg.connect(ground.runner.url) as other:
            other.execute("SET lock_timeout = '100ms'")
            tables = [row[0] for row in other.execute(_TABLES).fetchall()]
            other.execute(f"LOCK TABLE {', '.join(tables)}".encode())
            held.set()
            time.sleep(0.5)

    threading.Thread(target=hold).start()
    held.wait(0.2)


WAYS: dict[str, Way] = {
    # The server is there, or there again: in the end the run knows, and says, what is done.
    "cut": (cut, {0, 7, 9}),
    "cut for the client": (cut_near, {0, 7, 9}),
    "cut for a while": (cut_for_a_while, {0, 7, 9}),
    # When all is done and nothing is held any more it ends the process as it ends any other.
    "SIGTERM": (signalled(signal.SIGTERM), {0, 9, 143, -signal.SIGTERM}),
    "SIGINT": (signalled(signal.SIGINT), {0, 9, 130}),
    "SIGKILL": (signalled(signal.SIGKILL), {0, -signal.SIGKILL}),
    "pg_terminate_backend": (asked("pg_terminate_backend"), {0, 7, 9}),
    "locked": (locked, {0, 6}),
    "pg_cancel_backend": (asked("pg_cancel_backend"), {0, 8, 9}),
    "statement timeout": (out_of_time, {0, 8, 9}),
}


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("trial", list(SCENARIOS), indirect=True)
@pytest.mark.parametrize(
    "ways",
    [[name] for name in WAYS] if CAMPAIGN else [list(WAYS)],
    ids=lambda names: names[0] if CAMPAIGN else "any way",
)
def test_disturbed_at_a_message(trial: Ground, ways: list[str]) -> None:
    print(f"SWITCHBACK_SEED={SEED}")
    sample = EACH_OF if CAMPAIGN else SAMPLE
    if CAMPAIGN and ways[0] in {"cut", "cut for the client"}:
        sample = 0
    print(walk(trial, sample, {name: WAYS[name] for name in ways}, random.Random(SEED)))  # noqa: S311 - repeatable


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("trial", list(SCENARIOS), indirect=True)
def test_the_connection_that_asks_what_is_so_breaks_too(trial: Ground) -> None:
    """The server is there all the time: in the end the run knows, and says, what is done."""
    print(f"SWITCHBACK_SEED={SEED}")
    ways: dict[str, Way] = {"cut": (cut, {0, 7, 9}), "cut for the client": (cut_near, {0, 7, 9})}
    print(walk(trial, 0 if CAMPAIGN else SAMPLE, ways, random.Random(SEED), twice=True))  # noqa: S311 - repeatable


def restarted(server: Server, signum: int, keeper: ThreadPoolExecutor) -> Callable[[Pair, Ground], None]:
    """`keeper`: its thread starts the server, which ends with the thread that has started it."""

    def act(*_: object) -> None:
        assert server.process is not None
        server.process.send_signal(signum)
        server.process.wait(STOP_SECONDS)
        keeper.submit(server.start).result()

    return act


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("major", ["18", "15"])
def test_the_server_is_restarted(major: str, forks: Fork, folder: Path) -> None:
    """What was committed has to be on disk then, so the server waits for that here."""
    programs = DEBIAN_15 if major == "15" else embedded_18()
    if not (programs / "postgres").exists():
        pytest.skip(f"there is no PostgreSQL {major}")
    print(f"SWITCHBACK_SEED={SEED}")
    chance = random.Random(SEED)  # noqa: S311 - repeatable
    names = list(SCENARIOS) if CAMPAIGN else [chance.choice(list(SCENARIOS))]
    with (
        ThreadPoolExecutor(1) as keeper,
        running(programs, synchronous_commit="on") as server,
        Proxy(server.port) as proxy,
    ):
        for name in names:
            here = folder / name
            here.mkdir()
            ground = Ground(Runner(server.url(server.create_database()), here), forks, proxy, SCENARIOS[name])
            ground.prepare()
            for how in (signal.SIGINT, signal.SIGQUIT):
                ways = {how.name: (restarted(server, how, keeper), {0, 7, 9})}
                print(walk(ground, RESTARTS, ways, chance))
            ground.admin.close()
