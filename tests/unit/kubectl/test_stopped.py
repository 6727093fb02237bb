"""Ctrl-C while a request is under way: the command still says what stands."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from switchback.controller.kube.errors import Refusal, RefusedError, UnreachableError
from switchback.kubectl import own_jobs, requests, stopped
from switchback.kubectl.screen import Screen
from switchback.kubectl.session import Session
from tests.unit.kubectl.statuses import done

JOB = {"metadata": {"name": "shop-restore-1", "namespace": "team-shop"}}


class Server:
    """Has taken what it was sent, and answers when it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.taken, self.answer, self.error = asyncio.Event(), asyncio.Event(), error

    async def create(self, *_: object) -> dict[str, Any]:
        self.taken.set()
        await self.answer.wait()
        if self.error is not None:
            raise self.error
        return {}

    patch = create


def refusal(kind: type[UnreachableError | RefusedError]) -> Exception:
    return kind("POST", Refusal(0, "so", "so it was"))


async def stop(server: Server, request: Any, *, answers: bool = True) -> None:
    """Ctrl-C after the server has taken the request and before it answers."""
    task = asyncio.ensure_future(request)
    await server.taken.wait()
    task.cancel()
    if answers:
        asyncio.get_running_loop().call_later(0.05, server.answer.set)
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (None, "Stopped waiting. Job shop-restore-1 goes on."),
        (RefusedError, "Stopped. Nothing was done."),
        (UnreachableError, "nobody can say whether Job shop-restore-1 was made"),
    ],
)
async def test_a_job_that_is_just_being_made(
    kind: type[RefusedError] | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(refusal(kind) if kind else None)
    session = Session(server, Screen("json"), "team-shop")  # type: ignore[arg-type]  # as much of it as is used
    await stop(server, own_jobs.make(session, JOB))
    assert said in capsys.readouterr().err


@pytest.mark.asyncio
async def test_a_job_that_nobody_answers_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stopped, "ANSWER_SECONDS", 0.05)
    server = Server()
    session = Session(server, Screen("json"), "team-shop")  # type: ignore[arg-type]  # same
    await stop(server, own_jobs.make(session, JOB), answers=False)
    assert "Look: kubectl get job shop-restore-1 -n team-shop" in capsys.readouterr().err


@pytest.mark.asyncio
async def test_a_request_that_is_just_being_left(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server()
    session = Session(server, Screen("json"), "team-shop")  # type: ignore[arg-type]  # same
    await stop(server, requests.send(session, done(), annotations={"a": "b"}, same=lambda _: True))
    assert "Stopped waiting. What was asked for goes on." in capsys.readouterr().err
