"""Connections to real servers: what a session is, and each trouble under its own name."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from switchback.contract.reasons import Reason
from switchback.runner import connect, url
from switchback.runner.address import Host
from switchback.runner.connect import Wishes
from switchback.runner.errors import RunnerError
from tests.postgres.servers import DEBIAN_15, PASSWORD, SUPERUSER, Server, free_port, running

if TYPE_CHECKING:
    from pathlib import Path

QUICK = Wishes(operation_id="op-1", connect_seconds=3, starting_seconds=0)


def trouble(text: str, wishes: Wishes = QUICK) -> RunnerError:
    """The error for a URL; the password is nowhere in it."""
    with pytest.raises(RunnerError) as caught:
        connect.connect(url.read(text, {}), wishes).close()
    error = caught.value
    shown = " ".join(map(str, (error.message, error.advice, error.detail, error.args)))
    assert PASSWORD not in shown
    assert error.message.endswith(".")
    assert "\n" not in error.message
    assert error.__cause__ is None
    return error


def setting(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def test_the_session_says_what_it_depends_on(server: Server, database: str) -> None:
    with server.connect() as admin:
        admin.execute("CREATE ROLE moody LOGIN PASSWORD 'x'")
        for default in ("lock_timeout = '1s'", "statement_timeout = '1s'", "client_min_messages = error",
                        "idle_session_timeout = '1s'", "standard_conforming_strings = off"):  # fmt: skip
            admin.execute(f"ALTER ROLE moody SET {default}".encode())
    try:
        address = replace(url.read(database, {}), user="moody", password="x")
        with connect.connect(address, Wishes(operation_id="op-1", lock_timeout_ms=1234)) as connection:
            for _ in range(2):
                assert setting(connection, "lock_timeout") == "1234ms"
                assert setting(connection, "statement_timeout") == "0"
                assert setting(connection, "idle_session_timeout") == "0"
                assert setting(connection, "idle_in_transaction_session_timeout") == "0"
                assert setting(connection, "client_connection_check_interval") == "1s"
                assert setting(connection, "client_min_messages") == "notice"
                assert setting(connection, "standard_conforming_strings") == "on"
                assert setting(connection, "client_encoding") == "UTF8"
                assert setting(connection, "application_name") == "switchback op-1"
                assert setting(connection, "tcp_keepalives_idle") == "10"
                connection.execute("SET lock_timeout = 1")
                connection.execute("SET client_min_messages = error")
                connection.execute("RESET ALL")
            assert connection.autocommit
    finally:
        with server.connect() as admin:
            admin.execute("DROP ROLE moody")


def test_role_and_search_path_outlive_a_reset(server: Server, database: str) -> None:
    with server.connect() as admin:
        admin.execute('CREATE ROLE "Shop Owner\\\'s"')
    try:
        wishes = Wishes(role="Shop Owner\\'s", search_path=("my app", 'we"ird', "public"))
        with connect.connect(url.read(database, {}), wishes) as connection:
            connection.execute("SET ROLE postgres")
            connection.execute("SET search_path = public")
            connection.execute("RESET ROLE; RESET ALL")
            row = connection.execute("SELECT current_user, session_user").fetchone()
            assert row == ("Shop Owner\\'s", SUPERUSER)
            assert setting(connection, "search_path") == '"my app", "we""ird", "public"'
    finally:
        with server.connect() as admin:
            admin.execute('DROP ROLE "Shop Owner\\\'s"')


def test_the_search_path_of_the_url_counts(database: str) -> None:
    with connect.connect(url.read(f"{database}?schema=App&timezone=Asia/Tokyo", {})) as connection:
        assert setting(connection, "search_path") == '"App"'
        assert setting(connection, "TimeZone") == "Asia/Tokyo"
    with connect.connect(url.read(f"{database}?options=-c%20work_mem%3D7MB", {})) as connection:
        assert setting(connection, "work_mem") == "7MB"


def test_read_only_is_the_server_s_own(database: str) -> None:
    with (
        connect.connect(url.read(database, {}), Wishes(read_only=True)) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("CREATE TABLE a ()")


def test_over_the_socket(server: Server, database: str) -> None:
    address = replace(url.read(database, {}), hosts=(Host(str(server.folder), server.port),))
    with connect.connect(address) as connection:
        row = connection.execute("SELECT inet_server_addr()").fetchone()
        assert row == (None,)
    assert address.where == f"{server.folder}/.s.PGSQL.{server.port}"


def test_observers_are_told_apart(database: str) -> None:
    with connect.connect(url.read(database, {}), QUICK, connect.OBSERVE) as connection:
        assert setting(connection, "application_name") == "switchback observe op-1"


@pytest.mark.parametrize("change", ["password", "user", "none"])
def test_wrong_credentials(server: Server, change: str) -> None:
    text = {
        "password": server.url(password="wrong"),
        "user": server.url(user="nobody1"),
        "none": f"postgresql://postgres@{server.host}:{server.port}/postgres",
    }[change]
    error = trouble(text)
    assert error.reason is Reason.AUTHENTICATION_FAILED
    assert f"{server.host}:{server.port}" in error.message
    assert ("nobody1" if change == "user" else "postgres") in error.message


def test_no_such_database(server: Server) -> None:
    error = trouble(server.url("nodb"))
    assert (error.reason, error.sqlstate) == (Reason.DATABASE_MISSING, "3D000")
    assert "database nodb" in error.message


def test_too_many_connections(server: Server, database: str) -> None:
    with server.connect() as admin:
        admin.execute("CREATE ROLE few LOGIN PASSWORD 'x' CONNECTION LIMIT 0")
    try:
        error = trouble(server.url(user="few", password="x"))
        assert (error.reason, error.sqlstate) == (Reason.TOO_MANY_CONNECTIONS, "53300")
    finally:
        with server.connect() as admin:
            admin.execute("DROP ROLE few")


def test_missing_rights_print_the_grant(server: Server, database: str) -> None:
    name = database.rsplit("/", 1)[1]
    with server.connect() as admin:
        admin.execute("CREATE ROLE \"New App\" LOGIN PASSWORD 'x'")
        admin.execute("CREATE ROLE boss")
        admin.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC".encode())
    try:
        error = trouble(server.url(name, "New App", "x"))
        assert error.reason is Reason.PERMISSION_DENIED
        assert error.advice == f'GRANT CONNECT ON DATABASE {name} TO "New App";'
        with server.connect() as admin:
            admin.execute(error.advice.encode())
        error = trouble(server.url(name, "New App", "x"), replace(QUICK, role="boss"))
        assert error.reason is Reason.PERMISSION_DENIED
        assert error.advice == 'GRANT boss TO "New App";'
        with server.connect() as admin:
            admin.execute(error.advice.encode())
        address = url.read(server.url(name, "New App", "x"), {})
        connect.connect(address, replace(QUICK, role="boss")).close()
    finally:
        with server.connect() as admin:
            admin.execute(f'REVOKE ALL ON DATABASE {name} FROM "New App"'.encode())
            admin.execute('DROP ROLE "New App", boss')


def test_a_role_that_is_not_there(database: str) -> None:
    error = trouble(database, replace(QUICK, role="nosuch"))
    assert error.reason is Reason.PERMISSION_DENIED
    assert 'role "nosuch" does not exist' in error.message


def test_refused_and_unknown(server: Server) -> None:
    error = trouble(f"postgresql://u@127.0.0.1:{free_port()}/d")
    assert error.reason is Reason.CONNECTION_REFUSED
    error = trouble("postgresql://u@%2Fnonexistent/d")
    assert error.reason is Reason.CONNECTION_REFUSED
    assert "/nonexistent/.s.PGSQL.5432" in error.message
    error = trouble("postgresql://u@no-such-host.invalid/d")
    assert error.reason is Reason.UNKNOWN_HOST
    assert "no-such-host.invalid" in error.message
    error = trouble(f"postgresql://u@{'x' * 300}/d")
    assert error.reason is Reason.UNKNOWN_HOST


def test_a_host_that_says_nothing_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        error = trouble(f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/d", Wishes(connect_seconds=0.3))
        assert error.reason is Reason.CONNECTION_TIMEOUT
        error = trouble(f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/d?connect_timeout=1")
        assert error.reason is Reason.CONNECTION_TIMEOUT
        assert "within 1 s" in error.message
        assert time.monotonic() - begun < 2.5


def test_tls_that_the_server_does_not_speak(pg18: Server) -> None:
    error = trouble(pg18.url() + "?sslmode=require")
    assert error.reason is Reason.TLS_FAILED
    error = trouble(pg18.url() + "?sslmode=verify-full&sslrootcert=/nonexistent")
    assert error.reason is Reason.TLS_FAILED


def test_tls_that_cannot_be_verified(tmp_path: Path) -> None:
    if not (DEBIAN_15 / "postgres").exists() or shutil.which("openssl") is None:
        pytest.skip("needs a server with TLS, and openssl")
    server = Server(DEBIAN_15, {"ssl": "on", "ssl_cert_file": "c.pem", "ssl_key_file": "k.pem"})
    try:
        server.make()
        make_certificate(server, "c.pem", "k.pem")
        make_certificate(server, "other.pem", "other-key.pem")
        server.start()
        other, own = server.data / "other.pem", server.data / "c.pem"
        for file in (other, own):
            (tmp_path / file.name).write_bytes(file.read_bytes())
        text = f"{server.url()}?sslrootcert={tmp_path}"
        error = trouble(f"{text}/other.pem&sslmode=verify-ca")
        assert error.reason is Reason.TLS_FAILED
        error = trouble(f"{text}/c.pem&sslmode=verify-full")
        assert error.reason is Reason.TLS_FAILED
        with connect.connect(url.read(f"{text}/c.pem&sslmode=verify-ca", {})) as connection:
            assert connection.pgconn.ssl_in_use
    finally:
        server.remove()


def make_certificate(server: Server, certificate: str, key: str) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=db.example", "-keyout", server.data / key,
         "-out", server.data / certificate],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    for name in (certificate, key):
        shutil.chown(server.data / name, server.data.owner(), server.data.group())
        (server.data / name).chmod(0o600)


def test_a_standby_is_one_by_its_own_word() -> None:
    if not (DEBIAN_15 / "postgres").exists():
        pytest.skip("needs Debian's postgresql-15")
    with running(DEBIAN_15) as primary:
        standby = Server(DEBIAN_15, {"primary_conninfo": conninfo(primary)})
        try:
            copy(primary, standby)
            standby.start()
            error = trouble(standby.url())
            assert error.reason is Reason.STANDBY
            assert str(standby.port) in error.message
            both = url.read(standby.url(), {})
            hosts = (Host("127.0.0.1", standby.port), Host("127.0.0.1", primary.port))
            with connect.connect(replace(both, hosts=hosts), QUICK) as connection:
                assert connection.info.port == primary.port
        finally:
            standby.remove()
        with primary.connect() as admin:
            admin.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
        connect.connect(url.read(primary.url(), {}), QUICK).close()


def conninfo(server: Server) -> str:
    return psycopg.conninfo.make_conninfo(
        host=server.host, port=server.port, user=SUPERUSER, password=PASSWORD
    )


def copy(primary: Server, standby: Server) -> None:
    """A base backup, made by the client program of the server."""
    shutil.rmtree(standby.data, ignore_errors=True)
    subprocess.run(
        [primary.programs / "pg_basebackup", "-D", standby.data, "-R", "-c", "fast", "-X", "stream",
         "-d", conninfo(primary) + " dbname=replication"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    subprocess.run(["chown", "-R", f"{standby.folder.owner()}", standby.data], check=True, timeout=10)


def test_starting_up_is_waited_for() -> None:
    """A server in recovery that takes no connections says 57P03, as one that is starting up does."""
    if not (DEBIAN_15 / "postgres").exists():
        pytest.skip("needs Debian's postgresql-15")
    with running(DEBIAN_15, hot_standby="off") as server:
        server.stop()
        (server.data / "standby.signal").touch()
        shutil.chown(server.data / "standby.signal", server.folder.owner())
        server.start()
        error = trouble(server.url())
        assert (error.reason, error.sqlstate) == (Reason.STARTING_UP, "57P03")
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 2:
                server.stop()
                (server.data / "standby.signal").unlink()
                server.start()

        wishes = replace(QUICK, starting_seconds=30)
        connect.connect(url.read(server.url(), {}), wishes, pause=pause).close()
        assert len(pauses) >= 2


def test_a_server_that_speaks_german() -> None:
    """Judged by SQLSTATE: the server's language is its own affair."""
    if not (DEBIAN_15 / "postgres").exists() or shutil.which("localedef") is None:
        pytest.skip("needs Debian's postgresql-15 and localedef")
    server = Server(DEBIAN_15, {"lc_messages": "de_DE.UTF-8"})
    locales = server.folder / "locales"
    server.environment["LOCPATH"] = str(locales)
    locales.mkdir()
    try:
        made = subprocess.run(
            ["localedef", "-i", "de_DE", "-f", "UTF-8", locales / "de_DE.UTF-8"], check=False, timeout=60
        )
        if made.returncode != 0:
            pytest.skip("this machine has no sources of locales")
        server.make()
        server.start()
        error = trouble(server.url(password="wrong"))
        assert "Passwort-Authentifizierung" in error.message
        assert error.reason is Reason.AUTHENTICATION_FAILED
        assert trouble(server.url("nodb")).reason is Reason.DATABASE_MISSING
        with server.connect() as admin:
            admin.execute("CREATE ROLE few LOGIN PASSWORD 'x' CONNECTION LIMIT 0")
        assert trouble(server.url(user="few", password="x")).reason is Reason.TOO_MANY_CONNECTIONS
    finally:
        server.remove()


def test_a_failed_attempt_leaves_no_descriptor_behind(server: Server) -> None:
    import os  # noqa: PLC0415 - for this test alone

    def count() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted, not read

    trouble(server.url(password="wrong"))
    before = count()
    for _ in range(5):
        trouble(server.url(password="wrong"))
        connect.connect(url.read(server.url(), {}), QUICK).close()
    assert count() == before
