"""Logging in with tokens of AWS: a real server with TLS, real signatures, credentials from a fake STS.

Nobody but RDS can check a token by its signature. So the clock that signs stands still, and the role's
password is the token that boto3 itself makes at that time.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import botocore.auth
import psycopg
import pytest

from switchback.aws import tokens as aws_tokens
from switchback.contract.reasons import Reason
from switchback.contract.result import decode
from switchback.runner import connect, url
from switchback.runner.connect import Wishes
from switchback.runner.errors import RunnerError
from switchback.runner.opening import Opener
from switchback.snapshots.libpq import connect_to, connection_files, parameters_of
from switchback.snapshots.restore import Order, connecting_once
from tests.aws.plugin import aws
from tests.postgres.servers import DEBIAN_15
from tests.postgres.test_tls import Place, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.aws.server import FakeAws

__all__ = ["aws", "place"]

SWITCHBACK = str(Path(sys.executable).parent / "switchback")
REGION = "eu-west-1"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAFAKEFORTESTS0000", "AWS_SECRET_ACCESS_KEY": "canary-of-the-key"}
THEN = datetime(2026, 1, 1, 12, 0, tzinfo=UTC).replace(tzinfo=None)
QUICK = Wishes(operation_id="op-1", connect_seconds=3, starting_seconds=0)


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in (KEYS | {"AWS_EC2_METADATA_DISABLED": "true"}).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def user(place: Place) -> Iterator[str]:
    """A role that may log in, and that owns a database of its name."""
    name = f"iam_{secrets.token_hex(4)}"
    with place.server.connect() as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN".encode())
        admin.execute(f"CREATE DATABASE {name} OWNER {name}".encode())
    yield name
    place.server.drop_database(name)
    with place.server.connect() as admin:
        admin.execute(f"DROP ROLE {name}".encode())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures are made at one and the same time."""
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: THEN)


def expected(place: Place, user: str) -> str:
    """The token as AWS documents it to be made."""
    client = boto3.client("rds", region_name=REGION)
    return str(client.generate_db_auth_token(place.server.host, place.server.port, user, Region=REGION))


def take(place: Place, user: str, token: str) -> None:
    """Let the server know this token, and no other."""
    with place.server.connect() as admin:
        admin.execute(f"ALTER ROLE {user} PASSWORD '{token}'".encode())


@contextmanager
def rule(place: Place, line: str) -> Iterator[None]:
    """The first line of pg_hba.conf, for a while."""
    path = place.server.data / "pg_hba.conf"
    before = path.read_text()
    try:
        for text in (f"{line}\n{before}",):
            path.write_text(text)
            with place.server.connect() as admin:
                admin.execute("SELECT pg_reload_conf()")
        yield
    finally:
        path.write_text(before)
        with place.server.connect() as admin:
            admin.execute("SELECT pg_reload_conf()")


def parts(place: Place, user: str, **more: str) -> dict[str, str]:
    """The environment of a Job for `spec.database.connection` with `iam`."""
    return {
        "PGHOST": place.server.host,
        "PGPORT": str(place.server.port),
        "PGDATABASE": user,
        "PGUSER": user,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": str(place.ca),
        "SWITCHBACK_IAM_REGION": REGION,
        **more,
    }


def test_the_token_is_the_one_that_aws_takes(place: Place, user: str, clock: None) -> None:
    take(place, user, expected(place, user))
    address = url.from_environment(None, parts(place, user))
    with connect.connect(address, QUICK) as connection:
        assert connection.execute("SELECT current_user::text").fetchone() == (user,)
        assert connection.pgconn.ssl_in_use


def test_every_connection_has_a_token_of_its_own_and_none_is_shown(
    place: Place, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, int, str, str]] = []

    def token(*asked: str | int) -> str:
        made.append(asked)  # type: ignore[arg-type]
        return f"{asked[0]}:{asked[1]}/?Action=connect&X-Amz-Signature=canary{len(made)}"

    monkeypatch.setattr(aws_tokens, "auth_token", token)
    for name, value in parts(place, user).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    opener = Opener(None, QUICK, print, lambda _: None)
    told = []
    for number in (1, 2):
        take(
            place,
            user,
            f"{place.server.host}:{place.server.port}/?Action=connect&X-Amz-Signature=canary{number}",
        )
        with opener("work") as connection:
            told.append(connection.info.password)
    assert made == [(place.server.host, place.server.port, user, REGION)] * 2
    clean = opener.redactor().clean
    for secret in told:
        assert secret not in clean(f"a {secret} b")
    assert "canary" not in clean("canary1 and canary2")
    with pytest.raises(RunnerError) as caught:
        opener("work")
    assert caught.value.reason is Reason.AUTHENTICATION_FAILED
    assert "canary" not in caught.value.message


def test_each_attempt_has_its_own(place: Place, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the second host of a list, and also while a server starts up."""
    asked: list[str] = []
    monkeypatch.setattr(
        aws_tokens, "auth_token", lambda host, *_: asked.append(host) or f"token-{len(asked)}"
    )
    take(place, user, "token-2")
    text = f"postgresql://{user}@localhost:1,{place.server.host}:{place.server.port}/{user}?sslmode=require"
    monkeypatch.setattr("switchback.runner.dial.addresses", lambda *_: ["127.0.0.1"])
    with connect.connect(url.from_environment(text, {"SWITCHBACK_IAM_REGION": REGION}), QUICK):
        assert asked == ["localhost", place.server.host]


def test_the_servers_word_for_a_refused_token_names_what_iam_wants(place: Place, user: str) -> None:
    """By PAM, as on RDS: it checks the token, and knows no role of ours here."""
    with rule(place, f"hostssl all {user} all pam"), pytest.raises(RunnerError) as caught:
        connect.connect(url.from_environment(None, parts(place, user)), QUICK)
    error = caught.value
    assert error.reason is Reason.AUTHENTICATION_FAILED
    assert "PAM authentication failed" in error.message
    assert f"GRANT rds_iam TO {user}" in (error.advice or "")
    assert f"arn:aws:rds-db:{REGION}:ACCOUNT:dbuser:DBI-RESOURCE-ID/{user}" in (error.advice or "")
    assert len(f"{error.message} {error.advice}".encode()) <= 512


def test_a_server_without_tls_never_gets_a_token(place: Place, user: str, pg18: object) -> None:
    server = pg18
    env = parts(place, user, PGHOST=server.host, PGPORT=str(server.port), PGSSLMODE="require")  # type: ignore[attr-defined]
    with pytest.raises(RunnerError) as caught:
        connect.connect(url.from_environment(None, env), QUICK)
    assert caught.value.reason is Reason.TLS_FAILED


def test_the_client_programs_of_a_snapshot_get_the_token_in_a_passfile(
    place: Place, user: str, clock: None, tmp_path: Path
) -> None:
    token = expected(place, user)
    take(place, user, token)
    with connect.connect(url.from_environment(None, parts(place, user)), QUICK) as connection:
        env = connection_files(tmp_path, parameters_of(connection, "", "x", 15))
    assert token not in (tmp_path / "pg_service.conf").read_text() + str(env)
    done = subprocess.run(
        [DEBIAN_15 / "pg_dump", "--schema-only", "--no-password"],
        env={"PATH": "/usr/bin:/bin", **env}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


# --- as the Jobs call it ------------------------------------------------------------------------------------


def run(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [SWITCHBACK, *words],
        env={"PATH": "/usr/bin:/bin", "AWS_EC2_METADATA_DISABLED": "true", **env},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    for text in (done.stdout, done.stderr):
        assert "X-Amz" not in text
        assert "Traceback" not in text
        assert "canary" not in text
    return done


def web_identity(aws: FakeAws, folder: Path) -> dict[str, str]:
    """What IRSA puts into a pod."""
    (folder / "token").write_text("canary-of-the-service-account")
    return {
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/shop-migrations",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"),
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL_STS": aws.url,
    }


def inspect(place: Place, user: str, folder: Path, env: dict[str, str]) -> tuple[Reason, str]:
    (folder / "1_a.up.sql").write_text("SELECT 1;")
    answer = folder / "answer"
    done = run(
        *("run", "--operation", "inspect", "--operation-id", "a-b", "--dir", str(folder)),
        *("--result-file", str(answer)),
        env=parts(place, user) | env,
    )
    result = decode(answer.read_text())
    assert result.exit_code == done.returncode
    return result.reason, result.message


def test_a_pod_with_a_role_logs_in(place: Place, user: str, aws: FakeAws, tmp_path: Path) -> None:
    """The server takes anything that is said over TLS: whether it is right, is seen above."""
    (tmp_path / "files").mkdir()
    with rule(place, f"hostssl all {user} all trust"):
        reason, message = inspect(place, user, tmp_path / "files", web_identity(aws, tmp_path))
    assert reason is Reason.SUCCEEDED, message
    assert aws.counts() == {"AssumeRoleWithWebIdentity": len(aws.calls())}


def test_a_token_that_is_refused_is_not_in_any_output(
    place: Place, user: str, aws: FakeAws, tmp_path: Path
) -> None:
    take(place, user, "something else")
    (tmp_path / "files").mkdir()
    reason, message = inspect(place, user, tmp_path / "files", web_identity(aws, tmp_path))
    assert reason is Reason.AUTHENTICATION_FAILED
    assert "GRANT rds_iam" in message


@pytest.mark.parametrize("trouble", ["none", "denied", "no file"])
def test_without_credentials_it_is_said_whose_are_missing(
    place: Place, user: str, aws: FakeAws, tmp_path: Path, trouble: str
) -> None:
    env = {} if trouble == "none" else web_identity(aws, tmp_path)
    if trouble == "denied":
        aws.fault("AssumeRoleWithWebIdentity", times=None, error="AccessDenied")
    if trouble == "no file":
        (tmp_path / "token").unlink()
    (tmp_path / "files").mkdir()
    reason, message = inspect(place, user, tmp_path / "files", env)
    assert reason is Reason.AUTHENTICATION_FAILED
    words = {"none": "credentials", "denied": "AccessDenied", "no file": "No such file"}
    assert words[trouble] in message
    assert "spec.jobTemplate.spec.serviceAccountName" in message


def test_on_a_laptop_a_flag_asks_for_it(place: Place, user: str, tmp_path: Path) -> None:
    (tmp_path / "1_a.up.sql").write_text("SELECT 1;")
    text = f"postgresql://{user}@{place.server.host}:{place.server.port}/{user}"
    words = ("status", "--dir", str(tmp_path), "--url", text, "--iam-region", REGION)
    with rule(place, f"hostssl all {user} all trust"):
        assert run(*words, env=KEYS | {"AWS_SECRET_ACCESS_KEY": "x"}).returncode == 0
        weak = run(
            *words[:4], f"{text}?sslmode=prefer", *words[5:], env=KEYS | {"AWS_SECRET_ACCESS_KEY": "x"}
        )
    assert weak.returncode == 7
    assert "sslmode is prefer" in weak.stderr


def test_the_container_login_writes_a_passfile(place: Place, user: str, tmp_path: Path) -> None:
    passfile = tmp_path / "pgpass"
    done = run(
        "snapshot",
        "login",
        "--to",
        str(passfile),
        env=parts(place, user) | {**KEYS, "AWS_SECRET_ACCESS_KEY": "x"},
    )
    assert done.returncode == 0, done.stderr
    assert passfile.stat().st_mode & 0o777 == 0o600
    assert passfile.read_text().startswith(
        f"*:*:*:*:{place.server.host}\\:{place.server.port}/?Action=connect&DBUser={user}&"
    )
    failed = run("snapshot", "login", "--to", str(passfile), env=parts(place, user))
    assert failed.returncode == 7
    assert "credentials" in failed.stderr.splitlines()[-1]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(
            host=place.server.host, port=place.server.port, user=user, dbname=user, passfile=str(passfile)
        )


def test_what_connects_again_much_later_gets_another_token(
    place: Place, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restore may take longer than a token lasts."""
    made: list[str] = []
    monkeypatch.setattr(
        aws_tokens, "auth_token", lambda *_: made.append(f"token-{len(made) + 1}") or made[-1]
    )
    for name, value in parts(place, user).items():
        monkeypatch.setenv(name, value)
    opener = Opener(None, QUICK, print, lambda _: None)
    take(place, user, "token-1")
    with opener("restore") as connection:
        known = parameters_of(connection, "", "x", 15)
    take(place, user, "token-2")
    again = opener.renewed(known)
    assert (known["password"], again["password"]) == ("token-1", "token-2")
    connect_to(again, user).close()
    assert "token" not in opener.redactor().clean("token-2")
    plain = Opener(place.server.url(), QUICK, print, lambda _: None)
    assert plain.renewed({"password": "x"}) == {"password": "x"}


def test_pg_restore_has_no_reason_to_connect_again_when_its_token_is_too_old(
    place: Place, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With several jobs it does so at its very end: after hours, with the token of the beginning."""
    said: list[str] = []
    order = Order(Path("x"), "copy", 4, owners=True, operation_id="cli-test")
    plain = Opener(place.server.url(), QUICK, print, lambda _: None)
    assert connecting_once(order, plain, said.append).jobs == 4
    assert said == []
    for name, value in parts(place, user).items():
        monkeypatch.setenv(name, value)
    opener = Opener(None, QUICK, print, lambda _: None)
    assert connecting_once(order, opener, said.append).jobs == 1
    assert "one job" in said[0]
