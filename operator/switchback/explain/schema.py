"""Judging data by the CRD's schema as the API server does, everything at once, and filling in its defaults.

The API server stops at the first kind of trouble: unknown fields hide wrong types, and wrong types hide the
rules. Here all of them are told, so that one round is enough.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from switchback.explain.findings import Finding, Level, spelled
from switchback.explain.rules import found_instead, holds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchback.explain.findings import Path

Schema = dict[str, Any]

SHOWN = 60
_PLAIN = {"string": str, "boolean": bool, "array": list, "object": dict}
_ARTICLES = {
    "string": "a text", "boolean": "true or false", "integer": "a whole number", "number": "a number",
    "array": "a list", "object": "a map",
}  # fmt: skip


@dataclass
class Judge:
    """Walks data along a schema. `counted` is how many fields and rules it has looked at.

    Args:
        raw: scalars that were no text, as they were written.
    """

    raw: Mapping[Path, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    fields: int = 0
    rules: int = 0

    def judge(self, schema: Schema, data: Any, path: Path) -> Any:
        """`data` with defaults filled in and without nulls. What is wrong is in `findings` after that."""
        if not self._has_type(schema, data, path):
            return data
        before = len(self.findings)
        if isinstance(data, dict):
            data = self._map(schema, data, path)
        elif isinstance(data, list):
            data = self._list(schema, data, path)
        elif isinstance(data, str):
            self._text(schema, data, path)
        elif isinstance(data, int | float) and not isinstance(data, bool):
            self._number(schema, data, path)
        self._choice(schema, data, path)
        self._by_rules(schema, data, path, before)
        return data

    # maps

    def _map(self, schema: Schema, data: dict[str, Any], path: Path) -> dict[str, Any]:
        data = {key: value for key, value in data.items() if value is not None}
        self._size(schema, len(data), path, "Properties", "entries")
        known = schema.get("properties", {})
        more = schema.get("additionalProperties")
        open_ended = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
        for name in schema.get("required", ()):
            if name not in data:
                self._missing(known.get(name, {}), (*path, name), schema, data)
        out: dict[str, Any] = {}
        for key, value in data.items():
            inner = known.get(key, more)
            if inner is not None:
                self.fields += 1
                out[key] = self.judge(inner, value, (*path, key))
            elif open_ended:
                out[key] = value
            else:
                self._unknown(key, known, (*path, key))
        for key, inner in known.items():
            if key not in data and "default" in inner:
                out[key] = filled(inner)
        return out

    def _missing(self, inner: Schema, path: Path, schema: Schema, data: Mapping[str, Any]) -> None:
        what = " ".join(inner.get("description", "").split())
        near = [key for key in data if key not in schema.get("properties", {})]
        typo = difflib.get_close_matches(str(path[-1]), near, n=1, cutoff=0.6)
        advice = f"It is written {typo[0]} here." if typo else what
        self._invalid("FieldMissing", f"{path[-1]} is required and missing.", path, advice)

    def _unknown(self, key: str, known: Mapping[str, Schema], path: Path) -> None:
        near = _nearest(key, known)
        elsewhere = [name for name in _homes().get(key.lower(), ()) if name != spelled(path)]
        if near:
            advice = f"Did you mean {near}?"
        elif elsewhere:
            advice = f"It belongs to {elsewhere[0].rpartition('.')[0]}."
        else:
            advice = f"Known here: {', '.join(known)}." if known else "Remove it."
        self._invalid("FieldUnknown", f"there is no field {key} here.", path, advice)

    # lists

    def _list(self, schema: Schema, data: list[Any], path: Path) -> list[Any]:
        self._size(schema, len(data), path, "Items", "entries")
        inner = schema.get("items", {})
        out = [self.judge(inner, value, (*path, number)) for number, value in enumerate(data)]
        keys = schema.get("x-kubernetes-list-map-keys", ())
        seen: dict[tuple[Any, ...], int] = {}
        for number, item in enumerate(out):
            if not keys or not isinstance(item, dict):
                continue
            own = tuple(str(item.get(key)) for key in keys)
            if own in seen:
                text = ", ".join(f"{key} {value}" for key, value in zip(keys, own, strict=True))
                message = f"{text} stands in this list twice: entries {seen[own] + 1} and {number + 1}."
                self._invalid("EntryRepeated", message, (*path, number), "Keep one of them.")
            seen.setdefault(own, number)
        return out

    # scalars

    def _text(self, schema: Schema, data: str, path: Path) -> None:
        self._size(schema, len(data), path, "Length", "characters")
        pattern = schema.get("pattern")
        if pattern is not None and not matches(pattern, data):
            message = f"{_shown(data)} does not have the form that it must have."
            advice = _FORMS.get(pattern, f"It has to match {pattern}.")
            self._invalid("FormWrong", message, path, advice)

    def _number(self, schema: Schema, data: float, path: Path) -> None:
        low, high = schema.get("minimum"), schema.get("maximum")
        if (low is not None and data < low) or (high is not None and data > high):
            if low is not None and high is not None:
                text = f"It has to be {low} to {high}."
            else:
                text = f"It has to be {low} or more." if low is not None else f"It has to be {high} or less."
            self._invalid("OutOfBounds", f"{data} is out of bounds.", path, text)

    def _choice(self, schema: Schema, data: Any, path: Path) -> None:
        choices = schema.get("enum")
        if choices is None or data in choices:
            return
        near = _nearest(str(data), choices)
        advice = f"Did you mean {near}? " if near else ""
        advice += f"It is one of {', '.join(map(str, choices))}."
        self._invalid("ChoiceUnknown", f"{_shown(data)} is none of the choices.", path, advice)

    # what all share

    def _has_type(self, schema: Schema, data: Any, path: Path) -> bool:
        wanted = schema.get("type")
        if schema.get("x-kubernetes-int-or-string"):
            if isinstance(data, str) or _is_whole(data):
                return True
            self._wrong_type("a whole number or a text", data, path, "int-or-string")
            return False
        if wanted is None or _is(wanted, data):
            return True
        self._wrong_type(_ARTICLES[wanted], data, path, wanted)
        return False

    def _wrong_type(self, words: str, data: Any, path: Path, wanted: str = "") -> None:
        raw = self.raw.get(path)
        shown = raw if raw is not None else _shown(data)
        is_scalar = isinstance(data, str | int | float)
        if is_scalar and not isinstance(data, str) and wanted in {"string", "int-or-string"}:
            what = "true or false" if isinstance(data, bool) else "a number"
            advice = f'{shown} without quotes is {what} in YAML; write "{shown}".'
        elif wanted in {"integer", "number", "boolean"} and isinstance(data, str):
            unquoted = data.strip().lower()
            fits = unquoted in {"true", "false"} if wanted == "boolean" else unquoted.lstrip("-").isdecimal()
            advice = f"Write {unquoted}, without quotes." if fits else f"Write {words}."
        elif wanted == "array" and not isinstance(data, dict):
            advice = f"Write [{shown}]." if is_scalar else "Write a list."
        elif wanted == "array":
            advice = 'Write a list: each entry begins with "- ".'
        else:
            advice = f"Write {words}."
        self._invalid("TypeWrong", f"{shown} is {_what(data)}; it has to be {words}.", path, advice)

    def _size(self, schema: Schema, size: int, path: Path, suffix: str, unit: str) -> None:
        low, high = schema.get(f"min{suffix}"), schema.get(f"max{suffix}")
        if low is not None and size < low:
            message = "it is empty." if size == 0 else f"it has {size} {unit}."
            self._invalid("OutOfBounds", message, path, f"At least {low} {unit if low > 1 else _one(unit)}.")
        elif high is not None and size > high:
            self._invalid("OutOfBounds", f"it has {size} {unit}.", path, f"At most {high} are taken.")

    def _by_rules(self, schema: Schema, data: Any, path: Path, before: int) -> None:
        """Every rule that does not hang on a part that is missing or of the wrong type."""
        broken = len(self.findings) > before
        for entry in schema.get("x-kubernetes-validations", ()):
            self.rules += 1
            try:
                kept = holds(entry["rule"], data)
            except (TypeError, AttributeError, LookupError):
                if not broken:
                    raise
                continue  # it asks for the very part that is wrong
            if not kept:
                there = found_instead(entry["rule"], data)
                self._invalid("RuleBroken", _sentence(entry["message"]), path, there)

    def _invalid(self, reason: str, message: str, path: Path, advice: str = "") -> None:
        self.findings.append(Finding(Level.INVALID, reason, message, path, advice))


def filled(schema: Schema) -> Any:
    """The default of a schema with the defaults below it."""
    default = schema["default"]
    if not isinstance(default, dict):
        return default
    inner = schema.get("properties", {})
    below = {key: filled(one) for key, one in inner.items() if "default" in one}
    return {**below, **default}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Go's `$` is the very end; Python's also is before a line feed."""
    text = f"{pattern[:-1]}\\Z" if pattern.endswith("$") and not pattern.endswith("\\$") else pattern
    return re.compile(text, re.ASCII)


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern of the schema is found in a text, by Go's rules."""
    return _compiled(pattern).search(text) is not None


@cache
def _homes() -> dict[str, tuple[str, ...]]:
    """Where each field of spec lives, by its name in small letters."""
    from switchback.api.crd import definition  # noqa: PLC0415 - built once, when somebody misplaces a field

    root = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found: dict[str, tuple[str, ...]] = {}

    def walk(schema: Schema, path: str) -> None:
        for name, inner in schema.get("properties", {}).items():
            here = f"{path}.{name}"
            found[name.lower()] = (*found.get(name.lower(), ()), here)
            walk(inner, here)
        if "items" in schema:
            walk(schema["items"], f"{path}[]")

    walk(root["properties"]["spec"], "spec")
    return found


_AMOUNT = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
_FORMS = {
    r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$": "Small letters and digits; - and . in between.",
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$": "Small letters and digits; - in between.",
    r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$": "Letters and digits; -, _ and . in between.",
    r"^[-._a-zA-Z][-._a-zA-Z0-9]*$": "Letters, digits, -, _ and ., not beginning with a digit.",
    _AMOUNT: "An amount such as 500m, 2 or 128Mi.",
    r"^[-._a-zA-Z0-9]+$": "Letters, digits, -, _ and . are allowed.",
    r"^\S+$": "It may hold no blank.",
    r"^[^\s/,@]+$": "One host, without blanks, /, , and @: no URL and no list.",
    r"^[^\x00\n\"]*$": "It may hold no quotation mark and no line break.",
    r"^[-A-Za-z0-9:._]*$": "Letters, digits, -, :, . and _ are allowed: copy it from status.approval.token.",
}
"""What a pattern asks for, in words. Others are shown as they are."""


def _is(wanted: str, data: Any) -> bool:
    if wanted == "integer":
        return _is_whole(data)
    if wanted == "number":
        return isinstance(data, int | float) and not isinstance(data, bool)
    return isinstance(data, _PLAIN[wanted])


def _is_whole(data: Any) -> bool:
    return isinstance(data, int) and not isinstance(data, bool)


def _what(data: Any) -> str:
    match data:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "a map"
        case _:
            return "nothing"


def _shown(data: Any) -> str:
    match data:
        case dict():
            return "{…}" if data else "{}"
        case list():
            return "[…]" if data else "[]"
        case bool():
            return str(data).lower()
        case str():
            text = data if data.isprintable() else ascii(data)[1:-1]
            text = text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
            return text or '""'
        case _:
            return str(data)


def _nearest(word: str, known: Mapping[str, Any] | list[Any]) -> str:
    names = {str(name).lower(): str(name) for name in known}
    near = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.7)
    return names[near[0]] if near else ""


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _one(unit: str) -> str:
    return {"entries": "entry", "characters": "character"}[unit]
