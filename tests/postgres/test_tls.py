"""Who may sign the server's certificate: from the URL, from PGSSLROOTCERT, or of this machine."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason
from switchback.runner import connect, roots, url
from switchback.runner.connect import Wishes
from switchback.runner.errors import RunnerError
from tests.postgres.jobs import job
from tests.postgres.running import Runner, write
from tests.postgres.servers import DEBIAN_15, PASSWORD, SUPERUSER, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK = Wishes(operation_id="op-1", connect_seconds=3, starting_seconds=0)
NAME = "db.example"


@dataclass
class Place:
    """A server whose certificate `ca` has signed, for its address and for NAME."""

    server: Server
    ca: Path
    other: Path

    def parts(self, **more: str) -> dict[str, str]:
        """Libpq's variables, as a resource with a connection in parts sets them."""
        return {
            "PGHOST": self.server.host,
            "PGPORT": str(self.server.port),
            "PGDATABASE": "postgres",
            "PGUSER": SUPERUSER,
            "PGPASSWORD": PASSWORD,
            **more,
        }


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=30)


def make_ca(folder: Path, name: str) -> Path:
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem",
    )  # fmt: skip
    return folder / f"{name}.pem"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    if not (DEBIAN_15 / "postgres").exists() or shutil.which("openssl") is None:
        pytest.skip("needs a server with TLS, and openssl")
    folder = tmp_path_factory.mktemp("ca")
    ca, other = make_ca(folder, "ca"), make_ca(folder, "other")
    server = Server(DEBIAN_15, {"ssl": "on", "ssl_cert_file": "server.pem", "ssl_key_file": "server.key"})
    try:
        server.make()
        request, extra = folder / "server.csr", folder / "extra"
        extra.write_text(f"subjectAltName=IP:127.0.0.1,DNS:{NAME}\n")
        openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={NAME}",
            "-keyout", server.data / "server.key", "-out", request,
        )  # fmt: skip
        openssl(
            "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca.with_suffix(".key"), "-CAcreateserial",
            "-days", "2", "-extfile", extra, "-out", server.data / "server.pem",
        )  # fmt: skip
        for file in ("server.pem", "server.key"):
            shutil.chown(server.data / file, server.data.owner(), server.data.group())
            (server.data / file).chmod(0o600)
        server.start()
        yield Place(server, ca, other)
    finally:
        server.remove()


def open_by(text: str | None, environ: dict[str, str]) -> bool:
    """Whether a connection came about and is encrypted."""
    with connect.connect(url.from_environment(text, environ), QUICK) as connection:
        return bool(connection.pgconn.ssl_in_use)


def refused(text: str | None, environ: dict[str, str]) -> RunnerError:
    with pytest.raises(RunnerError) as caught:
        open_by(text, environ)
    assert caught.value.reason is Reason.TLS_FAILED, caught.value.message
    assert PASSWORD not in caught.value.message
    return caught.value


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
@pytest.mark.parametrize("how", ["url", "mode in the url", "parts"])
def test_the_right_authority(place: Place, mode: str, how: str) -> None:
    trust = {"PGSSLROOTCERT": str(place.ca), "PGSSLMODE": mode}
    if how == "parts":
        assert open_by(None, place.parts(**trust))
    elif how == "url":
        assert open_by(place.server.url(), trust)
    else:
        assert open_by(f"{place.server.url()}?sslmode={mode}", {"PGSSLROOTCERT": str(place.ca)})


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_the_wrong_authority(place: Place, mode: str) -> None:
    trust = {"PGSSLROOTCERT": str(place.other), "PGSSLMODE": mode}
    for error in (refused(None, place.parts(**trust)), refused(place.server.url(), trust)):
        assert "spec.database.caFrom" in error.advice
        assert "PGSSLROOTCERT" in error.advice
        assert "certificate verify failed" in error.message
    assert "does not exist" in refused(None, place.parts(PGSSLROOTCERT="/gone", PGSSLMODE=mode)).message


def test_the_url_has_the_last_word(place: Place) -> None:
    own = f"{place.server.url()}?sslmode=verify-full&sslrootcert={place.ca}"
    assert open_by(own, {"PGSSLROOTCERT": str(place.other), "PGSSLMODE": "disable"})
    other = f"{place.server.url()}?sslmode=verify-full&sslrootcert={place.other}"
    refused(other, {"PGSSLROOTCERT": str(place.ca)})


def test_the_name_counts_for_verify_full(place: Place) -> None:
    words = place.parts(PGHOST="localhost", PGSSLROOTCERT=str(place.ca), PGSSLMODE="verify-full")
    assert "localhost" in refused(None, words).message
    assert open_by(None, words | {"PGSSLMODE": "verify-ca"})
    assert open_by(None, words | {"PGHOST": NAME, "PGHOSTADDR": "127.0.0.1"})


def test_the_authorities_of_this_machine(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that trusts our CA, as its administrator would arrange it; and one that does not."""
    system = place.parts(PGSSLROOTCERT="system", PGSSLMODE="verify-full")
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(variable, "")
    monkeypatch.setattr(roots, "BUNDLES", ("/nonexistent", str(place.other)))
    assert "certificate verify failed" in refused(None, system).message
    monkeypatch.setenv("SSL_CERT_FILE", "")
    monkeypatch.setattr(roots, "BUNDLES", ("/nonexistent", str(place.ca), str(place.other)))
    assert open_by(None, system)
    monkeypatch.setenv("SSL_CERT_FILE", "")
    text = f"{place.server.url()}?sslmode=verify-full"
    assert open_by(text, {"PGSSLROOTCERT": "system"})
    monkeypatch.setenv("SSL_CERT_FILE", "")
    assert open_by(f"{text}&sslrootcert=system", {})
    monkeypatch.setenv("SSL_CERT_FILE", str(place.other))
    refused(None, system)
    monkeypatch.setenv("SSL_CERT_FILE", "")
    monkeypatch.setattr(roots, "BUNDLES", ("/nonexistent",))
    assert "ca-certificates" in refused(None, system).advice


def test_the_public_authorities_have_not_signed_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """`system` verifies for real, and names what is wrong."""
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(variable, "")
    refused(None, place.parts(PGSSLROOTCERT="system", PGSSLMODE="verify-full"))
    monkeypatch.setenv("SSL_CERT_FILE", "")
    weak = refused(None, place.parts(PGSSLROOTCERT="system", PGSSLMODE="require"))
    assert "verify-full" in weak.message


def test_a_whole_run(place: Place, folder: Path) -> None:
    write(folder, "0001_a")
    name = place.server.create_database()
    runner = Runner(place.server.url(name), folder)
    trust = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(place.ca)}
    assert job(runner, "migrate", **trust).reason is Reason.SUCCEEDED
    parts = place.parts(**trust, PGDATABASE=name)
    assert job(runner, "migrate", **{**parts, "DATABASE_URL": ""}).reason is Reason.UP_TO_DATE
    ending = job(runner, "migrate", **{**trust, "PGSSLROOTCERT": str(place.other)})
    assert (ending.reason, ending.exit_code) == (Reason.TLS_FAILED, 7)
