"""`kubectl switchback cutover`."""

from __future__ import annotations

from typing import Any

import click

from switchback.kubectl import complete
from switchback.kubectl.options import patience, perform, place, short_name, take, waiting, yes

MOST = 2


def _words(context: click.Context, _argument: click.Parameter, words: tuple[str, ...]) -> tuple[str, str]:
    """(name, slot): the slot is the last word, and the resource may be left out."""
    if len(words) == 1:
        return "", words[0]
    if len(words) == MOST:
        return short_name(words[0]), words[1]
    if context.resilient_parsing:
        return "", ""
    raise click.UsageError("Name the slot that shall be live: cutover [NAME] SLOT.")


@click.command("cutover")
@click.argument("words", nargs=-1, callback=_words, metavar="[NAME] SLOT", shell_complete=complete.slots)
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the resource and in the history.")
@click.option(
    "--via",
    type=click.Choice(["auto", "spec"]),
    default="auto",
    show_default=True,
    help="Refuse where a GitOps tool would undo the edit, or edit all the same.",
)
@yes
@waiting("30m")
@place("json", "yaml")
def command(**values: Any) -> int:
    """Move the traffic: let another slot be live.

    Shows the guards of the switch first. Where nobody else owns spec.cutover.activeSlot, it is edited; where
    a GitOps tool does, this says what to change in Git. The schema follows the spec as ever, and goes first
    on the way forward.

    Exit codes: 0 the slot is live, 3 waits for approval or goes on, 8 failed or went back, 11 refused, 12 the
    resource has changed, 13 no answer, 130 answered with no.
    """
    values["name"], values["slot"] = values.pop("words")
    return perform(take(values), "cutover:cutover", seconds=patience(values), **values)
