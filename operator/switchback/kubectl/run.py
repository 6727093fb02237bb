"""From a command's options to its work: log in, do it, and make every end an exit code and a sentence."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

from switchback.contract.exits import ExitCode
from switchback.controller.kube.errors import KubeError
from switchback.controller.kube.login import LoginError
from switchback.kubectl.problems import Declined, Problem
from switchback.kubectl.screen import JSON, YAML, Screen
from switchback.kubectl.session import connect
from switchback.kubectl.troubles import from_kube, from_login

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from switchback.kubectl.options import Place
    from switchback.kubectl.session import Session

    Work = Callable[..., Awaitable[int]]


def run(place: Place, work: str, values: dict[str, Any]) -> int:
    """The exit code of `module:function`, called with a session and the command's own values."""
    module, _, function = work.partition(":")
    todo: Work = getattr(importlib.import_module(f"switchback.kubectl.{module}"), function)
    screen = Screen(place.output)
    try:
        return asyncio.run(_work(place, screen, todo, values))
    except Problem as problem:
        screen.problem(problem)
        return int(problem.code)
    except Declined:
        text = "Nothing was done."
        screen.note(text)
        if screen.output in {JSON, YAML}:
            screen.document(Problem(ExitCode.INTERRUPTED, "Declined", text).as_data())
        return int(ExitCode.INTERRUPTED)
    except KeyboardInterrupt:  # whoever presses Ctrl-C knows it
        return int(ExitCode.INTERRUPTED)


async def _work(place: Place, screen: Screen, todo: Work, values: dict[str, Any]) -> int:
    session: Session | None = None
    try:
        async with connect(place, screen) as session:
            return await todo(session, **values)
    except LoginError as error:
        raise from_login(error) from None
    except KubeError as error:
        host = session.client.host if session is not None else ""
        raise from_kube(error, host) from None
