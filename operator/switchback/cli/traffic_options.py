"""Options of `switchback run` for what has to do with traffic: slots, contract files, sessions, undoing."""

from __future__ import annotations

from typing import Any

import click

from switchback.cli.options import F, hold_contract
from switchback.contract.words import Operation
from switchback.runner.expected import Bounds, Undo

LONGEST_SECONDS = 2_147_483
_BETWEEN = ".."


def _slots(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> tuple[Bounds, ...]:
    found: dict[str, Bounds] = {}
    for text in texts:
        name, equals, bounds = text.partition("=")
        if not name or not equals or bounds.count(_BETWEEN) != 1 or "..." in bounds:
            raise click.BadParameter(
                f"{text!r} is not NAME=MINIMUM{_BETWEEN}MAXIMUM, with two dots between the ids."
            )
        if name in found:
            raise click.BadParameter(f"the slot {name} is given twice.")
        minimum, maximum = bounds.split(_BETWEEN)
        found[name] = Bounds(name, minimum, maximum)
    return tuple(found.values())


_OPTIONS = (
    hold_contract,
    click.option(
        "--hold-contract-unless-new",
        is_flag=True,
        help="The same, but nothing is held back where no migration is applied yet.",
    ),
    click.option(
        "--slot",
        "slots",
        multiple=True,
        metavar="NAME=MIN..MAX",
        callback=_slots,
        help="Tell whether a slot's program, which works from MIN up to MAX, works with the version that "
        "the run leads to; either may be empty; repeatable.",
    ),
    click.option(
        "--require-slot",
        "require_slots",
        multiple=True,
        metavar="NAME",
        help="Reserve, migrate, rollback: refuse when this --slot would not work; repeatable.",
    ),
    click.option(
        "--expect-undo-of",
        default="",
        metavar="ID",
        help="Inspect, reserve, rollback: what is undone must be all that this operation has applied, and "
        "nothing else.",
    ),
    click.option(
        "--expect-undo-count",
        type=click.IntRange(0),
        metavar="N",
        help="Inspect, reserve, rollback: so many must be undone.",
    ),
    click.option(
        "--expect-undo",
        multiple=True,
        metavar="ID",
        help="Inspect, reserve, rollback: this migration must be among those undone; repeatable.",
    ),
    click.option("--application-name", default="", metavar="NAME", help="Drain: whose sessions have to end."),
    click.option(
        "--drain-seconds",
        type=click.FloatRange(0, LONGEST_SECONDS),
        default=60.0,
        show_default=True,
        help="Drain: longest wait for them.",
    ),
)


def for_traffic(function: F) -> F:
    """Add the options."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def expected_undo(values: dict[str, Any]) -> Undo:
    """What a plan that goes back has to undo."""
    return Undo(values["expect_undo_of"], values["expect_undo_count"], values["expect_undo"])


def refuse_incomplete(operation: Operation, values: dict[str, Any]) -> None:
    """Stop at a word that would have no effect, or lacks what it needs.

    Raises:
        click.BadParameter: naming the option.
    """
    unknown = sorted(set(values["require_slots"]) - {slot.name for slot in values["slots"]})
    if unknown:
        raise click.BadParameter(f"there is no --slot {unknown[0]}.", param_hint="'--require-slot'")
    if operation is Operation.DRAIN and not values["application_name"]:
        raise click.BadParameter("drain needs the name of a program.", param_hint="'--application-name'")
