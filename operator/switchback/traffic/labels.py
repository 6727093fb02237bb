"""Label selectors, as the API server understands them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Object = dict[str, Any]


def holds(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether all of these are among the labels. Nothing wanted holds for everything."""
    return all(labels.get(key) == value for key, value in wanted.items())


def matches(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a workload's selector chooses these labels. An empty one chooses nothing here."""
    expressions = selector.get("matchExpressions") or []
    wanted = selector.get("matchLabels") or {}
    if not expressions and not wanted:
        return False
    return holds(wanted, labels) and all(_expressed(one, labels) for one in expressions)


def _expressed(expression: Object, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    values = expression.get("values") or []
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False


def query(selector: Object) -> str:
    """The same selector as a `labelSelector` of a request; empty when it chooses nothing."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    return ",".join([*parts, *map(_written, selector.get("matchExpressions") or [])])


def _written(expression: Object) -> str:
    key, values = expression["key"], ",".join(expression.get("values") or [])
    match expression["operator"]:
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "DoesNotExist":
            return f"!{key}"
        case _:
            return str(key)
