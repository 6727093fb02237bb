"""Ctrl-C while a request that changes something is under way: its answer still says what stands."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from switchback.controller.kube.errors import ConflictError, NotFoundError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from switchback.kubectl.screen import Screen

T = TypeVar("T")

ANSWER_SECONDS = 5.0
"""How long whoever has pressed Ctrl-C waits for the answer. Pressing it again ends that wait."""

GOES_ON = "Stopped waiting. What was asked for goes on."

_NOT_DONE = (ConflictError, NotFoundError, RefusedError)


async def answered(screen: Screen, request: Coroutine[None, None, T], *, stands: str, unclear: str) -> T:
    """The answer of a request that changes something.

    Args:
        screen: where it is told what stands when the command is stopped meanwhile.
        request: sent in a task of its own, so that stopping the command does not lose its answer.
        stands: told when it was carried out.
        unclear: told when nobody can say whether it was.
    """
    sent = asyncio.ensure_future(request)
    try:
        return await asyncio.shield(sent)
    except asyncio.CancelledError:
        await asyncio.wait({sent}, timeout=ANSWER_SECONDS)
        screen.note(_told(sent, stands, unclear))
        raise


def _told(sent: asyncio.Future[T], stands: str, unclear: str) -> str:
    if not sent.done() or sent.cancelled():
        return unclear
    error = sent.exception()
    if error is None:
        return stands
    return "Stopped. Nothing was done." if isinstance(error, _NOT_DONE) else unclear
