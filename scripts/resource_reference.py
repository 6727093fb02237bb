"""The reference of the resource, read off the CRD, the examples and the intent.

Fields, types, bounds and rules come from the schema that the API server enforces. Example values come from
`examples/resource/*.yaml`, which a test hands to a real API server, and from the status that tests store and
read back. Whether a field is part of the intent is found out by changing it and looking at the digest.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from intent_reference import in_intent
from tables import MissingError, code, sentence, table

from switchback.api import crd, names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples" / "resource"
FIRST = ("complete.yaml", "config-maps.yaml")
"""Examples are taken from these first: together they set every field."""

LONGEST = 60

Schema = dict[str, Any]
Path_ = tuple[str, ...]


def part(where: str, sections: Collection[str]) -> str:
    """Everything about the fields below `where`, such as `spec.database`.

    What has a section of its own among `sections` is told there, and only linked here.
    """
    path = tuple(where.split("."))
    schema = _schema(path)
    own = [name for name in sections if name.startswith(f"{where}.")]
    inner, inside = (schema["items"], (*path, "[]")) if is_list(schema) else (schema, path)
    rows = list(_rows(inside, inner, own, ()))
    _complain(missing(inside, inner))
    heading = ("field", "type", "default", "intent", "meaning", "example")
    snippets = _snippets(path, schema) if path[0] == "spec" and not own else ""
    return f"{_introduction(path, schema)}{snippets}{table(heading, rows)}"


def is_list(schema: Schema) -> bool:
    """Whether it is a list of objects."""
    return schema.get("type") == "array" and "properties" in schema["items"]


def columns() -> str:
    """What `kubectl get` prints."""
    printed = crd.definition()["spec"]["versions"][0]["additionalPrinterColumns"]
    rows = ((each["name"], code(each["jsonPath"][1:]), each["description"]) for each in printed)
    return table(("column", "from", "meaning"), rows)


def missing(path: Path_, schema: Schema) -> list[str]:
    """What stands in the way of telling everything: fields without a description or an example."""
    found = []
    for name, field in schema.get("properties", {}).items():
        here = (*path, name)
        if not field.get("description"):
            found.append(f"{'.'.join(here)} has no description: write the docstring under the field")
        inner = field["items"] if field.get("type") == "array" else field
        if "properties" in inner:
            found += missing((*here, "[]") if inner is not field else here, inner)
        elif not _values(here):
            found.append(f"{'.'.join(here)} has no example: set it in {_example_file(here)}")
    return found


def _example_file(path: Path_) -> str:
    return "tests/e2e/everything.py" if path[0] == "status" else "a file of examples/resource"


def _complain(lines: list[str]) -> None:
    if lines:
        raise MissingError("\n".join(lines))


def _schema(path: Path_) -> Schema:
    found: Schema = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for name in path:
        if name not in found.get("properties", {}):
            raise MissingError(f"a section is about {'.'.join(path)}, but there is no such field")
        found = found["properties"][name]
    return found


def _rows(path: Path_, schema: Schema, own: Collection[str], shown: Path_) -> Iterator[tuple[str, ...]]:
    """One row per field, parents before children; the items of a list are written as `list[]`."""
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        here, label = (*path, name), (*shown, name)
        where = ".".join(here)
        link = f" See [{where}](#{where.lower().replace('.', '')})." if where in own else ""
        inner = field["items"] if is_list(field) else field
        leaf = "properties" not in inner
        yield (
            code(".".join(label).replace(".[]", "[]")),
            _type(field),
            _default(field, required=name in required) if here[0] == "spec" else "",
            in_intent(here, field) if leaf and here[0] == "spec" else "",
            sentence(field.get("description", "")) + _rules(field) + link,
            _example(here) if leaf else "",
        )
        if not leaf and not link:
            deeper = ("[]",) if is_list(field) else ()
            yield from _rows((*here, *deeper), inner, own, (*label, *deeper))


def _introduction(path: Path_, schema: Schema) -> str:
    """What the object is, for sections that are about a part."""
    if len(path) == 1:
        return ""
    required = path[-1] in _schema(path[:-1]).get("required", ())
    word = "" if path[0] == "status" else f"**{'Required' if required else 'Optional'}.** "
    each = ""
    if is_list(schema):
        each = f" A {_list(schema)}: {schema['items'].get('description', '')}{_rules(schema['items'])}"
    return f"{word}{sentence(schema.get('description', ''))}{_rules(schema)}{each}\n\n"


def _rules(field: Schema) -> str:
    """What the API server refuses, in its own words."""
    said = [rule["message"] for rule in field.get("x-kubernetes-validations", ())]
    return "".join(f" {sentence(message)}" for message in said)


def _default(field: Schema, *, required: bool) -> str:
    if required:
        return "required"
    value = field.get("default")
    if value is None or isinstance(value, (dict, list)) or value == "":
        return ""  # the fields of an object show theirs
    return code(str(value).lower() if isinstance(value, bool) else str(value))


def _type(field: Schema) -> str:
    if "enum" in field:
        return " | ".join(code(str(value)) for value in field["enum"])
    if field.get("x-kubernetes-int-or-string"):
        return "quantity"
    kind = field.get("type", "any")
    return _KINDS[kind](field) if kind in _KINDS else str(kind)


def _text(field: Schema) -> str:
    if field.get("format") == "date-time":
        return "time"
    pattern = f", {code(field['pattern'])}" if "pattern" in field else ""
    return f"text{_bounds(field, 'minLength', 'maxLength', ' characters')}{pattern}"


def _list(field: Schema) -> str:
    inner = "objects" if "properties" in field["items"] else _type(field["items"])
    return f"list of {inner}{_bounds(field, 'minItems', 'maxItems', ' items')}"


def _object(field: Schema) -> str:
    if "additionalProperties" in field:
        entries = _bounds(field, "minProperties", "maxProperties", " entries")
        return f"map of {_type(field['additionalProperties'])}{entries}"
    return "object" if "properties" in field else "as in Kubernetes"


_KINDS: dict[str, Callable[[Schema], str]] = {
    "array": _list,
    "integer": lambda field: f"integer{_bounds(field, 'minimum', 'maximum', '')}",
    "object": _object,
    "string": _text,
}


def _bounds(field: Schema, low: str, high: str, unit: str) -> str:
    least, most = field.get(low), field.get(high)
    if most is None:
        return f", at least {least}{unit}" if least is not None else ""
    return f", {least} to {most}{unit}" if least is not None else f", at most {most}{unit}"


@cache
def _documents() -> tuple[tuple[str, Schema], ...]:
    """(text, object) of each example, those that set the most first."""
    files = sorted(EXAMPLES.glob("*.yaml"), key=lambda file: (file.name not in FIRST, file.name))
    texts = (file.read_text(encoding="utf-8") for file in files)
    found = tuple((text, yaml.safe_load(text)) for text in texts)
    return tuple((text, body) for text, body in found if body.get("kind") == names.KIND)


@cache
def _told() -> Schema:
    """The status in which everything is set."""
    sys.path.insert(0, str(ROOT))
    from tests.e2e.everything import STATUS  # noqa: PLC0415 - only where a status is shown

    return {"status": STATUS.to_json()}


def _values(path: Path_) -> list[Any]:
    """The values that the examples have at this path."""
    bodies = [_told()] if path[0] == "status" else [body for _text, body in _documents()]
    return [value for body in bodies for value in _at(body, path)]


def _at(node: Any, path: Path_) -> Iterator[Any]:
    if not path:
        yield node
    elif path[0] == "[]":
        for item in node if isinstance(node, list) else ():
            yield from _at(item, path[1:])
    elif isinstance(node, dict) and path[0] in node:
        yield from _at(node[path[0]], path[1:])


def _example(path: Path_) -> str:
    value = next(iter(_values(path)), None)
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
    text = text.strip().removesuffix("...").strip()
    return code(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")


def _snippets(path: Path_, schema: Schema) -> str:
    """The part as examples have it: one for each side of a choice, else the first."""
    choice = any(
        ".filter(x, x).size() == 1" in rule["rule"] for rule in schema.get("x-kubernetes-validations", ())
    )
    shown: dict[frozenset[str], str] = {}
    for text, body in _documents():
        node = next(iter(_at(body, path)), None)
        if isinstance(node, list) and node:
            shown.setdefault(frozenset(), cut_out(text, path))
        if isinstance(node, dict) and len(path) > 1:
            sides = frozenset(node) & set(_choices(schema)) if choice else frozenset()
            shown.setdefault(sides, cut_out(text, path))
    return "".join(f"```yaml\n{snippet}```\n\n" for snippet in shown.values())


def _choices(schema: Schema) -> Iterator[str]:
    """The fields of which exactly one is set."""
    for rule in schema.get("x-kubernetes-validations", ()):
        if ".filter(x, x).size() == 1" in rule["rule"]:
            yield from rule["message"].removeprefix("set exactly one of ").split(", ")


def cut_out(text: str, path: Path_) -> str:
    """The lines of one part, comments and all, below the names that lead to it."""
    lines, way = text.splitlines(), []
    for depth, name in enumerate(path):
        indent = "  " * depth
        first = next(number for number, line in enumerate(lines) if line.startswith(f"{indent}{name}:"))
        way.append(lines[first])
        rest = lines[first + 1 :]
        end = next((number for number, line in enumerate(rest) if _ends(line, depth)), len(rest))
        lines = rest[:end]
    while lines and (not lines[-1].strip() or _ends(lines[-1].replace("#", "x", 1), len(path) - 1)):
        lines.pop()  # a comment about what comes next
    return "".join(f"{line}\n" for line in (*way, *lines))


def _ends(line: str, depth: int) -> bool:
    """Whether the line is beside or above a key of this depth. Items of a list may stand beside theirs."""
    stripped = line.lstrip()
    indent = len(line) - len(stripped)
    return (
        bool(stripped)
        and not stripped.startswith("#")
        and (indent < 2 * depth or (indent == 2 * depth and not stripped.startswith("- ")))
    )
