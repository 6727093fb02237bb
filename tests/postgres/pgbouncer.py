"""The connection pooler PgBouncer, as Debian packages it, in front of a server of the tests.

Where it is not installed its package is unpacked into the cache: installing it would start a service.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.cluster.paths import cache_root
from tests.cluster.run import locked
from tests.postgres.servers import PASSWORD, SUPERUSER, account, free_port, unprivileged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres.servers import Server

_PACKAGES = ("pgbouncer", "libevent-2.1-7", "libc-ares2")
_INSTALLED = Path("/usr/sbin/pgbouncer")
IGNORED = "extra_float_digits, options"
"""What people who want to use it all the same make it ignore."""

_SETTINGS = """
[databases]
* = host={server.host} port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = {mode}
ignore_startup_parameters = {ignored}
logfile = {folder}/log
pidfile = {folder}/pid
"""


def _unpacked() -> Path:
    """Root of what the packages hold."""
    root = cache_root() / "pgbouncer"
    if root.exists():
        return root
    if shutil.which("apt-get") is None:
        pytest.skip("PgBouncer is not installed, and there is no apt-get to fetch it with")
    with locked(cache_root() / "pgbouncer.lock", "pgbouncer"):
        if root.exists():
            return root
        with tempfile.TemporaryDirectory(dir=cache_root()) as scratch:
            fetch = ["apt-get", "download", "-q", *_PACKAGES]
            if subprocess.run(fetch, cwd=scratch, check=False, capture_output=True, timeout=120).returncode:
                subprocess.run(["apt-get", "update"], check=True, capture_output=True, timeout=600)
                subprocess.run(fetch, cwd=scratch, check=True, capture_output=True, timeout=120)
            made = Path(scratch) / "root"
            for package in Path(scratch).glob("*.deb"):
                subprocess.run(["dpkg", "-x", package, made], check=True, timeout=60)
            made.rename(root)
    return root


def _command(folder: Path) -> tuple[list[str], dict[str, str]]:
    if _INSTALLED.exists():
        return unprivileged(_INSTALLED, folder / "settings"), {}
    # The cache may be in a home that nobody else may enter.
    here = folder / "root"
    shutil.copytree(_unpacked(), here, symlinks=True)
    libraries = ":".join(str(path) for path in here.glob("usr/lib/*-linux-*"))
    return unprivileged(here / "usr/sbin/pgbouncer", folder / "settings"), {"LD_LIBRARY_PATH": libraries}


@contextlib.contextmanager
def pooled(server: Server, mode: str, ignored: str = "extra_float_digits") -> Iterator[int]:
    """A pooler in front of a server, in the mode `session`, `transaction` or `statement`; its port."""
    folder, port = Path(tempfile.mkdtemp(prefix="switchback-pgbouncer-")), free_port()
    process = None
    try:
        text = _SETTINGS.format(server=server, port=port, folder=folder, mode=mode, ignored=ignored)
        (folder / "settings").write_text(text)
        (folder / "users").write_text(f'"{SUPERUSER}" "{PASSWORD}"\n')
        command, environment = _command(folder)
        owner = account()
        for path in (folder, folder / "settings", folder / "users"):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _wait(server, port, folder)
        yield port
    finally:
        if process is not None:
            process.terminate()
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def through(server: Server, url: str, port: int) -> str:
    """The same address by way of a pooler."""
    return url.replace(f":{server.port}/", f":{port}/")


def _wait(server: Server, port: int, folder: Path) -> None:
    url, deadline = through(server, server.url(), port), time.monotonic() + 20
    while (trouble := _refused(url)) is not None:
        log = folder / "log"
        assert time.monotonic() < deadline, f"{trouble}: {log.read_text() if log.exists() else ''}"
        time.sleep(0.05)


def _refused(url: str) -> psycopg.OperationalError | None:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        return error
    return None
