from __future__ import annotations

from typing import Any

import pytest

from switchback.traffic.labels import matches, query

LABELS = {"app": "shop", "slot": "blue"}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "expected", "text"),
    [
        ({}, False, ""),
        ({"matchLabels": {"app": "shop"}}, True, "app=shop"),
        ({"matchLabels": {"slot": "blue", "app": "shop"}}, True, "app=shop,slot=blue"),
        ({"matchLabels": {"app": "bank"}}, False, "app=bank"),
        (expression("app", "In", "shop", "bank"), True, "app in (shop,bank)"),
        (expression("app", "In", "bank"), False, "app in (bank)"),
        (expression("app", "NotIn", "bank"), True, "app notin (bank)"),
        (expression("app", "NotIn", "shop"), False, "app notin (shop)"),
        (expression("other", "NotIn", "shop"), True, "other notin (shop)"),
        (expression("slot", "Exists"), True, "slot"),
        (expression("other", "Exists"), False, "other"),
        (expression("other", "DoesNotExist"), True, "!other"),
        (expression("slot", "DoesNotExist"), False, "!slot"),
        (
            {"matchLabels": {"app": "shop"}, **expression("slot", "In", "green")},
            False,
            "app=shop,slot in (green)",
        ),
    ],
)
def test_selectors(selector: dict[str, Any], expected: bool, text: str) -> None:  # noqa: FBT001 - a table
    assert matches(selector, LABELS) is expected
    assert query(selector) == text
