"""Which fields of the spec are part of the intent, found out by changing one after the other."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from switchback.api.spec import Spec
from switchback.controller.intent import intent_digest
from switchback.controller.observed import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "resource"

_SAME_FILES = Source("f1:the files are the same")


def in_intent(path: tuple[str, ...], field: dict[str, Any]) -> str:
    """`yes`, `in part` where it depends on other fields, or nothing. `path` leads to a value, no object."""
    answers = {answer for body in _bodies() for answer in _answers(body, path, field)}
    return {frozenset({True}): "yes", frozenset({True, False}): "in part"}.get(frozenset(answers), "")


@cache
def _bodies() -> tuple[dict[str, Any], ...]:
    """The examples, and each that has a target with latest as well, for which other fields count."""
    read = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(EXAMPLES.glob("*.yaml"))]
    latest = [
        {**body, "spec": {**body["spec"], "target": "latest"}} for body in read if "target" in body["spec"]
    ]
    return (*read, *latest)


def _answers(body: dict[str, Any], path: tuple[str, ...], field: dict[str, Any]) -> Iterator[bool]:
    """Whether the digest changes with the value, for each example that has one."""
    before = _digest(body)
    holder, key = _holder(body, path)
    if holder is None:
        return
    for value in _others(holder[key], field):
        changed = copy.deepcopy(body)
        inside, key = _holder(changed, path)
        inside[key] = value
        try:
            after = _digest(changed)
        except ValidationError:
            continue
        yield after != before
        return
    if len(field.get("enum", (None, None))) > 1:
        raise LookupError(f"no other value of {'.'.join(path)} is valid: teach _others one")


def _digest(body: dict[str, Any]) -> str:
    return intent_digest(Spec.model_validate(body["spec"]), _SAME_FILES)


def _holder(node: Any, path: tuple[str, ...]) -> tuple[Any, Any]:
    """What holds the value, and under which key; (None, "") where there is none."""
    *way, last = (0 if name == "[]" else name for name in path)
    for name in way:
        if isinstance(node, dict) and name in node:
            node = node[name]
        elif isinstance(node, list) and name == 0 and node:
            node = node[0]
        else:
            return None, ""
    return (node, last) if isinstance(node, dict) and last in node else (None, "")


def _others(value: Any, field: dict[str, Any]) -> Iterator[Any]:
    """Values that are not this one; the first that is valid counts."""
    if "enum" in field:
        yield from (other for other in field["enum"] if other != value)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, str):
        yield from (f"{value}x", f"x{value}")
    elif isinstance(value, list) and "enum" in field.get("items", {}):
        yield from ([*value, other] for other in field["items"]["enum"] if other not in value)
        yield value[:-1]
    elif isinstance(value, list):
        yield [*value, *(f"{item}x" for item in value[:1])]
        yield value[:-1]
    elif isinstance(value, dict):
        yield {}
        yield {key: f"{inner}x" for key, inner in value.items()}
