"""Requests about the operation at hand (abort, retry), and the brake (suspend, resume)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api import names
from switchback.contract.exits import ExitCode
from switchback.kubectl import rails, states
from switchback.kubectl.ask import confirm, may_ask
from switchback.kubectl.kept import way
from switchback.kubectl.owner import owner_of
from switchback.kubectl.problems import Problem
from switchback.kubectl.requests import nonce, send
from switchback.kubectl.text import paint
from switchback.kubectl.waits import Verdict, Wish, asked, conclude, of_operation, replaced, wait

if TYPE_CHECKING:
    from switchback.kubectl.resource import Resource
    from switchback.kubectl.session import Session


async def abort(session: Session, *, name: str, yes: bool, seconds: float | None) -> int:
    """End the operation under way, and wait until it has ended."""
    resource = await session.pick(name)
    if not resource.under_way:
        raise Problem(
            ExitCode.REFUSED,
            "NothingUnderWay",
            f"no operation of {resource.name} in namespace {resource.namespace} is under way: it is "
            f"{states.word(resource)}.",
        )
    operation = resource.operation_id
    if not yes and may_ask():
        job = resource.operation.get("jobName")
        running = f" Its Job {job} is ended; what it has committed stays." if job else ""
        running += _traffic(resource)
        what = f"{operation} ({_way(resource)})"
        what += f" on database {resource.database}" if resource.spec.get("source") else ""
        await confirm(session.screen, f"End operation {what}?{running}")
    value = f"{operation}/{nonce()}"
    sent = await send(
        session,
        resource,
        annotations={names.ANNOTATION_ABORT: value},
        same=lambda newer: newer.operation_id == operation and newer.under_way,
    )
    if seconds is None:
        return conclude(session, sent, asked(f"asked for the end of {operation}."), request={"abort": value})
    wish = Wish(
        answered=lambda now: now.handled("abort") == value or _ended(now, operation) is not None,
        judge=lambda now: _ended(now, operation),
        left=(names.ANNOTATION_ABORT, value),
    )
    last, verdict = await wait(session, sent, wish, seconds=seconds)
    return conclude(session, last, verdict, request={"abort": value})


def _ended(now: Resource, operation: str) -> Verdict | None:
    """An operation that is to end does not stand still for anything else."""
    if now.outcome_of(operation) or now.operation_id != operation:
        return of_operation(now, operation, {"Aborted"})
    return None


async def retry(session: Session, *, name: str, seconds: float | None) -> int:
    """Try again at once, or anew after a failure."""
    resource = await session.pick(name)
    operation, outcome = resource.operation_id, resource.outcome
    if not operation or outcome.get("outcome") == "Succeeded":
        why = "its operation has succeeded." if operation else "no operation has begun."
        raise Problem(
            ExitCode.REFUSED,
            "NothingToRetry",
            f"there is nothing to try again for {resource.name} in namespace {resource.namespace}: {why}",
        )
    value = f"{operation}/{nonce()}"
    sent = await send(
        session,
        resource,
        annotations={names.ANNOTATION_RETRY: value},
        same=lambda newer: newer.operation_id == operation,
    )
    if seconds is None:
        return conclude(session, sent, asked("asked for another attempt."), request={"retry": value})
    last, verdict = await wait(session, sent, _another(operation, value), seconds=seconds)
    return conclude(session, last, verdict, request={"retry": value})


def _another(operation: str, value: str) -> Wish:
    """The next attempt of the operation or, when it has ended by the time the request is heard, the next one.

    Which of both it is, is known by the operation that carries the request, and not by what was there before.
    """

    def judge(now: Resource) -> Verdict | None:
        if now.operation.get("retry") == value:
            return of_operation(now, now.operation_id, {"Succeeded", "RolledBack"})
        if now.outcome_of(operation).get("outcome") == "Succeeded":
            return of_operation(now, operation, {"Succeeded"})
        if now.operation_id != operation:
            return replaced(now)
        if now.suspended:
            return _held(now)
        if now.handled("retry") == value:
            return None
        return Verdict(ExitCode.MOVED, "Overtaken", "somebody else has asked for another attempt meanwhile.")

    return Wish(
        answered=lambda now: now.handled("retry") == value or now.operation_id != operation,
        judge=judge,
        left=(names.ANNOTATION_RETRY, value),
    )


def _held(now: Resource) -> Verdict:
    place = f"{now.name} -n {now.namespace}"
    text = "it is suspended: the attempt begins when it is resumed."
    return Verdict(ExitCode.PENDING, "Suspended", text, f"Go on: kubectl switchback resume {place}")


async def suspend(session: Session, *, name: str, seconds: float | None) -> int:
    """Let nothing new start."""
    return await _set_suspend(session, name, wanted=True, seconds=seconds)


async def resume(session: Session, *, name: str, seconds: float | None) -> int:
    """Go on."""
    return await _set_suspend(session, name, wanted=False, seconds=seconds)


async def _set_suspend(session: Session, name: str, *, wanted: bool, seconds: float | None) -> int:
    resource = await session.pick(name)
    word = "suspended" if wanted else "not suspended"
    if resource.suspended == wanted:
        return conclude(session, resource, Verdict(ExitCode.OK, "Unchanged", f"it is {word} already."))
    owner = owner_of(resource, "suspend")
    if owner is not None:
        session.screen.warn(
            f"{owner.tool} may undo this ({owner.sign}): set spec.suspend where it keeps the resource, too."
        )
    sent = await send(
        session, resource, spec={"suspend": wanted}, same=lambda newer: newer.suspended != wanted
    )
    if seconds is None:
        return conclude(session, sent, asked(f"it is {word}."))
    wish = Wish(answered=lambda now: now.is_seen, judge=lambda now: _braked(now, wanted=wanted))
    last, verdict = await wait(session, sent, wish, seconds=seconds)
    return conclude(session, last, verdict)


def _braked(now: Resource, *, wanted: bool) -> Verdict:
    if now.suspended != wanted:
        return Verdict(ExitCode.MOVED, "Undone", "somebody has set spec.suspend back.")
    if not wanted:
        return Verdict(ExitCode.OK, "Resumed", f"it goes on: {states.word(now)}.")
    job = now.operation.get("jobName")
    text = f"it is suspended; Job {job} runs to its end." if job else "it is suspended: nothing new starts."
    if rails.phase(now) in rails.UNDER_WAY:
        text = "it is suspended; the switch of the traffic comes to its end, there or back."
    return Verdict(ExitCode.OK, "Suspended", text)


def _traffic(resource: Resource) -> str:
    """What the end means for the traffic."""
    found, step = rails.switch(resource), rails.phase(resource)
    old, new = found.get("from"), found.get("to")
    service = f"Service {rails.wish(resource).get('serviceName', '')}"
    if step == "Preparing":
        return f" The traffic of {service} stays at {old}."
    if step == "Draining":
        return f" The switch counts already: the traffic of {service} stays at {new}."
    if step == "Restoring":
        return f" The traffic of {service} is on its way back to {old}."
    return f" The traffic of {service} goes back to {old}." if step in rails.BACK else ""


def _way(resource: Resource) -> str:
    return paint(way(resource.operation), colour=False)
