"""Changes of a column's type that keep every value."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switchback.runner.catalog import Column
    from switchback.runner.effects import ChangeType

_WIDER = {
    "int2": frozenset({"int4", "int8", "numeric"}),
    "int4": frozenset({"int8", "numeric"}),
    "int8": frozenset({"numeric"}),
    "float4": frozenset({"float8"}),
    "varchar": frozenset({"text", "varchar"}),
    "text": frozenset({"varchar"}),
    "date": frozenset({"timestamp"}),
    "json": frozenset({"text"}),
    "jsonb": frozenset({"text"}),
    "uuid": frozenset({"text"}),
}
"""By the catalog's names, when the new type has no modifier."""


def keeps_values(change: ChangeType, column: Column) -> bool:
    """Whether no value can be cut or changed."""
    new = change.type
    if change.computed or new.is_array or new.modifiers:
        return False
    same = new.name == column.type_name and column.modifier == -1
    return same or new.name in _WIDER.get(column.type_name, ())
