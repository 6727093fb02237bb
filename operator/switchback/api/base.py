"""What every model of the resource shares: how it is read and written, and bounded types.

The docstring under a field is its description in the CRD, so `kubectl explain` shows the words that stand in
the code. Every string, list and map carries a bound: the API server sums up the worst case of every CEL
rule from these bounds and refuses a schema whose rules could cost too much.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
)
from pydantic.alias_generators import to_camel

from switchback.contract.result import MESSAGE_BYTES, bounded

_ABSENT: tuple[object, ...] = (None, "", [], {})

_DNS_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
_QUANTITY = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)


def rule(expression: str, message: str) -> dict[str, str]:
    """One entry of `x-kubernetes-validations`. The API server adds the path of the field."""
    return {"rule": expression, "message": message}


def rules(*entries: dict[str, str]) -> dict[str, Any]:
    """CEL rules in the shape that `json_schema_extra` takes."""
    return {"x-kubernetes-validations": list(entries)}


def exactly_one_of(*names: str) -> dict[str, Any]:
    """The union that the structural schema cannot say: one of these fields, and not two."""
    present = ", ".join(f"has(self.{name})" for name in names)
    expression = f"[{present}].filter(x, x).size() == 1"
    return rules(rule(expression, f"set exactly one of {', '.join(names)}"))


def list_map(*keys: str) -> dict[str, Any]:
    """A list whose entries are told apart by these keys: several writers may each own entries of it."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


ATOMIC: dict[str, Any] = {"x-kubernetes-list-type": "atomic"}
"""A list that one writer replaces as a whole."""

ATOMIC_MAP: dict[str, Any] = {"x-kubernetes-map-type": "atomic"}
"""A map that one writer replaces as a whole."""


class Model(BaseModel):
    """Frozen; camelCase outside, snake_case inside; unknown fields are ignored, as an older reader has to.

    What is written leaves out optional fields that are not known: None, empty text, empty list or map. So
    `""` can mean "not known" in code without standing in a status.
    """

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
        extra="ignore",
    )

    @model_serializer(mode="wrap")
    def _sparse(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        optional = _optional(type(self))
        data: dict[str, Any] = handler(self)
        return {key: value for key, value in data.items() if key not in optional or value not in _ABSENT}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data with camelCase keys, as the API server takes it."""
        return self.model_dump(mode="json")


@cache
def _optional(model: type[Model]) -> frozenset[str]:
    fields = model.model_fields.items()
    return frozenset(field.alias or name for name, field in fields if not field.is_required())


def timestamp(moment: datetime) -> str:
    """`moment` as status holds it: RFC 3339, UTC, whole seconds, such as `2026-01-31T09:30:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _cut(value: object) -> object:
    return bounded(value, MESSAGE_BYTES) if isinstance(value, str) else value


ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=_DNS_NAME)]
"""Name of a Kubernetes object."""

DataKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
"""Key in a Secret or ConfigMap."""

ImageReference = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^\S+$")]
"""Image as a container runtime takes it."""

MigrationID = Annotated[str, Field(max_length=253)]
"""Id of a migration, or `base`."""

Message = Annotated[str, BeforeValidator(_cut), Field(max_length=MESSAGE_BYTES)]
"""Text for people. Longer text is cut to 512 bytes, never refused: a status must always be writable."""

Time = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]
"""RFC 3339, UTC, as text: it travels unchanged between results, status and reports."""

Quantity = Annotated[
    int | str,
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "pattern": _QUANTITY,
            "maxLength": 32,
        }
    ),
]
"""Amount of a resource, such as `500m`, `2` or `128Mi`."""

Opaque = Annotated[
    Mapping[str, Any], WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
]
"""A part of Kubernetes' own API that is handed on as it is: it is judged when the Job is created."""
