"""From pydantic's JSON schema to the structural schema that a CRD takes.

The API server takes a small part of JSON schema: no references, no unions except int-or-string, no null.
What this module does not know it refuses, so that a new pydantic feature fails here and not at an install.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

Schema = dict[str, Any]

_REFERENCE = "#/$defs/"

_KEPT = frozenset(
    {
        "description",
        "enum",
        "format",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "pattern",
        "required",
        "type",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    }
)
_NOISE = frozenset({"title", "$defs"})


class EmitError(ValueError):
    """A model uses something that a structural schema cannot say. The message names where."""


def structural(model: type[BaseModel], *, defaults: bool = True) -> Schema:
    """The structural schema of a model, with every default that the API server should write into objects.

    Args:
        model: the model; its aliases are the property names.
        defaults: False leaves all of them out. A status has none: what its writer leaves out is not known.

    Raises:
        EmitError: the model uses something that has no structural form.
    """
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _Emitter(schema.get("$defs", {}), defaults=defaults).emit(schema, model.__name__)


class _Emitter:
    def __init__(self, definitions: Schema, *, defaults: bool) -> None:
        self._definitions = definitions
        self._defaults = defaults

    def emit(self, schema: Schema, where: str) -> Schema:
        schema = self._resolved(schema, where)
        out: Schema = {}
        for key, value in schema.items():
            if key in _KEPT:
                out[key] = value
            elif key not in _NOISE:
                self._rewrite(key, value, out, where)
        if "description" in out:
            out["description"] = " ".join(out["description"].split())
        return out

    def _resolved(self, schema: Schema, where: str) -> Schema:
        """`schema` without references and without null. What stands beside a reference wins over it."""
        while True:
            outside = dict(schema)
            if reference := outside.pop("$ref", ""):
                schema = self._definitions[reference.removeprefix(_REFERENCE)] | outside
            elif "anyOf" in outside and not outside.get("x-kubernetes-int-or-string"):
                options = [option for option in outside.pop("anyOf") if option != {"type": "null"}]
                if len(options) != 1:
                    raise EmitError(
                        f"{where}: a union; make it one object with optional fields and a CEL rule"
                    )
                schema = options[0] | outside
            else:
                return schema

    def _rewrite(self, key: str, value: Any, out: Schema, where: str) -> None:
        match key:
            case "properties":
                out[key] = {name: self.emit(inner, f"{where}.{name}") for name, inner in value.items()}
            case "items":
                out[key] = self.emit(value, f"{where}[]")
            case "additionalProperties" if isinstance(value, dict):
                out[key] = self.emit(value, f"{where}{{}}")
            case "additionalProperties":
                pass  # true stands beside preserve-unknown-fields, false is what pruning does
            case "anyOf":  # of an int-or-string: the one union that the API server knows
                out[key] = value
            case "const":
                out["enum"] = [value]
            case "default":
                self._default(value, out)
            case _:
                raise EmitError(f"{where}: the keyword {key} has no structural form here")

    def _default(self, value: Any, out: Schema) -> None:
        """Empty defaults are what absence means anyway; an object's default is filled from its own fields."""
        if not self._defaults or value in (None, "", []):
            return
        out["default"] = {} if isinstance(value, dict) else value
