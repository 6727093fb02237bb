"""What the API server asks of any object: apiVersion, kind, and metadata with a name that can be one."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.explain.findings import Finding, Level
from switchback.explain.schema import matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.explain.document import Document
    from switchback.explain.findings import Path

_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_WORD = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
_NAME_LIMIT = 253
_WORD_LIMIT = 63
_ANNOTATION_BYTES = 256 * 1024

_KNOWN = {
    "name", "generateName", "namespace", "labels", "annotations", "finalizers", "ownerReferences",
    "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
    "deletionGracePeriodSeconds", "managedFields", "selfLink",
}  # fmt: skip
_TOP = {"apiVersion", "kind", "metadata", "spec", "status"}

OURS = {value.partition("/")[2]: value for key, value in vars(names).items() if key.startswith("ANNOTATION_")}
"""Our annotations by what stands after the slash."""


def is_meant(document: Document) -> bool:
    """Whether a document is a DatabaseMigration, or looks as if it should be one."""
    group = document.api_version.partition("/")[0]
    return document.kind == names.KIND or group == names.GROUP


def judge(document: Document) -> Iterator[Finding]:
    """What is wrong outside of spec."""
    yield from _type(document)
    data = document.data
    for key in data:
        if key not in _TOP:
            yield _invalid("FieldUnknown", f"there is no field {key} here.", (key,), _nearest(key, _TOP))
    if "status" in data:
        yield Finding(
            Level.WARNING, "StatusIgnored", "the operator alone writes status; the API server drops it.",
            ("status",), "Remove it from the file.",
        )  # fmt: skip
    metadata = data.get("metadata")
    if not isinstance(metadata, dict):
        yield _invalid("FieldMissing", "metadata is required, with a name.", ("metadata",))
        return
    yield from _metadata(metadata, document)


def _type(document: Document) -> Iterator[Finding]:
    version, kind = document.api_version, document.kind
    if version != names.API_VERSION:
        what = f"apiVersion {version} has no {names.KIND}." if version else "apiVersion is missing."
        yield _invalid("VersionUnknown", what, ("apiVersion",), f"Write {names.API_VERSION}.")
    if kind != names.KIND:
        what = f"{names.GROUP} has no kind {kind}." if kind else "kind is missing."
        yield _invalid("KindUnknown", what, ("kind",), f"Write {names.KIND}.")


def _metadata(metadata: dict[str, Any], document: Document) -> Iterator[Finding]:
    for key in metadata:
        if key not in _KNOWN:
            message = f"there is no field {key} in metadata."
            yield _invalid("FieldUnknown", message, ("metadata", key), _nearest(key, _KNOWN))
    yield from _names(metadata, document)
    for part in ("labels", "annotations"):
        entries = metadata.get(part) or {}
        if not isinstance(entries, dict):
            yield _invalid("TypeWrong", f"{part} has to be a map.", ("metadata", part))
            continue
        for key, value in entries.items():
            yield from _entry(part, key, value, document)
    yield from _annotations(metadata.get("annotations"))


def _names(metadata: dict[str, Any], document: Document) -> Iterator[Finding]:
    name, path = metadata.get("name"), ("metadata", "name")
    if name is None:
        if not metadata.get("generateName"):
            yield _invalid("FieldMissing", "metadata.name is required and missing.", path)
        else:
            yield Finding(
                Level.WARNING, "NameGenerated",
                "each apply of generateName is another resource, and would work on the same database.",
                ("metadata", "generateName"), "Give it a name.",
            )  # fmt: skip
    elif not isinstance(name, str):
        raw = document.raw.get(path, str(name))
        yield _invalid("TypeWrong", f"{raw} is no text.", path, f'Write "{raw}".')
    elif len(name) > _NAME_LIMIT or not matches(_SUBDOMAIN, name):
        advice = "Small letters and digits; - and . in between, at most 253 characters."
        yield _invalid("FormWrong", f"{name[:_WORD_LIMIT]} cannot be the name of an object.", path, advice)
    place = metadata.get("namespace")
    if place is not None and not (
        isinstance(place, str) and len(place) <= _WORD_LIMIT and matches(_LABEL, place)
    ):
        message = f"{str(place)[:_WORD_LIMIT]} cannot be the name of a namespace."
        advice = "Small letters and digits; - in between, at most 63 characters."
        yield _invalid("FormWrong", message, ("metadata", "namespace"), advice)


def _entry(part: str, key: str, value: Any, document: Document) -> Iterator[Finding]:
    path: Path = ("metadata", part, key)
    prefix, slash, word = key.rpartition("/")
    if len(word) > _WORD_LIMIT or not matches(_WORD, word) or (slash and not matches(_SUBDOMAIN, prefix)):
        yield _invalid("FormWrong", f"{key} cannot be the key of an entry in {part}.", path)
    if value is None:
        return  # the API server reads it as empty
    if not isinstance(value, str):
        raw = document.raw.get(path, str(value))
        advice = f'Write "{raw}".' if isinstance(value, int | float) else "Write one text."
        yield _invalid("TypeWrong", f"the value of {key} is no text.", path, advice)
    elif part == "labels" and value and (len(value) > _WORD_LIMIT or not matches(_WORD, value)):
        advice = "Letters and digits; -, _ and . in between, at most 63 characters."
        yield _invalid("FormWrong", f"{value[:_WORD_LIMIT]} cannot be the value of a label.", path, advice)


def _annotations(entries: Any) -> Iterator[Finding]:
    if not isinstance(entries, dict):
        return
    size = sum(len(str(key).encode()) + len(str(value).encode()) for key, value in entries.items())
    if size > _ANNOTATION_BYTES:
        yield _invalid(
            "OutOfBounds", f"annotations have {size} bytes together.", ("metadata", "annotations"),
            f"At most {_ANNOTATION_BYTES} are taken.",
        )  # fmt: skip
    for key in entries:
        prefix, _, word = str(key).rpartition("/")
        if prefix == names.GROUP and key not in OURS.values():
            near = difflib.get_close_matches(word, OURS, n=1)
            advice = f"Did you mean {OURS[near[0]]}?" if near else f"Known are {', '.join(sorted(OURS))}."
            message = f"the operator knows no annotation {key}."
            yield Finding(
                Level.WARNING, "AnnotationUnknown", message, ("metadata", "annotations", key), advice
            )


def _nearest(key: str, known: set[str]) -> str:
    near = difflib.get_close_matches(re.sub(r"[^a-zA-Z]", "", key), known, n=1, cutoff=0.6)
    return f"Did you mean {near[0]}?" if near else ""


def _invalid(reason: str, message: str, path: Path, advice: str = "") -> Finding:
    return Finding(Level.INVALID, reason, message, path, advice)
