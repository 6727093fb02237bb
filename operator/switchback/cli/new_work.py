"""What `switchback new` does. No driver."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from switchback.cli import outcome
from switchback.contract.exits import ExitCode
from switchback.contract.reasons import Reason, meaning
from switchback.migrations import drafts
from switchback.migrations import folder as folders
from switchback.migrations.errors import Problem, SourceProblem
from switchback.migrations.formats import BY_NAME
from switchback.migrations.load import choose

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from switchback.cli.console import Console
    from switchback.migrations.drafts import Draft


def run(console: Console, **values: Any) -> int:
    """Write the files and print their paths."""
    title = " ".join(values["title"])
    try:
        written = write(values["folder"], title, values["format_name"], values["ignore"])
    except SourceProblem as error:
        return _refused(console, error, as_json=values["as_json"])
    if values["as_json"]:
        click.echo(json.dumps({"files": [str(path) for path in written]}, ensure_ascii=False, indent=2))
    else:
        for path in written:
            console.print(str(path))
    if not all(path.name.isascii() for path in written):
        console.warn("A ConfigMap takes names in ASCII only; say the title in Latin letters for a cluster.")
    return int(ExitCode.OK)


def _refused(console: Console, error: SourceProblem, *, as_json: bool) -> int:
    code = int(meaning(error.reason).exit_code)
    for problem in error.problems:
        console.error(problem.told)
        console.more(problem.what_next)
    if as_json:
        told = {"command": "new", "reason": error.reason, "message": error.message, "exitCode": code}
        told["problems"] = [outcome.problem_data(problem) for problem in error.problems]
        console.outcome(json.dumps(told, ensure_ascii=False, indent=2))
    return code


def write(folder: Path, title: str, format_name: str | None, ignore: Sequence[str]) -> list[Path]:
    """Write a new migration's files.

    Returns:
        Their paths.

    Raises:
        SourceProblem: no format can be told, or it has no template; the title has no letter; a file is there.
    """
    title = "".join(c if c.isprintable() else " " for c in title)
    if not any(c.isalnum() for c in title):
        raise _wrong("the title has no letter.", "Say in a few words what the migration does.")
    listing = _listing(folder, ignore)
    chosen = choose(listing, format_name)
    writer = drafts.drafting(chosen)
    if writer is None:
        can = ", ".join(name for name, known in BY_NAME.items() if drafts.drafting(known) is not None)
        raise _wrong(
            f"for {chosen.NAME} there is no template: its own tool writes the files.",
            f"Use that tool, or --format with one of: {can}.",
        )
    return _written(folder, writer.draft(listing, title, datetime.now(UTC)))


def _wrong(text: str, advice: str) -> SourceProblem:
    return SourceProblem([Problem(text, advice=advice, reason=Reason.USAGE)])


def _listing(folder: Path, ignore: Sequence[str]) -> folders.Listing:
    try:
        return folders.read(str(folder), ignore)
    except SourceProblem as error:
        if error.reason is not Reason.SOURCE_MISSING:
            raise
        return folders.Listing(str(folder), {}, frozenset(), (), tuple(ignore))


def _written(folder: Path, wanted: tuple[Draft, ...]) -> list[Path]:
    """All of them or none."""
    written: list[Path] = []
    path = folder
    try:
        for draft in wanted:
            path = folder / draft.path
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(draft.text)
    except OSError as error:
        for made in written:
            with contextlib.suppress(OSError):
                made.unlink()
        if isinstance(error, FileExistsError) and path.exists():
            raise SourceProblem([Problem(f"{path} is there already; nothing was written.")]) from None
        raise SourceProblem(
            [Problem(f"{path} cannot be written: {error.strerror}.", advice="Check the folder's rights.")]
        ) from None
    return written
