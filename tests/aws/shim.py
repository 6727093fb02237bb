"""The WSGI application: every call passes here on its way to moto."""

from __future__ import annotations

import http.client
import io
import re
import socket
import time
from typing import TYPE_CHECKING, Any

from moto.core.utils import convert_to_flask_response
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wsgi import get_input_stream

from tests.aws import answers, call, s3
from tests.aws.answers import Answer, Refused
from tests.aws.faults import Book, Rule, Rules
from tests.aws.rds import answering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flask import Flask

    from tests.aws.call import Call
    from tests.aws.world import World

CONTROL = "/_shim"
_CODE = re.compile(rb"<Code>([^<]*)</Code>")


class Dropped(Exception):  # noqa: N818  # what happens, not a failure of ours
    """The connection ends without an answer."""


class Shim:
    """All of the fake AWS as one WSGI application."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rules = Rules()
        self.book = Book()
        self.control: Callable[[str, str, bytes], Answer] = _no_control
        self._moto = DomainDispatcherApplication(self._backend)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # Read to its end in any case: what is left in the connection would be taken for the next request.
        body = get_input_stream(environ).read()
        if environ.get("PATH_INFO", "").startswith(CONTROL):
            answer = self.control(environ["REQUEST_METHOD"], environ["PATH_INFO"][len(CONTROL) :], body)
            return _send(answer, environ, start_response)
        asked = call.read(environ, body, self.world.now())
        self.book.enter(asked)
        rule = self.rules.met(asked)
        try:
            answer = self._answer(asked, environ, body, rule)
        except Dropped as dropped:
            asked["outcome"] = f"dropped {dropped}"
            _hang_up(environ)
        asked["status"] = answer.status
        asked["outcome"] = "answered"
        if answer.status >= 400 and (code := _CODE.search(answer.body)):
            asked["code"] = code.group(1).decode()
        return _send(answer, environ, start_response)

    def _answer(self, asked: Call, environ: dict[str, Any], body: bytes, rule: Rule | None) -> Answer:
        if rule is None:
            return self._done(asked, environ, body)
        time.sleep(rule.delay)
        if rule.before is not None:
            rule.before(asked)
        if rule.drop == "before":
            raise Dropped("before")
        wrong = _wrong(asked, rule)
        answer = self._done(asked, environ, body) if wrong is None else wrong
        if rule.after is not None:
            rule.after(asked)
        time.sleep(rule.late)
        if rule.drop == "after":
            raise Dropped("after")
        return answer

    def _done(self, asked: Call, environ: dict[str, Any], body: bytes) -> Answer:
        """Do it. One call at a time: what is checked before moto does it still holds then."""
        with self.world.lock:
            try:
                if asked["service"] == "s3":
                    return s3.done(self.world, asked, environ, body, self._by_moto)
                return self._by_moto(environ, body)
            except Refused as refused:
                return answers.error(asked["service"], refused.code, refused.text, refused.status)

    def _by_moto(self, environ: dict[str, Any], body: bytes) -> Answer:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], _: object = None) -> None:
            started.append((status, headers))

        environ = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        content = b"".join(self._moto(environ, start))
        status, headers = started[-1]
        return Answer(int(status.split()[0]), headers, content)

    def _backend(self, service: Any) -> Flask:
        """Return the application for a service; that of RDS with our answers."""
        app: Flask = create_backend_app(service)
        if service == "rds":
            view = convert_to_flask_response(answering(self.world).dispatch)
            app.view_functions = dict.fromkeys(app.view_functions, view)
        return app


def _wrong(asked: Call, rule: Rule) -> Answer | None:
    if rule.body:
        return Answer(rule.status or 502, [("Content-Type", "text/html")], rule.body.encode())
    if not rule.error:
        return None
    text = rule.text
    if rule.error == "AccessDenied" and not text:
        text = answers.denied(asked["service"], rule.denies or asked["action"], asked["region"])
    return answers.error(asked["service"], rule.error, text, rule.status)


def _send(answer: Answer, environ: dict[str, Any], start_response: Any) -> list[bytes]:
    length = str(len(answer.body))
    if environ["REQUEST_METHOD"] == "HEAD":
        # The length of what a GET would bring.
        length = next((value for name, value in answer.headers if name.lower() == "content-length"), "0")
    headers = [(name, value) for name, value in answer.headers if name.lower() != "content-length"]
    if answer.status not in (204, 304):
        headers.append(("Content-Length", length))
    start_response(f"{answer.status} {http.client.responses.get(answer.status, '')}", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]


def _hang_up(environ: dict[str, Any]) -> None:
    """End the connection. Whoever has called sees that nobody answers any more."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("dropped by a rule")


def _no_control(_method: str, _path: str, _body: bytes) -> Answer:
    return Answer(404)
