"""From the text of a file to its documents, with the line of every part.

Read as kubectl reads it; a JSON file and a List of objects are taken apart just the same. Nothing here knows
what a DatabaseMigration is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from switchback.controller.kube.badyaml import described
from switchback.explain.findings import Finding, Level, Places
from switchback.explain.scalars import NAMES, TAG, Scalar, key_text, name_of, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchback.explain.findings import Path

MOST_PARTS = 200_000
"""A file whose aliases multiply into more than this is no manifest."""


@dataclass(frozen=True)
class Document:
    """One object of a file. `raw` keeps the words of scalars that were no text, as they were written."""

    data: Any
    places: Places
    raw: dict[Path, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def kind(self) -> str:
        """Its kind, empty when it says none."""
        return str(self.data.get("kind") or "") if isinstance(self.data, dict) else ""

    @property
    def api_version(self) -> str:
        """Its apiVersion, empty when it says none."""
        return str(self.data.get("apiVersion") or "") if isinstance(self.data, dict) else ""

    @property
    def metadata(self) -> dict[str, Any]:
        """Its metadata, as far as it is a map."""
        found = self.data.get("metadata") if isinstance(self.data, dict) else None
        return found if isinstance(found, dict) else {}


class UnreadableError(Exception):
    """The text is no YAML. `line` is where the parser gave up."""

    def __init__(self, message: str, line: int) -> None:
        self.line = line
        super().__init__(message)


def documents(text: str, file: str) -> list[Document]:
    """Every document of a file that is not empty; of a List its items.

    Raises:
        UnreadableError: it is no YAML.
    """
    try:
        nodes = list(yaml.compose_all(_spaced(text), Loader=_Loader))
        found = [_Reader(file).read(node) for node in nodes]
    except (yaml.YAMLError, RecursionError) as error:
        raise UnreadableError(*described(error)) from None
    return [item for one in found if one.data is not None for item in _items(one)]


def _spaced(text: str) -> str:
    """JSON may be indented with tabs, which YAML does not take. In JSON they stand nowhere else."""
    if not text.lstrip().startswith(("{", "[")) or "\t" not in text:
        return text
    try:
        json.loads(text)
    except ValueError:
        return text
    return text.replace("\t", " ")


def _items(one: Document) -> Iterator[Document]:
    if not one.kind.endswith("List") or not isinstance(one.data.get("items"), list):
        yield one
        return
    for number, item in enumerate(one.data["items"]):
        start: Path = ("items", number)
        depth = len(start)
        lines = {path[depth:]: line for path, line in one.places.lines.items() if path[:depth] == start}
        places = Places(one.places.file, one.places.of(start), lines)
        raw = {path[depth:]: word for path, word in one.raw.items() if path[:depth] == start}
        mine = tuple(
            Finding(found.level, found.reason, found.message, found.path[depth:], found.advice)
            for found in one.findings
            if found.path[:depth] == start
        )
        yield Document(item, places, raw, mine)


class _Loader(yaml.SafeLoader):
    """Composes nodes; what a plain word stands for is decided as kubectl does."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:  # type: ignore[explicit-override]  # typing.override needs Python 3.12
        """The tag of a node without one."""
        if kind is yaml.ScalarNode and implicit[0]:
            return TAG + ("merge" if value == "<<" else name_of(plain(value)))
        inherited: Callable[..., str] = super().resolve
        return inherited(kind, value, (False, True))


class _Reader:
    """One document: data and places in one go."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._lines: dict[Path, int] = {}
        self._raw: dict[Path, str] = {}
        self._findings: list[Finding] = []
        self._parts = 0

    def read(self, node: yaml.Node) -> Document:
        data = self._value(node, ())
        first = node.start_mark.line + 1
        return Document(data, Places(self._file, first, self._lines), self._raw, tuple(self._findings))

    def _value(self, node: yaml.Node, path: Path) -> Any:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise yaml.MarkedYAMLError(
                problem="too many parts; aliases multiply", problem_mark=node.start_mark
            )
        self._lines.setdefault(path, node.start_mark.line + 1)
        match node:
            case yaml.MappingNode():
                return self._mapping(node, path)
            case yaml.SequenceNode():
                return [self._value(item, (*path, number)) for number, item in enumerate(node.value)]
            case _:
                return self._scalar(node, path)

    def _scalar(self, node: yaml.Node, path: Path) -> Scalar:
        text = str(node.value)
        name = str(node.tag).removeprefix(TAG)
        if name not in NAMES or name in {"str", "timestamp", "binary"}:
            return text
        value = plain(text)
        if not isinstance(value, str):
            self._raw[path] = text
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{TAG}merge":
                for key, value in self._merged(value_node, path).items():
                    merged.setdefault(key, value)
                continue
            key = self._key(key_node)
            here = (*path, key)
            if key in data:
                self._repeated(here, key, key_node)
                self._forget(here)
            self._lines[here] = key_node.start_mark.line + 1
            data[key] = self._value(value_node, here)
        return {**merged, **data}

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a key has to be a word", problem_mark=node.start_mark)
        text = str(node.value)
        return text if node.style is not None or node.tag == f"{TAG}str" else key_text(plain(text))

    def _merged(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for one in nodes:
            if not isinstance(one, yaml.MappingNode):
                raise yaml.MarkedYAMLError(problem="<< takes a map", problem_mark=one.start_mark)
            for key, value in self._mapping(one, path).items():
                merged.setdefault(key, value)
        return merged

    def _repeated(self, path: Path, key: str, node: yaml.Node) -> None:
        before, line = self._lines[path], node.start_mark.line + 1
        torn = path in {("apiVersion",), ("kind",), ("metadata",)}
        self._findings.append(
            Finding(
                Level.WARNING,
                "KeyRepeated",
                f"{key} stands here twice, in line {before} and in line {line}; kubectl takes the last one.",
                path,
                "Is a line with --- missing between two objects?" if torn else "Keep one of them.",
            )
        )

    def _forget(self, path: Path) -> None:
        for kept in (self._lines, self._raw):
            for known in [known for known in kept if known[: len(path)] == path]:
                del kept[known]
