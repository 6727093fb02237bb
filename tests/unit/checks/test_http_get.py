"""httpGet against real servers that are slow, closed, broken, huge or strangers."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest

from switchback.checks.model import CheckError, Context
from tests.e2e.certificates import make
from tests.unit.checks.web import OK, Visit, answering, error_of, free_port, http_get, run, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.checks.web import Handler


def asked(handler: Handler, path: str = "/", **wishes: Any) -> str:
    with serving(handler) as server:
        return error_of(http_get(server.url(path), **wishes)).replace(str(server.port), "PORT")


def saying(text: bytes) -> Handler:
    return lambda visit: visit.say(text)


def silent(visit: Visit) -> None:
    visit.connection.recv(1)


def test_the_expected_status_holds() -> None:
    assert asked(answering(200)) == ""
    assert asked(answering(204), expectStatus=204) == ""


def test_another_status_does_not() -> None:
    assert asked(answering(503), "/health?token=canary") == (
        "status 503 instead of 200 (http://localhost:PORT/health)"
    )


def test_redirects_are_not_followed() -> None:
    with (
        serving(answering(200)) as target,
        serving(
            lambda visit: visit.say(
                b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % target.url().encode()
            )
        ) as server,
    ):
        assert "status 302 instead of 200; redirects are not followed" in error_of(http_get(server.url()))
        assert error_of(http_get(server.url(), expectStatus=302)) == ""
        assert target.requests == []


def test_the_body_is_searched() -> None:
    assert asked(answering(200), expectBody="ell") == ""
    assert asked(answering(200), expectBody="Hell").startswith("the answer does not hold the text")


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_the_body_is_searched_in_its_first_64_kib(framing: str) -> None:
    def handler(visit: Visit) -> None:
        at = int(visit.request.split(b" ")[1][1:])
        body = (b"x" * at + b"needle").ljust(200_000, b"x")
        if framing == "length":
            visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + body)
        elif framing == "close":
            visit.say(b"HTTP/1.1 200 OK\r\n\r\n" + body)
        else:
            visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for start in range(0, len(body), 7000):
                part = body[start : start + 7000]
                visit.say(b"%x;name=value\r\n%s\r\n" % (len(part), part))
            visit.say(b"0\r\n\r\n")

    assert asked(handler, f"/{64 * 1024 - 6}", expectBody="needle") == ""
    assert asked(handler, f"/{64 * 1024 - 5}", expectBody="needle").startswith(
        "the first 64 KiB of the answer does not hold"
    )


def test_a_body_without_end_is_left() -> None:
    def handler(visit: Visit) -> None:
        visit.say(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            visit.say(b"x" * 65536)

    begun = time.monotonic()
    assert asked(handler) == ""
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the answer is no HTTP/1.1"),
        (b"HTTP/2 200\r\n\r\n", "the answer is no HTTP/1.1"),
        (b"HTTP/1.1 " + b"2" * 5000 + b"\r\n\r\n", "the answer is no HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"5" * 5000 + b"\r\n\r\n", "is no HTTP/1.1: its length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", "a chunk has no size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\n", "a chunk has no size"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 30000, "the headers of the answer are too long"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100000, "the headers of the answer are too long"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "closed the connection before the answer was"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "closed the connection before"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\n", "a chunk has no size"),
        (b"HTTP/1.1 200 OK\r\nContent-", "closed the connection before the answer was whole"),
        (b"", "closed the connection before the answer was whole"),
    ],
)
def test_what_is_no_whole_answer_fails(text: bytes, error: str) -> None:
    assert error in asked(saying(text))


def test_notes_before_the_answer_are_passed_over() -> None:
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
    assert asked(saying(hints + OK)) == ""


def test_a_reset_connection_fails() -> None:
    assert asked(lambda visit: visit.reset()).startswith("localhost:PORT closed the connection")


def test_a_reset_in_the_middle_of_the_body_fails() -> None:
    def handler(visit: Visit) -> None:
        visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
        time.sleep(0.1)
        visit.reset()

    assert asked(handler).startswith("localhost:PORT closed the connection")


@pytest.mark.parametrize("host", ["a" * 64, ".a", "a..b"])
def test_what_is_no_name_of_a_host(host: str) -> None:
    error = error_of(http_get(f"http://{host}/"))
    assert "in Switchback itself" not in error
    assert "no name of a host" in error


def test_nobody_listens() -> None:
    assert error_of(http_get(f"http://127.0.0.1:{free_port()}/")).startswith("no connection to 127.0.0.1:")


def test_a_name_that_nobody_knows() -> None:
    error = error_of(http_get("http://nobody.invalid/", timeout=20.0))
    assert error.startswith("the name nobody.invalid is not known: ")


@pytest.mark.parametrize(
    "url", ["http://localhost:99999/", "http://localhost:x/", "http://" + "a" * 300 + "/"]
)
def test_an_address_that_is_none(url: str) -> None:
    assert error_of(http_get(url))


def test_a_server_that_says_nothing_costs_the_timeout_and_no_more() -> None:
    begun = time.monotonic()
    error = asked(silent, timeout=0.5)
    assert 0.5 <= time.monotonic() - begun < 3
    assert error == "no answer within 0.5 s while waiting for the answer (http://localhost:PORT/)"


def test_a_body_that_drips_costs_the_timeout_and_no_more() -> None:
    def handler(visit: Visit) -> None:
        visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            visit.say(b".")
            time.sleep(0.1)

    begun = time.monotonic()
    assert asked(handler, timeout=0.5).startswith("no answer within 0.5 s while reading the answer")
    assert time.monotonic() - begun < 5


def test_each_try_is_a_new_connection() -> None:
    with serving(answering(503, 503, 200)) as server:
        (only,) = run(http_get(server.url(), threshold=3)).checks
        assert (only.passed, only.runs, only.failures) == (True, 3, 2)
        assert len(server.requests) == 3


def test_headers_are_sent_with_values_from_the_environment() -> None:
    context = Context(environment={"SWITCHBACK_HEADER_MY_SHOP_1": "Bearer canary\n"})
    headers = [{"name": "X-Check", "value": "a b"}, {"name": "Authorization", "valueFrom": {}},
               {"name": "host", "value": "shop.example"}]  # fmt: skip
    with serving(answering(200)) as server:
        assert error_of(http_get(server.url("/a b?q=ü"), "my-shop", headers=headers), context) == ""
    (request,) = server.requests
    assert request.startswith(b"GET /a%20b?q=%C3%BC HTTP/1.1\r\n")
    assert b"\r\nX-Check: a b\r\nAuthorization: Bearer canary\r\nhost: shop.example\r\n\r\n" in request
    assert b"Host:" not in request
    assert b"\r\nConnection: close\r\n" in request
    assert context.secrets == {"Bearer canary", "canary"}


@pytest.mark.parametrize("value", ["Basic c2hvcDpjYW5hcnk=", "basic  c2hvcDpjYW5hcnk="])
def test_a_password_is_known_by_what_it_was_before_it_became_a_header(value: str) -> None:
    """A server may say it back: `shop:canary is not welcome`."""
    context = Context(environment={"SWITCHBACK_HEADER_WEB_0": value})
    headers = [{"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
    with serving(answering(200)) as server:
        assert error_of(http_get(server.url(), "web", headers=headers), context) == ""
    assert "canary" in context.secrets


def test_a_secret_that_is_not_there_is_named_by_its_variable() -> None:
    headers = [{"name": "Authorization", "valueFrom": {}}]
    with pytest.raises(CheckError, match="in the variable SWITCHBACK_HEADER_WEB_0"):
        error_of(http_get("http://localhost/", headers=headers))


def test_a_value_that_would_be_two_headers_is_refused() -> None:
    context = Context(environment={"SWITCHBACK_HEADER_WEB_0": "a\r\nX-Admin: canary"})
    headers = [{"name": "Authorization", "valueFrom": {}}]
    with pytest.raises(CheckError, match="has a line break") as caught:
        error_of(http_get("http://localhost/", headers=headers), context)
    assert "canary" not in str(caught.value)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ssl.SSLContext]:
    """File of an authority that nobody knows, and a server's context with a certificate of it."""
    folder: Path = tmp_path_factory.mktemp("tls")
    make(folder, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    return str(folder / "ca.crt"), context


def test_a_private_authority_is_trusted_by_its_file(authority: tuple[str, ssl.SSLContext]) -> None:
    file, tls = authority
    with serving(answering(200), tls) as server:
        url = server.url(scheme="https")
        assert error_of(http_get(url), Context(environment={"SSL_CERT_FILE": file})) == ""
        assert error_of(http_get(url)).startswith("the certificate of localhost is not trusted: ")


def test_a_certificate_for_another_host_fails(authority: tuple[str, ssl.SSLContext]) -> None:
    file, tls = authority
    with serving(answering(200), tls) as server:
        error = error_of(
            http_get(f"https://127.0.0.1:{server.port}/"), Context(environment={"SSL_CERT_FILE": file})
        )
        assert error.startswith("the certificate of 127.0.0.1 is not trusted: ")


def test_a_file_of_authorities_that_is_none(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        context = Context(environment={"SSL_CERT_FILE": str(path)})
        assert error_of(http_get("https://localhost/"), context).startswith("SSL_CERT_FILE cannot be used: ")


def test_https_to_a_server_without_it() -> None:
    with serving(answering(200)) as server:
        error = error_of(http_get(server.url(scheme="https")))
    assert error.startswith(("no encrypted connection to 127.0.0.1:", "127.0.0.1:"))
