"""A rollback by hand with a restore point before it, and checks afterwards."""

from __future__ import annotations

import http.server
import json
import os
import threading
from typing import TYPE_CHECKING

import pytest

from switchback.snapshots.manifest import decode
from tests.postgres.running import Runner, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres.servers import Server


@pytest.fixture
def runner(server: Server, database: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setenv("PATH", f"{server.programs}:{os.environ['PATH']}")
    write(folder, "0001_a", "0002_b")
    made = Runner(database, folder)
    assert made.up().result.exit_code == 0
    made.query("INSERT INTO t_0002_b VALUES (7)")
    return made


class Answering(http.server.BaseHTTPRequestHandler):
    """200 for every path but /broken."""

    def do_GET(self) -> None:
        self.send_response(500 if self.path == "/broken" else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:  # type: ignore[explicit-override]
        """Nothing."""


@pytest.fixture
def shop() -> Iterator[str]:
    """URL of an application."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def points(runner: Runner) -> list[Path]:
    folder = runner.folder.parent / "points"
    return sorted(folder.iterdir()) if folder.exists() else []


def test_the_restore_point_holds_what_was_there(runner: Runner, server: Server) -> None:
    done = runner.call("rollback", "--accept-data-loss", "--snapshot", "pgdump:points", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["snapshot"]
    assert told["path"] == points(runner)[0].name
    assert json.loads(done.stdout)["message"].endswith(f" Restore point: points/{told['path']}.")
    assert runner.applied == ["0001_a"]
    manifest = decode((points(runner)[0] / "manifest.json").read_bytes(), "it")
    assert manifest.ledger is not None
    assert manifest.ledger.current == "0002_b"
    assert manifest.requester.purpose == "pre-rollback"
    copy = f"{runner.query('SELECT current_database()')[0][0]}_copy"
    try:
        assert runner.call("restore", f"points/{told['path']}", "--database", copy).returncode == 0
        assert Runner(server.url(copy), runner.folder).query("SELECT id FROM t_0002_b") == [(7,)]
    finally:
        server.drop_database(copy)


def test_no_restore_point_no_rollback(runner: Runner) -> None:
    (runner.folder.parent / "points").write_text("in the way")
    done = runner.call("rollback", "--accept-data-loss", "--snapshot", "pgdump:points")
    assert done.returncode != 0
    assert "No restore point could be taken, so nothing was rolled back" in done.stderr
    assert "Traceback" not in done.stderr
    assert runner.applied == ["0001_a", "0002_b"]


def test_what_is_refused_takes_no_restore_point(runner: Runner) -> None:
    assert runner.call("rollback", "--snapshot", "pgdump:points").returncode == 11
    assert runner.call("rollback", "--dry-run", "--snapshot", "pgdump:points").returncode == 0
    assert points(runner) == []


def test_redo_takes_one_too(runner: Runner) -> None:
    done = runner.call("redo", "--accept-data-loss", "--snapshot", "pgdump:points")
    assert done.returncode == 0, done.stderr
    assert len(points(runner)) == 1
    assert "was read back in full and sealed" in done.stdout


def test_checks_decide_how_it_ends(runner: Runner, shop: str) -> None:
    done = runner.call("rollback", "--accept-data-loss", "--check", f"http={shop}/health")
    assert (done.returncode, runner.applied) == (0, ["0001_a"]), done.stderr
    done = runner.call(
        "rollback", "--check", f"http={shop}/health", "--check", f"http={shop}/broken", "--json"
    )
    assert done.returncode == 8
    told = json.loads(done.stdout)
    assert (told["reason"], told["current"]) == ("ChecksFailed", "base")
    assert told["message"].startswith("Rolled back 1 migration; the database is at base.")
    assert "500 instead of 200" in told["message"]
    assert runner.applied == []


@pytest.mark.parametrize(
    "words",
    [
        ("--snapshot", "rds:"), ("--snapshot", "rds:no instance"), ("--snapshot", "pgdump:"),
        ("--snapshot", "tape"), ("--check", "https://shop"), ("--check", "http=ftp://shop"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_words_that_mean_nothing(runner: Runner, words: tuple[str, ...]) -> None:
    assert runner.call("rollback", "--accept-data-loss", *words).returncode == 2
    assert runner.applied == ["0001_a", "0002_b"]
