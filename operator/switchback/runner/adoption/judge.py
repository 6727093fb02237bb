"""Whether what a table says fits the files, and what of them counts as applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import BASE
from switchback.migrations.target import resolve
from switchback.runner.adoption.model import Entry, History
from switchback.runner.adoption.wish import NO_FILE
from switchback.runner.errors import RunnerError
from switchback.runner.plan import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchback.migrations.model import Migration, Source
    from switchback.runner.adoption.find import Found
    from switchback.runner.adoption.model import Reading
    from switchback.runner.adoption.wish import Wish

_SHOWN = 5


def judge(found: Found, source: Source, reading: Reading, wish: Wish) -> History:
    """The history as it is taken over.

    Raises:
        RunnerError: `AdoptionRefused`, naming table, version, file and what to do; `Usage` for a map that
            names files which are not there.
        SourceProblem: the target is unknown.
    """
    entries = _mapped(reading, source, wish)
    if wish.target is not None:
        return _up_to(found, source, reading, entries, resolve(wish.target, source))
    for entry in entries:
        if entry.trouble:
            raise RunnerError(
                Reason.ADOPTION_REFUSED,
                f"{found.table.text} of {found.tool.NAME} does not fit the files: {entry.trouble}.",
                entry.advice,
                file=None if entry.migration is None else entry.migration.up.path,
            )
    _refuse_nameless(found, source, reading, entries)
    files = _files(entries)
    if reading.high_water:
        edge = max((file.position for file in files), default=0)
        files = tuple(file for file in source.migrations if file.position <= edge)
    return History(reading.version, files, reading.guard, (*reading.notices, *_gaps(source, files)))


def _files(entries: Iterable[Entry]) -> tuple[Migration, ...]:
    """Each file once, in the order of application."""
    return tuple({e.migration.id: e.migration for e in entries if e.migration is not None}.values())


def _mapped(reading: Reading, source: Source, wish: Wish) -> tuple[Entry, ...]:
    """The entries, with the files that the map names for them: it knows better than a name or a checksum."""
    named = dict(wish.mapping)
    unknown = [name for name in named.values() if name != NO_FILE and name not in source.by_id]
    if unknown:
        raise RunnerError(
            Reason.USAGE,
            f"The map names {listed(unknown)}, and {source.folder} has no such migration.",
            "Write the ids in full, as switchback status shows them.",
        )
    return tuple(
        Entry(entry.version, source.by_id[named[entry.version]], *(entry[2:] if reading.high_water else ()))
        if entry.version in named
        else entry
        for entry in reading.entries
        if named.get(entry.version) != NO_FILE
    )


def _up_to(
    found: Found, source: Source, reading: Reading, entries: tuple[Entry, ...], target: str
) -> History:
    """Every file up to the target, because a person says so; unless the table says more than that."""
    edge = 0 if target == BASE else source.by_id[target].position
    beyond = [entry for entry in entries if entry.migration is not None and entry.migration.position > edge]
    if beyond:
        raise RunnerError(
            Reason.ADOPTION_REFUSED,
            f"{found.table.text} of {found.tool.NAME} says that {_named(beyond)} applied, which "
            f"{'comes' if len(beyond) == 1 else 'come'} after {target}.",
            "Name a target that has it, or leave --target out.",
        )
    files = tuple(file for file in source.migrations if file.position <= edge)
    known = {file.id for file in _files(entries)}
    notices = [*reading.notices, *(f"{entry.trouble}." for entry in entries if entry.trouble)]
    nameless = [entry.version for entry in entries if entry.migration is None]
    if nameless and not reading.high_water:
        notices.append(f"No file is {_versions(nameless)}.")
    said = [file.id for file in files if file.id not in known]
    if said and not reading.high_water:
        notices.append(f"Only --target says that {listed(said)} {_is(said)} applied.")
    return History(f"{reading.version}, taken for {target}", files, reading.guard, tuple(notices))


def _refuse_nameless(found: Found, source: Source, reading: Reading, entries: tuple[Entry, ...]) -> None:
    nameless = [entry.version for entry in entries if entry.migration is None]
    if not nameless:
        return
    tool, table = found
    span = f"the files go from {source.migrations[0].id} to {source.migrations[-1].id}"
    if reading.high_water:
        what = f"is at {reading.version}, and no file has that {_word(reading.version)}"
    elif len(nameless) == len(entries):
        what = f"names {_versions(nameless)}, and no file has {_that(nameless)}"
    else:
        what = f"names {len(entries)} versions, and no file has {_versions(nameless)}"
    stranger = f" {reading.stranger}" if reading.stranger and len(nameless) == len(entries) else ""
    raise RunnerError(
        Reason.ADOPTION_REFUSED,
        f"{table.text} of {tool.NAME} {what}; {span}.{stranger}",
        f"Use the files with which {tool.NAME} has come there. If they were squashed, converted or deleted, "
        "say up to which file everything is applied: switchback adopt --target ID; or which file each "
        "version is: --map FILE.",
    )


def refuse_format(found: Found, source: Source, wish: Wish) -> None:
    """Stop where the tool's versions say nothing of such files, and nobody else does.

    Raises:
        RunnerError: `AdoptionRefused`.
    """
    tool, table = found
    if not tool.FORMATS or source.format in tool.FORMATS or wish.target is not None or wish.mapping:
        return
    raise RunnerError(
        Reason.ADOPTION_REFUSED,
        f"{table.text} is the history of {tool.NAME}, whose versions do not name files of the format "
        f"{source.format}.",
        f"Use the files of {tool.NAME}; or say up to which file everything is applied: "
        "switchback adopt --target ID.",
    )


def _gaps(source: Source, files: tuple[Migration, ...]) -> tuple[str, ...]:
    """A sentence about files that stand before an applied one and are not applied themselves."""
    applied = {file.id for file in files}
    edge = max((file.position for file in files), default=0)
    left = [file.id for file in source.migrations if file.position < edge and file.id not in applied]
    if not left:
        return ()
    them = "it" if len(left) == 1 else "them"
    return (f"{listed(left)} {_is(left)} not applied, although files after {them} are.",)


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _that(names: list[str]) -> str:
    return "that version" if len(names) == 1 else "those versions"


def _word(version: str) -> str:
    return version.partition(" ")[0]


def _versions(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{'version' if len(names) == 1 else 'versions'} {', '.join(names[:_SHOWN])}{more}"


def _named(entries: list[Entry]) -> str:
    ids = [entry.migration.id for entry in entries if entry.migration is not None]
    return f"{listed(ids)} {_is(ids)}"
