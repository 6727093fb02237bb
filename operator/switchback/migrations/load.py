"""From a folder to a `Source`, or to everything that is wrong with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.migrations import folder as folders
from switchback.migrations import foreign
from switchback.migrations.errors import Problem, SourceProblem
from switchback.migrations.formats import AUTO, BY_NAME, FORMATS, Format, candidates
from switchback.migrations.model import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.migrations.folder import Listing

SOURCE_MOUNT = "/switchback/source"
"""Where the operator's Jobs find the source; whoever wrote the resource knows nothing of this path."""


def load(
    folder: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002 - named as the flag and the field are
    ignore: Sequence[str] = (),
) -> Source:
    """Read all migrations of a folder.

    Names, order, encodings and checksums are judged here; what is inside the texts is judged by
    `Source.check` for those that are about to run.

    Args:
        folder: where the files are. Files whose names begin with a dot do not count.
        format: name of the format; None or `Auto` means to look.
        ignore: patterns of names or relative paths that are no migrations.

    Raises:
        SourceProblem: with every problem of the folder: `SourceMissing`, `SourceEmpty` or `SourceInvalid`.
    """
    listing = folders.read(os.fspath(folder), ignore)
    chosen = choose(listing, format)
    migrations = chosen.read(listing)
    problems = [*listing.problems, *foreign.problems(listing, chosen.claims(listing), chosen.EXPECTED)]
    if problems:
        raise SourceProblem(problems)
    if not migrations:
        raise SourceProblem([_empty(listing, chosen)])
    return Source(tuple(migrations), listing.digest, chosen.NAME, listing.folder, tuple(listing.notices))


def choose(listing: Listing, name: str | None) -> Format:
    """The format of that name; without one, the format whose files the listing holds, else the first.

    Raises:
        SourceProblem: there is no such format, or the folder holds files of several.
    """
    if name is not None and name != AUTO:
        if name in BY_NAME:
            return BY_NAME[name]
        import difflib  # noqa: PLC0415 - only for a wrong name

        near = difflib.get_close_matches(name, BY_NAME, n=1, cutoff=0.4)
        advice = f"Did you mean {near[0]}?" if near else f"Known are {', '.join([AUTO, *BY_NAME])}."
        raise SourceProblem([Problem(f"the format {name} is not known.", advice=advice, reason=Reason.USAGE)])
    holding = {known.NAME: found for known in candidates(listing) if (found := known.evidence(listing))}
    if len(holding) > 1:
        listing_of = ", ".join(f"{known} ({file})" for known, file in holding.items())
        raise SourceProblem(
            [
                Problem(
                    f"the folder holds files of more than one format: {listing_of}.",
                    advice="Keep those of one. If the others are no migrations of this source, pass --format "
                    "with the name of the one, and --ignore with theirs.",
                )
            ]
        )
    return BY_NAME[next(iter(holding))] if holding else FORMATS[0]


def _empty(listing: Listing, chosen: Format) -> Problem:
    others = len(listing.names) + len(listing.directories)
    ignored = len(listing.ignored)
    what = f"{others} other {'entry' if others == 1 else 'entries'}" if others else "no other file"
    if ignored:
        what += f", {ignored} ignored"
    where, check = f"the folder {listing.folder}", "the path"
    if listing.folder == SOURCE_MOUNT:
        where, check = "what spec.source names", "the ConfigMaps, or image and path, in spec.source"
    return Problem(
        f"{where} holds no migration ({what}).",
        advice=f"Check {check}. Expected is {chosen.EXPECTED}.",
        reason=Reason.SOURCE_EMPTY,
    )
