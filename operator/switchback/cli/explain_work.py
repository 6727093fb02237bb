"""The work of `switchback explain`: read files, ask a cluster if there is one, answer, give an exit code."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from switchback.contract.exits import ExitCode
from switchback.controller.kube.errors import KubeError
from switchback.controller.kube.kubeconfig import Access, login_as_person
from switchback.controller.kube.login import LoginError
from switchback.explain import data
from switchback.explain.document import UnreadableError, documents
from switchback.explain.draw import Drawing
from switchback.explain.findings import Level
from switchback.explain.inquire import Cluster, inquire
from switchback.explain.looking import Looking
from switchback.explain.metadata import is_meant
from switchback.explain.operators import operators
from switchback.explain.references import companions
from switchback.kubectl.screen import JSON, TEXT, Screen
from switchback.kubectl.troubles import from_kube, from_login

if TYPE_CHECKING:
    from switchback.explain.document import Document
    from switchback.explain.inquire import Report
    from switchback.kubectl.problems import Problem

STDIN = "-"
REACH_SECONDS = 10.0
"""Whoever has no cluster at hand should not wait for one."""


@dataclass(frozen=True)
class Wishes:
    """What the command line says."""

    files: tuple[str, ...]
    namespace: str = ""
    context: str = ""
    kubeconfig: str = ""
    offline: bool = False
    json: bool = False

    @property
    def insists(self) -> bool:
        """Whether a certain cluster was named, so that doing without it is no answer."""
        return bool(self.context or self.kubeconfig) and not self.offline


@dataclass
class Answer:
    """Everything that was found out. `unreached` says why there is no cluster; `host` which one answered."""

    reports: list[Report] = field(default_factory=list)
    skipped: int = 0
    host: str = ""
    unreached: Problem | None = None


class InputError(Exception):
    """A file cannot be read, or holds no manifest. The message names it."""


def run(wishes: Wishes) -> int:
    """The exit code."""
    screen = Screen(JSON if wishes.json else TEXT)
    try:
        read = _read(wishes.files)
    except InputError as error:
        screen.error(str(error))
        if wishes.json:
            screen.document({"reason": "Usage", "message": str(error), "exitCode": int(ExitCode.USAGE)})
        return int(ExitCode.USAGE)
    answer = asyncio.run(_answer(wishes, read))
    code = _code(wishes, answer)
    if wishes.json:
        screen.document(_data(answer, code))
    else:
        _show(screen, wishes, answer)
    return int(code)


def _read(files: tuple[str, ...]) -> list[Document]:
    """Every object of the files, a DatabaseMigration among them.

    Raises:
        InputError: a file cannot be read, or there is none.
    """
    read = [document for file in dict.fromkeys(files) for document in _documents(file)]
    if not any(is_meant(one) for one in read):
        raise InputError(_nothing(files, read))
    return read


def _documents(file: str) -> list[Document]:
    shown = "standard input" if file == STDIN else file
    try:
        raw = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
        return documents(raw.decode("utf-8-sig"), "stdin" if file == STDIN else file)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(f"{shown}:{line}: this is no UTF-8 text.") from None
    except OSError as error:
        raise InputError(f"{shown} cannot be read: {error.strerror}.") from None
    except UnreadableError as error:
        raise InputError(f"{shown}:{error.line}: this is no YAML: {error}.") from None


def _nothing(files: tuple[str, ...], read: list[Document]) -> str:
    kinds = sorted({one.kind or "something without a kind" for one in read})
    there = f"it holds {', '.join(kinds)}" if kinds else "it is empty"
    torn = [found for one in read for found in one.findings if found.path == ("kind",)]
    hint = f" {torn[0].message} {torn[0].advice}" if torn else ""
    return f"{', '.join(files)}: there is no DatabaseMigration here; {there}.{hint}"


async def _answer(wishes: Wishes, read: list[Document]) -> Answer:
    meant = [one for one in read if is_meant(one)]
    answer = Answer(skipped=len(read) - len(meant))
    if not wishes.offline:
        try:
            login = await login_as_person(Access(wishes.kubeconfig, wishes.context), os.environ)
        except LoginError as error:
            answer.unreached = from_login(error)
        else:
            async with Looking(login.configuration, REACH_SECONDS) as client:
                try:
                    found = Cluster(client, await operators(client))
                    answer.host = client.host
                    namespace = wishes.namespace or login.namespace
                    answer.reports = await _reports(meant, read, namespace, found)
                except KubeError as error:
                    answer.unreached = from_kube(error, client.host)
                else:
                    return answer
    answer.host = ""
    answer.reports = await _reports(meant, read, wishes.namespace or "default", None)
    return answer


async def _reports(
    meant: list[Document], read: list[Document], default: str, asked: Cluster | None
) -> list[Report]:
    beside = companions(read, default)
    return [await inquire(one, _namespace(one, default), beside, asked) for one in meant]


def _namespace(document: Document, default: str) -> str:
    named = document.metadata.get("namespace")
    return named if isinstance(named, str) and named else default


def _code(wishes: Wishes, answer: Answer) -> ExitCode:
    """The most urgent of all documents."""
    levels = {one.level for report in answer.reports for one in report.findings}
    if Level.INVALID in levels:
        return ExitCode.USAGE
    if wishes.insists and answer.unreached is not None:
        return ExitCode.CONNECTION
    return ExitCode.REFUSED if Level.REFUSED in levels else ExitCode.OK


def _show(screen: Screen, wishes: Wishes, answer: Answer) -> None:
    drawing = Drawing(screen)
    for number, report in enumerate(answer.reports):
        if number:
            screen.print()
        drawing.report(report)
    screen.print()
    if answer.unreached is not None:
        say = screen.error if wishes.insists else screen.warn
        say(screen.spell(f"no cluster was asked: {answer.unreached.message}"))
    others = (
        f" {answer.skipped} other objects were only looked at for what they bring." if answer.skipped else ""
    )
    asked = (
        f"Asked {answer.host}; nothing was changed." if answer.host else "Worked out from the files alone."
    )
    screen.print(screen.style(f"{asked}{others}", dim=True))


def _data(answer: Answer, code: ExitCode) -> dict[str, object]:
    cluster: dict[str, object] = {"reached": bool(answer.host)}
    if answer.host:
        cluster["host"] = answer.host
    if answer.unreached is not None:
        cluster |= {"reason": answer.unreached.reason, "message": answer.unreached.message}
    return {
        "cluster": cluster,
        "documents": [data.report(one) for one in answer.reports],
        "otherObjects": answer.skipped,
        "exitCode": int(code),
    }
