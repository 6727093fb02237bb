"""The journal of Drizzle 0.x: which files there are, and in which order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from switchback.migrations.names import wrong_id

if TYPE_CHECKING:
    from switchback.migrations.formats.common import TextFile

JOURNALS = ("meta/_journal.json", "_journal.json")
"""Where it may be. A ConfigMap has it beside the files, for its keys hold no slash."""

_DIALECTS = ("postgresql", "pg")
"""The second is what journals of the first releases say."""

_SHOWN = 60


def entries(file: TextFile, names: set[str]) -> list[str] | None:
    """Tags in order; what is wrong is noted. None: nothing is known of what the journal names.

    Args:
        file: the journal.
        names: files beside which a tag's file has to be.
    """
    data = _parsed(file)
    if data is None:
        return None
    dialect = data.get("dialect", "postgresql")
    if dialect not in _DIALECTS:
        file.refuse(
            _place(file, "dialect"),
            f"its dialect is {json.dumps(dialect)[:60]}, not postgresql.",
            "Name the folder of the migrations for PostgreSQL.",
        )
        return None
    listed = data.get("entries")
    if not isinstance(listed, list):
        file.refuse(None, "it has no list `entries`.", "Restore it from version control.")
        return None
    tags: dict[str, None] = {}
    latest: tuple[float, str] | None = None
    for entry in listed:
        tag = _tag(file, entry, names)
        if tag is None:
            continue
        if tag in tags:
            file.refuse(
                _place(file, tag), f"the tag {tag} stands in it twice.", "Remove one of the two entries."
            )
            continue
        tags[tag] = None
        when = entry.get("when")
        if isinstance(when, int | float) and not isinstance(when, bool):
            if latest is not None and when <= latest[0]:
                file.listing.notices.append(
                    f"{file.path}: {tag} is not later than {latest[1]} before it. Drizzle passes over it "
                    f"where {latest[1]} is applied; here it runs in the journal's order."
                )
            latest = max(latest or (when, tag), (when, tag))
    return list(tags)


def _parsed(file: TextFile) -> dict[str, Any] | None:
    if not file.is_readable:
        return None
    advice = "Restore it from version control, or let drizzle-kit write it anew."
    try:
        data = json.loads(file.text)
    except json.JSONDecodeError as error:
        file.refuse(min(error.pos, len(file.text)), f"it is no JSON: {error.msg}.", advice)
        return None
    except (ValueError, RecursionError):  # a number with thousands of digits, or brackets without end
        file.refuse(None, "it is no journal of Drizzle.", advice)
        return None
    if not isinstance(data, dict):
        file.refuse(None, "it is no journal of Drizzle: the outermost value is no object.", advice)
        return None
    return data


def _tag(file: TextFile, entry: object, names: set[str]) -> str | None:
    """The tag of an entry whose file is there; else None, and a problem noted."""
    tag = entry.get("tag") if isinstance(entry, dict) else None
    if not isinstance(tag, str) or not tag.isprintable() or "/" in tag or not tag or tag.endswith(".down"):
        place = None if not isinstance(tag, str) or not tag else _place(file, tag)
        file.refuse(place, "an entry has no tag that can name a file.", "Restore it from version control.")
        return None
    if f"{tag}.sql" not in names:
        file.refuse(
            _place(file, tag),
            f"its file {tag}.sql is not there.",
            "Bring the file back, or take out the entry with `drizzle-kit drop`.",
        )
        return None
    wrong = wrong_id(tag)
    if wrong is not None:
        file.refuse(_place(file, tag), f"of {tag[:_SHOWN]}: {wrong[0]}", f"Rename file and tag. {wrong[1]}")
        return None
    return tag


def _place(file: TextFile, word: str) -> int | None:
    place = file.text.find(json.dumps(word, ensure_ascii=False))
    return None if place < 0 else place
