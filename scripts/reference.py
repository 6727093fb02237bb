"""Fills the generated sections of docs/reference from the code that they describe.

`python scripts/reference.py` writes them; with `--check` it writes nothing and ends with 1 if one is stale. A
section stands between `<!-- generated: NAME -->` and `<!-- end -->`; the prose around it is written by hand.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import cli_reference
import config_reference
import event_reference
import resource_reference
import series_reference
import tried_reference
from tables import MissingError, code, table

from switchback.api.conditions import TYPES, ConditionType, Situation, conditions_for
from switchback.api.reasons import REASONS
from switchback.cli import exit_table
from switchback.contract.reasons import MEANINGS, Reason, Retry
from switchback.migrations.formats import FORMATS
from switchback.snapshots.registry import PROVIDERS

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
SECTION = re.compile(r"(<!-- generated: ([A-Za-z.-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
RESOURCE = re.compile(r"(spec|status)(\..+)?")

AGAIN = {
    Retry.DONE: "",
    Retry.INSPECT: "looks",
    Retry.COUNT: "counted",
    Retry.WAIT: "waits",
    Retry.STALL: "no",
}


def condition_types() -> str:
    """The conditions and what each says."""
    return table(("type", "what True says"), ((code(kind), said) for kind, said in TYPES.items()))


def situations() -> str:
    """The table of situations, read off the conditions themselves."""
    asked = (ConditionType.RECONCILING, ConditionType.STALLED, ConditionType.FINISHED)
    return table(("situation", "Ready", *asked), (_situation(each, asked) for each in Situation))


def operator_reasons() -> str:
    """Reasons that the operator gives."""
    rows = ((code(reason), said.meaning, said.advice) for reason, said in sorted(REASONS.items()))
    return table(("reason", "meaning", "what to do"), rows)


def run_reasons() -> str:
    """Reasons that runs give, with exit code and what the operator does next."""
    rows = (
        (code(reason), " / ".join(str(int(each)) for each in exit_table.codes_of(reason)),
         AGAIN[MEANINGS[reason].retry], MEANINGS[reason].advice)
        for reason in sorted(Reason)
    )  # fmt: skip
    return table(("reason", "exit code", "again", "what to do"), rows)


def exit_codes() -> str:
    """Exit codes with their meaning and the reasons that end with them."""
    rows = (
        (str(int(row.code)), row.meaning, ", ".join(code(reason) for reason in row.reasons))
        for row in exit_table.rows()
    )
    return table(("exit code", "meaning", "reasons"), rows)


def formats() -> str:
    """How each format names, orders and reverses its migrations."""
    heads = ("format", "id of a migration", "order", "short forms", "way back")
    return table(heads, ((f"[{each.NAME}](#{each.NAME.lower()})", *each.ABOUT) for each in FORMATS))


def snapshot_providers() -> str:
    """What each provider of restore points can tell and do."""
    rows = (
        (code(entry.field), f"{can.place.value}", str(can.scope), _yes(can.proves_source),
         str(can.verifies) if can.verifies is not None else "its word is taken",
         _yes(can.lists and can.deletes), can.experimental or "")
        for entry in PROVIDERS.values()
        for can in (entry.capabilities,)
    )  # fmt: skip
    heads = (
        "`spec.snapshot`",
        "by",
        "holds",
        "notices another database",
        "verified by",
        "retention",
        "not seen yet",
    )
    return table(heads, rows)


def _yes(can: object) -> str:
    return "yes" if can else "no"


WRITERS = {
    "formats": formats,
    "snapshot-providers": snapshot_providers,
    "columns": resource_reference.columns,
    "conditions": condition_types,
    "situations": situations,
    "operator-reasons": operator_reasons,
    "run-reasons": run_reasons,
    "exit-codes": exit_codes,
    "commands": cli_reference.commands,
    "settings": config_reference.settings,
    "url-schemes": config_reference.schemes,
    "url-understood": config_reference.understood,
    "url-ignored": config_reference.ignored,
    "url-refused": config_reference.refused,
    "events": event_reference.events,
    "operator-series": series_reference.operator,
    "domain-series": series_reference.domain,
    "process-series": series_reference.process,
    "labels": series_reference.labels,
    "alerts": series_reference.alerts,
    **tried_reference.WRITERS,
}


def filled(text: str) -> str:
    """`text` with every generated section written anew.

    Raises:
        MissingError: a section cannot say everything, or nothing writes it.
    """
    sections = {found[2] for found in SECTION.finditer(text)}

    def written(name: str) -> str:
        if RESOURCE.fullmatch(name):
            return resource_reference.part(name, sections)
        if name not in WRITERS:
            raise MissingError(f"nothing writes the section {name}")
        return WRITERS[name]()

    return SECTION.sub(lambda found: f"{found[1]}{written(found[2])}{found[3]}", text)


def main(arguments: list[str]) -> int:
    """Write the sections, or check them."""
    check = "--check" in arguments
    wrong = False
    for path in sorted(FOLDER.glob("*.md")):
        before = path.read_text(encoding="utf-8")
        try:
            after = filled(before)
        except MissingError as error:
            print(f"docs/reference/{path.name}: {error}", file=sys.stderr)
            wrong = True
            continue
        if after == before:
            continue
        if check:
            print(f"docs/reference/{path.name} is stale: run `make generate` and commit it", file=sys.stderr)
            wrong = True
        else:
            path.write_text(after, encoding="utf-8")
    return 1 if wrong else 0


def _situation(situation: Situation, asked: tuple[ConditionType, ...]) -> tuple[str, ...]:
    now = datetime.now(UTC)
    found = conditions_for(situation, "Why", "-", generation=1, now=now, previous=())
    by_type = {condition.type: condition for condition in found}
    ready = by_type[ConditionType.READY]
    answers = [str(by_type[kind].status) for kind in asked]
    told = "as before" if situation is Situation.DELETING else f"{ready.status}/{ready.reason}"
    return (situation.value, told, *(f"**{answer}**" if answer == "True" else answer for answer in answers))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
