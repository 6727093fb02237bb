"""`kubectl switchback wait`: until it has ended, is ready, has moved or asks; early when that cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.reasons import OperatorReason
from switchback.contract.exits import ExitCode
from switchback.kubectl.waits import Verdict, Wish, conclude, wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.kubectl.resource import Resource
    from switchback.kubectl.session import Session

BEGIN_OR_END = {"retry", "rollback", "abort"}
"""Requests after which the outcome that is there is of before."""


async def wait_for(session: Session, *, name: str, what: str, seconds: float) -> int:
    """Wait, and tell how it ended."""
    resource = await session.pick(name)
    wish = Wish(_is_heard, JUDGES[what], sent=False)
    last, verdict = await wait(session, resource, wish, seconds=seconds)
    return conclude(session, last, verdict)


def _is_heard(now: Resource) -> bool:
    """Whether the status answers the spec as it is now, and every request that begins or ends something.

    While it is suspended, or its spec makes no sense, no request begins anything: nothing is to be heard.
    """
    if not now.is_seen:
        return False
    if now.suspended or now.reason == OperatorReason.SPEC_INVALID:
        return True
    return not now.begins_again and not BEGIN_OR_END & now.open_requests.keys()


def finished(now: Resource) -> Verdict | None:
    """The intent has ended, well or not."""
    if not _is_heard(now) or not now.is_true("Finished"):
        return None
    return _good(now) if now.is_true("Ready") else _bad(now)


def ready(now: Resource) -> Verdict | None:
    """The database is where the spec wishes it to be, or will not get there."""
    if not _is_heard(now):
        return None
    if now.is_true("Ready"):
        return _good(now)
    return _bad(now) if now.is_true("Stalled") or now.is_true("Finished") else None


def approval(now: Resource) -> Verdict | None:
    """A plan waits for a person, or there will be none."""
    if not _is_heard(now):
        return None
    if now.approval and now.reason == "AwaitingApproval":
        return Verdict(ExitCode.OK, now.reason, now.message)
    ended = finished(now)
    if ended is None or ended.code is not ExitCode.OK:
        return ended
    return Verdict(ExitCode.MOVED, "NothingWaits", f"it has ended without asking for approval: {now.message}")


def traffic(now: Resource) -> Verdict | None:
    """The wished slot is live and was seen to be, or will not be."""
    if not _is_heard(now):
        return None
    switched = now.condition("TrafficSwitched")
    if now.is_true("TrafficSwitched"):
        return Verdict(ExitCode.OK, str(switched.get("reason", "")), str(switched.get("message", "")))
    if now.is_true("Finished") and not switched:
        return Verdict(ExitCode.MOVED, "NoCutover", f"it has ended, and moves no traffic: {now.message}")
    return _bad(now) if now.is_true("Stalled") or now.is_true("Finished") else None


JUDGES: dict[str, Callable[[Resource], Verdict | None]] = {
    "finished": finished,
    "ready": ready,
    "approval": approval,
    "traffic": traffic,
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
