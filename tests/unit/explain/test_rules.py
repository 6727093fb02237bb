"""The twins of the CRD's rules. That they say the same is asked of the real API server in tests/e2e."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from switchback.explain import rules
from tests.unit.explain.build import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator


def written(schema: dict[str, Any]) -> Iterator[str]:
    """Every rule of a schema."""
    yield from (one["rule"] for one in schema.get("x-kubernetes-validations", ()))
    for inner in schema.get("properties", {}).values():
        yield from written(inner)
    for part in ("items", "additionalProperties"):
        if part in schema:
            yield from written(schema[part])


RULES = sorted(set(written(SCHEMA)))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_twin(rule: str) -> None:
    assert rules.twin(rule)


def test_no_twin_is_left_over() -> None:
    assert set(rules.TWINS) <= set(RULES)


def test_a_rule_without_a_twin_is_no_silence() -> None:
    with pytest.raises(rules.NoTwinError):
        rules.twin("self.size() == 7")
