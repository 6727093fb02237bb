"""What an API server may answer instead: each its own text and exit code, and never a traceback."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from switchback.contract.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BIN = Path(sys.executable).parent / "kubectl-switchback"
NO_SUCH_KIND = (404, b"404 page not found\n", "text/plain")


def status(code: int, reason: str, message: str) -> tuple[int, bytes, str]:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message}
    return code, json.dumps(body | {"code": code}).encode(), "application/json"


@contextmanager
def server(answer: tuple[int, bytes, str], tell: Callable[[Any], object] = lambda _: None) -> Iterator[str]:
    """A server that answers the same to everything, and tells the headers that it got."""
    code, body, kind = answer

    class Same(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tell(self.headers)
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PATCH = do_POST = do_GET  # noqa: N815 - same

        def log_message(self, *_: Any) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Same)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        running.server_close()


def call(tmp_path: Path, host: str, *words: str) -> subprocess.CompletedProcess[str]:
    config = {
        "current-context": "x",
        "clusters": [{"name": "x", "cluster": {"server": host}}],
        "users": [{"name": "x", "user": {"token": "very-secret"}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x", "namespace": "team"}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    return subprocess.run(
        [BIN, *words, "--kubeconfig", tmp_path / "config"], capture_output=True, text=True, timeout=60,
        check=False, stdin=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip


FORBIDDEN = (
    'databasemigrations.switchback.dev "shop" is forbidden: User "bob" cannot get resource '
    '"databasemigrations" in API group "switchback.dev" in the namespace "team"'
)
POLICY = (
    "databasemigrations.switchback.dev \"shop\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' "
    "denied request: only approvers may approve"
)


@pytest.mark.parametrize(
    ("answer", "code", "reason", "words"),
    [
        (NO_SUCH_KIND, ExitCode.CONNECTION, "NotInstalled", "is not installed in this cluster"),
        (status(401, "Unauthorized", "Unauthorized"), ExitCode.CONNECTION, "Unauthorized", "who you are"),
        (status(403, "Forbidden", FORBIDDEN), ExitCode.REFUSED, "Forbidden",
         "you (bob) may not get databasemigrations in namespace team"),
        (status(403, "Forbidden", POLICY), ExitCode.REFUSED, "RefusedByPolicy", "only approvers may approve"),
        (status(422, "Invalid", "spec.target: Invalid value"), ExitCode.USAGE, "Invalid", "spec.target"),
        (status(409, "Conflict", "the object has been modified"), ExitCode.MOVED, "Conflict", "Try again"),
        (status(500, "InternalError", "etcd is gone"), ExitCode.CONNECTION, "InternalError", "etcd is gone"),
        (status(429, "TooManyRequests", "slow down"), ExitCode.CONNECTION, "TooManyRequests", "slow down"),
        ((502, b"<html>bad gateway</html>", "text/html"), ExitCode.CONNECTION, "Unknown", "bad gateway"),
    ],
)  # fmt: skip
def test_each_answer_has_its_own_words(
    tmp_path: Path, answer: tuple[int, bytes, str], code: ExitCode, reason: str, words: str
) -> None:
    with server(answer) as host:
        done = call(tmp_path, host, "status", "shop", "-o", "json")
    told = json.loads(done.stdout)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "very-secret" not in done.stderr
    assert (told["reason"], told["exitCode"]) == (reason, code)


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
    done = call(tmp_path, host, "status", "shop")
    assert done.returncode == ExitCode.CONNECTION
    assert done.stdout == ""
    assert f"the API server {host} does not answer" in done.stderr
    assert "current-context" in done.stderr


def test_a_server_that_never_answers_is_given_up_in_time(tmp_path: Path) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        host = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        done = call(tmp_path, host, "status", "shop", "--request-timeout", "1s")
    assert done.returncode == ExitCode.CONNECTION
    assert "no answer in time" in done.stderr


def test_a_page_that_is_no_json_is_no_bug(tmp_path: Path) -> None:
    with server((200, b"<html>please log in</html>", "text/html")) as host:
        done = call(tmp_path, host, "status", "shop")
    assert done.returncode == ExitCode.CONNECTION
    assert "Traceback" not in done.stderr
    assert "in Switchback itself" not in done.stderr


def test_requests_say_who_asks(tmp_path: Path) -> None:
    told: list[tuple[str | None, ...]] = []
    names = ("User-Agent", "Impersonate-User", "Impersonate-Group", "Authorization")
    with server(
        NO_SUCH_KIND, lambda headers: told.append(tuple(headers.get(name) for name in names))
    ) as host:
        call(tmp_path, host, "status", "shop", "--as", "ada", "--as-group", "dba")
    assert told == [("kubectl-switchback", "ada", "dba", "Bearer very-secret")]
