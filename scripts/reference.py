"""Fills the generated sections of docs/reference from the code that they describe.

`python scripts/reference.py` writes them; with `--check` it writes nothing and ends with 1 if one is stale. A
section stands between `<!-- generated: NAME -->` and `<!-- end -->`; the prose around it is written by hand.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cli_reference

from switchback.api import crd
from switchback.api.conditions import TYPES, ConditionType, Situation, conditions_for
from switchback.api.reasons import REASONS
from switchback.contract.reasons import MEANINGS, Reason, Retry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
SECTION = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

AGAIN = {
    Retry.DONE: "",
    Retry.INSPECT: "looks",
    Retry.COUNT: "counted",
    Retry.WAIT: "waits",
    Retry.STALL: "no",
}


def spec() -> str:
    """Every field of spec."""
    return _fields("spec")


def status() -> str:
    """Every field of status."""
    return _fields("status")


def columns() -> str:
    """What `kubectl get` prints."""
    printed = crd.definition()["spec"]["versions"][0]["additionalPrinterColumns"]
    return _table(
        ("column", "from", "meaning"),
        ((each["name"], _code(each["jsonPath"][1:]), each["description"]) for each in printed),
    )


def condition_types() -> str:
    """The conditions and what each says."""
    return _table(("type", "what True says"), ((_code(kind), said) for kind, said in TYPES.items()))


def situations() -> str:
    """The table of situations, read off the conditions themselves."""
    asked = (ConditionType.RECONCILING, ConditionType.STALLED, ConditionType.FINISHED)
    return _table(("situation", "Ready", *asked), (_situation(each, asked) for each in Situation))


def operator_reasons() -> str:
    """Reasons that the operator gives."""
    rows = ((_code(reason), said.meaning, said.advice) for reason, said in sorted(REASONS.items()))
    return _table(("reason", "meaning", "what to do"), rows)


def run_reasons() -> str:
    """Reasons that runs give, with exit code and what the operator does next."""
    rows = (
        (_code(reason), " / ".join(str(int(code)) for code in cli_reference.codes_of(reason)),
         AGAIN[MEANINGS[reason].retry], MEANINGS[reason].advice)
        for reason in sorted(Reason)
    )  # fmt: skip
    return _table(("reason", "exit code", "again", "what to do"), rows)


def exit_codes() -> str:
    """Exit codes with their meaning and the reasons that end with them."""
    return _table(("exit code", "meaning", "reasons"), cli_reference.exit_codes())


WRITERS = {
    "spec": spec,
    "status": status,
    "columns": columns,
    "conditions": condition_types,
    "situations": situations,
    "operator-reasons": operator_reasons,
    "run-reasons": run_reasons,
    "exit-codes": exit_codes,
    "commands": cli_reference.commands,
}


def filled(text: str) -> str:
    """`text` with every generated section written anew."""
    return SECTION.sub(lambda found: f"{found[1]}{WRITERS[found[2]]()}{found[3]}", text)


def main(arguments: list[str]) -> int:
    """Write the sections, or check them."""
    check = "--check" in arguments
    stale = False
    for path in sorted(FOLDER.glob("*.md")):
        before = path.read_text(encoding="utf-8")
        after = filled(before)
        if after == before:
            continue
        stale = True
        if check:
            print(f"docs/reference/{path.name} is stale: run `make generate` and commit it", file=sys.stderr)
        else:
            path.write_text(after, encoding="utf-8")
    return 1 if check and stale else 0


def _fields(part: str) -> str:
    root = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return _table(("field", "type", "default", "meaning"), _rows("", root["properties"][part]))


def _rows(prefix: str, schema: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """One row per field, parents before children; the items of a list are written as `list[]`."""
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        sentences = [field.get("description", "")]
        sentences += [rule["message"] for rule in field.get("x-kubernetes-validations", ())]
        yield (
            _code(path),
            _type(field),
            "required" if name in required else _default(field),
            " ".join(map(_sentence, sentences)),
        )
        yield from _rows(f"{path}.", field)
        if field.get("type") == "array":
            yield from _rows(f"{path}[].", field["items"])


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value is None or isinstance(value, (dict, list)) or value == "":
        return ""  # the fields of an object show theirs
    return _code(str(value).lower() if isinstance(value, bool) else str(value))


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " | ".join(_code(str(value)) for value in field["enum"])
    match field.get("type", "any"):
        case "array":
            inner = "objects" if field["items"].get("type") == "object" else _type(field["items"])
            return f"list of {inner}{_bounds(field, 'minItems', 'maxItems')}"
        case "integer":
            return f"integer{_bounds(field, 'minimum', 'maximum')}"
        case "string":
            return f"text{_bounds(field, 'minLength', 'maxLength')}"
        case "object" if "additionalProperties" in field:
            return f"map{_bounds(field, 'minProperties', 'maxProperties')}"
        case other:
            return str(other)


def _bounds(field: dict[str, Any], low: str, high: str) -> str:
    least, most = field.get(low), field.get(high)
    if most is None:
        return f", at least {least}" if least else ""
    return f", {least} to {most}" if least is not None else f", at most {most}"


def _situation(situation: Situation, asked: tuple[ConditionType, ...]) -> tuple[str, ...]:
    now = datetime.now(UTC)
    found = conditions_for(situation, "Why", "-", generation=1, now=now, previous=())
    by_type = {condition.type: condition for condition in found}
    ready = by_type[ConditionType.READY]
    answers = [str(by_type[kind].status) for kind in asked]
    told = "as before" if situation is Situation.DELETING else f"{ready.status}/{ready.reason}"
    return (situation.value, told, *(f"**{answer}**" if answer == "True" else answer for answer in answers))


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, ("---",) * len(heading), *(tuple(map(_cell, row)) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").strip()


def _sentence(text: str) -> str:
    text = text.strip()
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "?")) else f"{text}."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
