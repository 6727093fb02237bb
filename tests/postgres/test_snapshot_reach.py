"""Whoever the user is and whatever the names are: pg_dump gets there, and the password stays hidden."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pytest

from tests.postgres.servers import PASSWORD
from tests.postgres.snapshot_pod import FILL, Pod, as_root, pod_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres.servers import Server


@pytest.fixture
def filled(database: str) -> str:
    """URL of a database with a bit of everything in it."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(FILL.encode())
    return database


@pytest.fixture
def pod(server: Server, tmp_path: Path) -> Pod:
    return pod_for(server, tmp_path)


ODD_NAMES = [
    "plain",
    "sp ace ",
    " lead",
    "qu'o\"te",
    "back\\slash",
    "ünï☺",
    "a=b c",
    "#hash[x]",
    "$HOME`x`;:*",
    "%41",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_and_passwords_reach_pg_dump_unchanged(server: Server, tmp_path: Path, name: str) -> None:
    secret = f"p:w\\{name}:\\\\\"'#%"
    unique = f"{name}{time.time_ns()}{name}"
    pod = pod_for(server, tmp_path)
    quoted = '"' + unique.replace('"', '""') + '"'
    escaped = secret.replace("'", "''")
    with server.connect() as connection:
        connection.execute(f"CREATE ROLE {quoted} LOGIN SUPERUSER PASSWORD '{escaped}'".encode())
        connection.execute(f"CREATE DATABASE {quoted} OWNER {quoted}".encode())
        try:
            made = pod.take(server.url(unique, unique, secret))
        finally:
            connection.execute(f"DROP DATABASE {quoted} WITH (FORCE)".encode())
            connection.execute(f"DROP ROLE {quoted}".encode())
    assert made.manifest.origin.database == unique
    assert made.manifest.properties.owner == unique


def test_the_password_is_in_no_file_but_the_passfile_and_in_no_output(filled: str, pod: Pod) -> None:
    pod.prepare(filled)
    said = pod.run("dump") + pod.run("reread")
    made = pod.seal()
    forms = {PASSWORD, quote(PASSWORD, safe=""), PASSWORD.replace(":", "\\:"), PASSWORD.replace("\\", "\\\\")}
    forms = {form.encode() for form in forms}
    holders = {
        path.name
        for folder in (pod.root, pod.work)
        for path in folder.rglob("*")
        if path.is_file() and any(form in path.read_bytes() for form in forms)
    }
    assert holders == {"pgpass"}
    assert not any(form in said.encode() for form in forms)
    assert PASSWORD not in repr(made)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="switchback-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(not as_root(), reason="changing the user needs root")
def test_a_user_without_account_or_rights_can_dump(server: Server, filled: str, open_folder: Path) -> None:
    pod = pod_for(server, open_folder)
    record = pod.prepare(filled)
    for path in (pod.root, pod.work, *pod.work.iterdir(), pod.root / record.partial):
        os.chown(path, 65532, 65532)
    pod.user = ("setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", "--no-new-privs")
    for part in ("dump", "reread"):
        assert f"{part}: ended with 0" in pod.run(part)
    assert pod.seal().manifest.size > 0
