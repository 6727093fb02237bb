"""A check of the API as the JSON that a pod is told: every field, also those that are empty.

What a status holds leaves out what is empty: an expected value of `""` would come back as the default.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from switchback.api.base import Model

if TYPE_CHECKING:
    from switchback.api.checks import Check


def told(check: Check) -> dict[str, Any]:
    """The JSON of a check. Of a command only that it is one: it runs in a container of its own."""
    said: dict[str, Any] = _plain(check)
    return {**said, "command": {}} if check.command is not None else said


def _plain(value: object) -> Any:
    match value:
        case Model():
            fields = type(value).model_fields.items()
            pairs = ((field.alias or name, getattr(value, name)) for name, field in fields)
            return {name: _plain(one) for name, one in pairs if one is not None}
        case Enum():
            return value.value
        case tuple():
            return [_plain(one) for one in value]
        case _:
            return value
