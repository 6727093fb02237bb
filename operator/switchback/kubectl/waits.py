"""Waiting for the operator's answer, and for the end of what was asked for."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.contract.exits import ExitCode
from switchback.kubectl import states
from switchback.kubectl.follow import states as follow
from switchback.kubectl.problems import Problem
from switchback.kubectl.screen import JSON, YAML
from switchback.kubectl.stopped import GOES_ON
from switchback.kubectl.text import paint
from switchback.kubectl.times import span

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from switchback.kubectl.resource import Resource
    from switchback.kubectl.session import Session

ANSWER_SECONDS = 60.0
"""How long the operator may be silent. It looks at an annotation within a second or two."""

OPERATOR_RUNS = (
    "Does the operator run, and does it serve this namespace?\n"
    "  kubectl get pods -A -l app.kubernetes.io/name=switchback\n"
    "  kubectl logs -n NAMESPACE POD --tail=20"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it ended, for people and for programs."""

    code: ExitCode
    reason: str
    message: str
    advice: str = ""


@dataclass(frozen=True)
class Wish:
    """What is waited for.

    Attributes:
        answered: whether the operator has taken the request up.
        judge: how it ended; None while it goes on. Asked once the request is answered.
        sent: whether a request was left, which stands when nobody waits any more.
        left: the annotation that carries the request, with its value; None: it is an edit of the spec.
    """

    answered: Callable[[Resource], bool]
    judge: Callable[[Resource], Verdict | None]
    sent: bool = True
    left: tuple[str, str] | None = None


async def wait(
    session: Session, resource: Resource, wish: Wish, *, seconds: float, tell: bool = True
) -> tuple[Resource, Verdict]:
    """The last state that was seen, and the verdict. A limit that is reached is a verdict, too.

    Args:
        session: the way to the API server.
        resource: what is waited for.
        wish: what has to happen.
        seconds: limit of the whole; 0: none.
        tell: say on a terminal what happens meanwhile.
    """
    clock = asyncio.get_running_loop().time
    begun, answered, told = clock(), False, ""
    async with aclosing(follow(session, resource)) as coming:
        while True:
            try:
                async with asyncio.timeout_at(_limit(resource, begun, seconds, answered=answered)):
                    resource = await anext(coming)
            except TimeoutError:
                return resource, _late(resource, clock() - begun, wish, answered=answered)
            except asyncio.CancelledError:
                if wish.sent:
                    session.screen.note(GOES_ON)
                raise
            answered = answered or wish.answered(resource)
            verdict = wish.judge(resource) if answered else _overtaken(resource, wish)
            if verdict is not None:
                return resource, verdict
            text = f"{states.symbol(resource)[0]} {states.word(resource)}: {resource.message}"
            if tell and answered and text != told:
                session.screen.progress(f"{span(clock() - begun):>5}  {text}")
                told = text


def _limit(resource: Resource, begun: float, seconds: float, *, answered: bool) -> float | None:
    limits = [begun + seconds] if seconds else []
    # While a Job runs, some requests are taken up only after it.
    if not answered and not resource.operation.get("jobName"):
        limits.append(begun + ANSWER_SECONDS)
    return min(limits, default=None)


def _overtaken(resource: Resource, wish: Wish) -> Verdict | None:
    """A request that is gone before the operator has seen it will never be answered."""
    if wish.left is None:
        return None
    annotation, value = wish.left
    if resource.annotations.get(annotation, "").strip() == value:
        return None
    text = f"somebody has changed or removed the annotation {annotation} before the operator has answered: "
    text += "what was asked for here does not stand any more."
    return Verdict(ExitCode.MOVED, "Overtaken", text, _more(resource))


def _late(resource: Resource, seconds: float, wish: Wish, *, answered: bool) -> Verdict:
    look = f"kubectl switchback status {resource.name} -n {resource.namespace} --watch"
    if answered:
        text = f"it has not ended within {span(seconds)}, and goes on: {states.word(resource)}."
        return Verdict(ExitCode.PENDING, "Timeout", text, f"See how it goes: {look}")
    if not wish.sent:
        text = f"the operator has not looked at the spec as it is now within {span(seconds)}."
        return Verdict(ExitCode.UNKNOWN, "NoAnswer", text, OPERATOR_RUNS)
    text = (
        f"the operator has not answered within {span(seconds)}. The request stands: it is followed as soon "
    )
    text += "as an operator sees it."
    return Verdict(ExitCode.UNKNOWN, "NoAnswer", text, OPERATOR_RUNS)


def conclude(session: Session, resource: Resource, verdict: Verdict, **more: Any) -> int:
    """Tell how it ended, and give the exit code. `more` is for programs."""
    screen = session.screen
    if screen.output in {JSON, YAML}:
        data = {
            "name": resource.name,
            "namespace": resource.namespace,
            "reason": verdict.reason,
            "message": verdict.message,
            "exitCode": int(verdict.code),
            "operation": _brief(resource),
            **more,
        }
        screen.document({key: value for key, value in data.items() if value not in (None, {})})
        if verdict.code is not ExitCode.OK:
            screen.error(screen.spell(verdict.message))
        return int(verdict.code)
    if verdict.code is ExitCode.OK:
        symbol, style = states.GOOD
        screen.print(
            screen.spell(
                paint([(symbol, style), (f" {resource.name}: {verdict.message}", "")], colour=screen.colour)
            )
        )
    else:
        screen.problem(
            Problem(verdict.code, verdict.reason, f"{resource.name}: {verdict.message}", verdict.advice)
        )
    return int(verdict.code)


def _brief(resource: Resource) -> dict[str, Any]:
    wanted = ("id", "direction", "from", "to")
    data = {key: resource.operation[key] for key in wanted if resource.operation.get(key)}
    outcome = resource.outcome.get("outcome")
    return {**data, "outcome": outcome} if outcome else data


# verdicts


def of_operation(resource: Resource, operation: str, good: Collection[str]) -> Verdict | None:
    """How an operation ended, or what it stands still for; None while it goes on.

    Args:
        resource: the resource as it is now.
        operation: id of the operation.
        good: outcomes that are what was asked for.
    """
    entry = resource.outcome_of(operation)
    if entry:
        outcome, message = str(entry.get("outcome", "")), str(entry.get("message", ""))
        text = f"{outcome}. {message}" if message else f"{outcome}."
        if outcome in good:
            return Verdict(ExitCode.OK, outcome, text)
        if outcome in {"Succeeded", "Superseded"}:
            return Verdict(ExitCode.MOVED, outcome, f"the operation has ended otherwise: {text}")
        reason = str(entry.get("reason") or outcome)
        return Verdict(ExitCode.FAILED, reason, f"{reason}: {message}", _more(resource))
    return replaced(resource) if resource.operation_id != operation else standing(resource)


def replaced(resource: Resource) -> Verdict:
    """Another operation is there now."""
    text = "another operation has taken the place of this one."
    return Verdict(ExitCode.MOVED, "Superseded", text, _more(resource))


def of_spec(resource: Resource) -> Verdict | None:
    """How the wish of the spec, as it is now, ended; None while it goes on."""
    if not resource.is_seen:
        return None
    if not resource.is_true("Finished"):
        return standing(resource)
    if resource.is_true("Ready"):
        return Verdict(ExitCode.OK, resource.reason, resource.message)
    return Verdict(
        ExitCode.FAILED, resource.reason, f"{resource.reason}: {resource.message}", _more(resource)
    )


def standing(resource: Resource) -> Verdict | None:
    """What it waits for that a person has to do; None when it goes on by itself."""
    place = f"{resource.name} -n {resource.namespace}"
    if resource.approval and resource.reason == "AwaitingApproval":
        text = f"it waits for approval: {resource.message}"
        return Verdict(
            ExitCode.PENDING,
            "AwaitingApproval",
            text,
            f"See the plan and approve: kubectl switchback approve {place}",
        )
    if resource.suspended and resource.reason == "Suspended":
        text = "it is suspended: nothing new starts until it is resumed."
        return Verdict(ExitCode.PENDING, "Suspended", text, f"Go on: kubectl switchback resume {place}")
    return None


def _more(resource: Resource) -> str:
    place = f"{resource.name} -n {resource.namespace}"
    return f"See kubectl switchback status {place}, and kubectl switchback logs {place}"


def until_resumed(resource: Resource, what: str) -> Verdict:
    """What there is to say of a suspended resource that was asked for `what`, such as `rollback`."""
    return standing(resource) or Verdict(
        ExitCode.PENDING,
        "Suspended",
        f"it is suspended: the {what} begins when it is resumed.",
        f"Go on: kubectl switchback resume {resource.name} -n {resource.namespace}",
    )


def asked(message: str) -> Verdict:
    """The request was left, and nobody waits."""
    return Verdict(ExitCode.OK, "Asked", message)
