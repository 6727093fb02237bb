from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import libpq, prepare

odd = st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r"), max_size=30)


@settings(max_examples=30)
@given(values=st.lists(odd, min_size=1, max_size=8))
def test_a_shell_reads_the_environment_back_to_the_same_values(values: list[str]) -> None:
    wanted = {f"PGX{number}": value for number, value in enumerate(values)}
    shown = "".join(f'printf "%s\\000" "${name}";' for name in wanted)
    script = libpq.environment_text(wanted) + shown
    seen = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, timeout=30)
    assert seen.stdout.decode().split("\0")[:-1] == values


def test_the_password_is_in_the_passfile_alone_and_escaped(tmp_path: Path) -> None:
    secret = "ca:na\\ry"
    environment = libpq.connection_files(
        tmp_path, {"host": "h", "user": "u", "dbname": "d", "password": secret}
    )
    assert (tmp_path / "pgpass").read_text() == "*:*:*:*:ca\\:na\\\\ry\n"
    others = "".join(environment.values()) + (tmp_path / "pg_service.conf").read_text()
    assert "ry" not in others


def test_the_files_are_for_this_user_alone_from_the_first_byte_on(tmp_path: Path) -> None:
    loose = tmp_path / "pgpass"
    loose.write_text("old")
    loose.chmod(0o666)
    libpq.connection_files(tmp_path, {"password": "x"})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"pgpass": 0o600, "pg_service.conf": 0o600}


def test_database_and_user_go_through_the_environment_where_blanks_survive(tmp_path: Path) -> None:
    environment = libpq.connection_files(tmp_path, {"dbname": "a b ", "user": " u\\'", "host": "h"})
    assert environment["PGDATABASE"] == "a b "
    assert environment["PGUSER"] == " u\\'"
    assert (tmp_path / "pg_service.conf").read_text() == "[switchback]\nhost=h\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "canary\nx"),
        ("password", "canary\r"),
        ("options", "canary" * 300),
        ("sslcert", "canary "),
        ("sslpassword", "canary"),
    ],
)
def test_what_no_file_can_say_is_refused_by_name_and_not_shown(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(RunnerError) as refusal:
        libpq.connection_files(tmp_path, {name: value})
    error = refusal.value
    assert error.reason is Reason.URL_INVALID
    assert name in error.message
    assert "canary" not in error.message + error.advice


def test_public_authorities_travel_as_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "bundle.crt"
    bundle.write_text("certificates")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    told = prepare.trusting(tmp_path, {"sslrootcert": "system", "sslmode": "verify-full"})
    assert Path(told["sslrootcert"]).read_text() == "certificates"
    assert told["sslmode"] == "verify-full"
    assert prepare.trusting(tmp_path, {"sslrootcert": "/own.crt"}) == {"sslrootcert": "/own.crt"}
