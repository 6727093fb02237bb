"""`kubectl switchback wait`: until it has ended, is ready or asks for approval; early when that cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.exits import ExitCode
from switchback.kubectl.waits import Verdict, Wish, conclude, wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.kubectl.resource import Resource
    from switchback.kubectl.session import Session


async def wait_for(session: Session, *, name: str, what: str, seconds: float) -> int:
    """Wait, and tell how it ended."""
    resource = await session.pick(name)
    wish = Wish(lambda now: now.is_seen, JUDGES[what], sent=False)
    last, verdict = await wait(session, resource, wish, seconds=seconds)
    return conclude(session, last, verdict)


def finished(now: Resource) -> Verdict | None:
    """The intent has ended, well or not."""
    if not now.is_seen or not now.is_true("Finished"):
        return None
    return _good(now) if now.is_true("Ready") else _bad(now)


def ready(now: Resource) -> Verdict | None:
    """The database is where the spec wishes it to be, or will not get there."""
    if not now.is_seen:
        return None
    if now.is_true("Ready"):
        return _good(now)
    return _bad(now) if now.is_true("Stalled") or now.is_true("Finished") else None


def approval(now: Resource) -> Verdict | None:
    """A plan waits for a person, or there will be none."""
    if not now.is_seen:
        return None
    if now.approval and now.reason == "AwaitingApproval":
        return Verdict(ExitCode.OK, now.reason, now.message)
    ended = finished(now)
    if ended is None or ended.code is not ExitCode.OK:
        return ended
    return Verdict(ExitCode.MOVED, "NothingWaits", f"it has ended without asking for approval: {now.message}")


JUDGES: dict[str, Callable[[Resource], Verdict | None]] = {
    "finished": finished,
    "ready": ready,
    "approval": approval,
}


def _good(now: Resource) -> Verdict:
    return Verdict(ExitCode.OK, now.reason, now.message)


def _bad(now: Resource) -> Verdict:
    place = f"{now.name} -n {now.namespace}"
    return Verdict(
        ExitCode.FAILED,
        now.reason,
        f"{now.reason}: {now.message}",
        f"See kubectl switchback status {place}, and kubectl switchback logs {place}",
    )
