"""From `--steps N` and `--target ID` to one version, by what the status knows of the ledger. Pure.

A resource knows no relative targets: whoever asks twice would go back twice. So steps are counted here, from
the last migrations that are applied (`status.schema.appliedTail`, newest last, at most ten).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.exits import ExitCode
from switchback.contract.words import BASE, LATEST
from switchback.kubectl.problems import Problem

if TYPE_CHECKING:
    from switchback.kubectl.resource import Resource

TAIL = 10
"""So many of the last applied migrations are in a status."""

LONGEST = 253


def applied(resource: Resource) -> list[str]:
    """The last applied migrations, newest last."""
    return [str(one) for one in resource.part("schema").get("appliedTail") or []]


def is_whole(tail: list[str]) -> bool:
    """Whether these are all applied migrations, and not only the last ones."""
    return len(tail) < TAIL


def step_back(resource: Resource, steps: int) -> str:
    """The version that remains when so many migrations are undone.

    Raises:
        Problem: the status does not tell, or so many are not applied.
    """
    tail, current = applied(resource), str(resource.part("schema").get("current", ""))
    look = f"kubectl switchback inspect {resource.name} -n {resource.namespace}"
    if not tail and current == BASE:
        raise Problem(ExitCode.REFUSED, "TooFewApplied", f"nothing is applied: {resource.name} is at {BASE}.")
    if not tail or tail[-1] != current:
        raise Problem(
            ExitCode.USAGE,
            "StepsUnknown",
            f"--steps {steps}: the status of {resource.name} does not tell which migrations are applied.",
            f"Name the version that shall remain with --target, or let the operator read the ledger: {look}",
        )
    if steps < len(tail):
        return tail[-steps - 1]
    if steps == len(tail) and is_whole(tail):
        return BASE
    if is_whole(tail):
        raise Problem(
            ExitCode.REFUSED,
            "TooFewApplied",
            f"--steps {steps}: only {len(tail)} are applied to {resource.name}: {', '.join(tail)}.",
            f"--target {BASE} undoes them all.",
        )
    raise Problem(
        ExitCode.USAGE,
        "StepsUnknown",
        f"--steps {steps}: the status of {resource.name} names only the last {len(tail)} applied migrations, "
        f"back to {tail[0]}.",
        f"Name the version that shall remain with --target; --target {BASE} undoes everything.",
    )


def named(target: str) -> str:
    """A target as the resource takes it.

    Raises:
        Problem: it can be none.
    """
    if (
        not target
        or len(target) > LONGEST
        or "/" in target
        or not target.isprintable()
        or target[0] in "-+~^@ "
    ):
        raise Problem(
            ExitCode.USAGE,
            "TargetUnknown",
            f"{target[:100]!r} is no target.",
            f"Name {LATEST}, {BASE} or the id of a migration; with --steps, so many are undone.",
        )
    return target


def find(target: str, tail: list[str]) -> str:
    """The applied migration that a target names, in full or by its number; empty when it is none of these."""
    if target == BASE or target in tail:
        return target
    number = _number(target)
    matching = [one for one in tail if one.split("_")[0] == target or (number and _number(one) == number)]
    return matching[0] if len(matching) == 1 else ""


def undone(target: str, tail: list[str]) -> list[str]:
    """The migrations above a version, newest first, as far as they are known."""
    above = tail if target == BASE else tail[tail.index(target) + 1 :] if target in tail else []
    return above[::-1]


def _number(text: str) -> str:
    """The digits with which an id begins, without leading zeros; empty when it is something else."""
    head = text.split("_", maxsplit=1)[0]
    return (head.lstrip("0") or "0") if head.isascii() and head.isdigit() else ""
