"""The containers of a snapshot Job as the operator calls them: what they answer, and what they never tell."""

from __future__ import annotations

import base64
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pytest

from switchback.contract.points import Ownership
from switchback.contract.reasons import Reason
from switchback.contract.result import CORE_BYTES, Result, decode
from switchback.contract.words import Operation
from switchback.snapshots import contents
from switchback.snapshots.manifest import Requester
from switchback.snapshots.pgdump import PgDump
from switchback.snapshots.provider import PodParts, SnapshotRequest, SnapshotSettings
from tests.postgres.servers import PASSWORD, SUPERUSER
from tests.postgres.snapshot_pod import FILL, NAME, pod_for
from tests.unit.snapshots.test_pgdump import snapshot

if TYPE_CHECKING:
    from tests.postgres.servers import Server

UID = "7c1d2f6e-0000-4000-8000-000000000001"
SWITCHBACK = str(Path(sys.executable).parent / "switchback")


class Job:
    """Runs the containers that the provider describes, with the mounts in folders of this machine."""

    def __init__(self, server: Server, folder: Path, database: str, role: str = "", **env: str) -> None:
        self.pod = pod_for(server, folder)
        self.env = env
        self.said = ""
        self.answer = folder / "termination-log"
        self.answer.touch()
        with server.connect() as connection:
            row = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
            major = connection.info.server_version // 10000
        assert row is not None
        request = SnapshotRequest(
            name=NAME, operation_id="3f2a91c0-5b1e77", namespace="shop", resource="shop", uid_hash="3f2a91c0",
            database=database, system_identifier=str(row[0]), server_major=major, database_env=(), role=role,
            uid=UID, installation="west", attempt=2, schema_version="0007", fenced=True,
        )  # fmt: skip
        parts = PgDump().pod(snapshot(), request, SnapshotSettings("us", {"15": "them", "18": "them"}))
        assert isinstance(parts, PodParts)
        self.containers = [*parts.init_containers, *parts.containers]

    def run(self) -> Result:
        for container in self.containers:
            command = [self._here(word) for word in container.get("command", [SWITCHBACK])]
            env = {variable["name"]: self._here(variable["value"]) for variable in container.get("env", [])}
            if container["name"] == "prepare":
                env |= self.env
            done = subprocess.run(
                [*command, *(self._here(word) for word in container.get("args", []))],
                env={"PATH": f"{self.pod.clients}:/usr/bin:/bin", **env},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
            )  # fmt: skip
            self.said += done.stdout
            if container["name"] != "switchback":
                assert done.returncode == 0, done.stdout
        result = decode(self.answer.read_text())
        assert done.returncode == result.exit_code
        return result

    def _here(self, word: str) -> str:
        for there, here in (
            ("/dev/termination-log", self.answer),
            ("/switchback/secrets", self.pod.work),
            ("/snapshots", self.pod.root),
        ):
            word = str(here) if word == there else word
        return word


@pytest.fixture
def name(database: str) -> str:
    """Name of a database with a bit of everything in it."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(FILL.encode())
        return connection.info.dbname


def parts_of(server: Server, name: str, password: str = PASSWORD) -> dict[str, str]:
    """The connection in parts, as spec.database.connection gives it to a Job."""
    return {
        "PGHOST": server.host, "PGPORT": str(server.port), "PGDATABASE": name,
        "PGUSER": SUPERUSER, "PGPASSWORD": password, "PGSSLMODE": "prefer",
    }  # fmt: skip


def test_the_result_names_the_restore_point(server: Server, name: str, tmp_path: Path) -> None:
    job = Job(server, tmp_path, name, DATABASE_URL=server.url(name))
    result = job.run()
    assert (result.operation, result.reason) == (Operation.SNAPSHOT, Reason.SUCCEEDED)
    assert result.operation_id == "3f2a91c0-5b1e77"
    assert result.snapshot is not None
    assert result.snapshot.path == NAME
    folder = job.pod.root / NAME
    checksum = subprocess.run(
        ["sha256sum", folder / "manifest.json"], capture_output=True, text=True, check=True
    )
    assert result.snapshot.digest == f"sha256:{checksum.stdout.split()[0]}"
    files = [path for path in folder.iterdir() if path.name != "manifest.json"]
    assert result.snapshot.size == sum(path.stat().st_size for path in files)
    assert result.database is not None
    assert result.database.name == name
    assert len(job.answer.read_bytes()) <= CORE_BYTES


def test_a_job_that_is_asked_again_gives_the_same_answer(server: Server, name: str, tmp_path: Path) -> None:
    first = Job(server, tmp_path, name, DATABASE_URL=server.url(name)).run()
    again = Job(server, tmp_path, name, **parts_of(server, name)).run()
    assert first.snapshot is not None
    assert again.snapshot == replace(first.snapshot, verify_seconds=0)
    assert "was there already" in again.message


@pytest.mark.parametrize("as_url", [True, False])
def test_a_wrong_password_is_told_and_never_shown(
    server: Server, name: str, tmp_path: Path, *, as_url: bool
) -> None:
    wrong = "canary:wr%2Fong/pass word@"
    env = {"DATABASE_URL": server.url(name, password=wrong)} if as_url else parts_of(server, name, wrong)
    job = Job(server, tmp_path, name, **env)
    result = job.run()
    assert result.reason is Reason.AUTHENTICATION_FAILED
    assert result.exit_code == 7
    assert result.snapshot is None
    assert list(job.pod.root.iterdir()) == []
    assert "canary" not in job.said + job.answer.read_text()
    assert not [path for path in job.pod.work.iterdir() if b"canary" in path.read_bytes()]


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({}, Reason.URL_MISSING),
        ({"DATABASE_URL": "postgresql://u:can@ary@h/d?x"}, Reason.URL_INVALID),
        ({"DATABASE_URL": "postgresql://u:canary@nowhere.invalid/d"}, Reason.UNKNOWN_HOST),
        ({"DATABASE_URL": "postgresql://u:canary@127.0.0.1:1/d"}, Reason.CONNECTION_REFUSED),
    ],
)
def test_each_trouble_with_the_connection_keeps_its_reason(
    server: Server, tmp_path: Path, env: dict[str, str], reason: Reason
) -> None:
    job = Job(server, tmp_path, "postgres", **env)
    result = job.run()
    assert result.reason is reason
    assert "canary" not in job.said
    assert "ary@h" not in job.said


def test_another_database_behind_the_secret_is_refused(server: Server, name: str, tmp_path: Path) -> None:
    job = Job(server, tmp_path, name, DATABASE_URL=server.url("postgres"))
    result = job.run()
    assert result.reason is Reason.DATABASE_CHANGED
    assert name in result.message


def test_the_canary_is_nowhere(server: Server, name: str, tmp_path: Path) -> None:
    job = Job(server, tmp_path, name, DATABASE_URL=server.url(name))
    job.run()
    raw = PASSWORD.encode()
    forms = {raw, quote(PASSWORD, safe="").encode(), base64.b64encode(raw), raw.replace(b":", b"\\:")}
    seen = job.said.encode() + job.answer.read_bytes()
    folders = (job.pod.root, job.pod.work)
    files = {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}
    assert not any(form in seen for form in forms)
    holders = {path.name for path, content in files.items() if any(form in content for form in forms)}
    assert holders == {"pgpass"}


def test_a_part_that_was_never_run_is_no_restore_point(server: Server, name: str, tmp_path: Path) -> None:
    job = Job(server, tmp_path, name, DATABASE_URL=server.url(name))
    del job.containers[0]
    result = job.run()
    assert result.reason is Reason.SNAPSHOT_FAILED
    assert result.operation_id == "3f2a91c0-5b1e77"


def test_the_manifest_says_who_asked(server: Server, name: str, tmp_path: Path) -> None:
    job = Job(server, tmp_path, name, DATABASE_URL=server.url(name))
    job.run()
    manifest, _ = contents.read(job.pod.root / NAME)
    assert manifest.requester == Requester(
        "3f2a91c0-5b1e77", "shop", "shop", "3f2a91c0", UID, "west", "pre-rollback", 2, "0007"
    )
    assert manifest.requester.ownership.same_work(
        Ownership("west", UID, operation_id="3f2a91c0-5b1e77", attempt=2)
    )
    assert manifest.writers_fenced
    assert (job.pod.root / NAME).stat().st_mode & 0o077 == 0


def test_a_login_that_may_nothing_dumps_as_its_role(server: Server, name: str, tmp_path: Path) -> None:
    owner, login = f"{name} owner", f"{name}_login"
    with server.connect(name) as connection:
        connection.execute(f'CREATE ROLE "{owner}"'.encode())
        connection.execute(f"CREATE ROLE {login} LOGIN NOINHERIT PASSWORD '{PASSWORD}'".encode())
        connection.execute(f'GRANT "{owner}" TO {login}; GRANT pg_read_all_data TO "{owner}"'.encode())
        connection.execute(f'GRANT SELECT ON LARGE OBJECT 4711 TO "{owner}"'.encode())
    try:
        env = parts_of(server, name) | {"PGUSER": login}
        (tmp_path / "without").mkdir()
        assert Job(server, tmp_path / "without", name, **env).run().reason is not Reason.SUCCEEDED
        (tmp_path / "with").mkdir()
        job = Job(server, tmp_path / "with", name, role=owner, **env)
        assert job.run().reason is Reason.SUCCEEDED, job.said
    finally:
        with server.connect(name) as connection:
            for role in (owner, login):
                connection.execute(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"'.encode())
