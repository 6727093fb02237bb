"""The tools that are set side by side: how each is called, with the settings that are best for it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.runner import files, npm
from tests.cluster import binaries
from tests.cluster.run import run

if TYPE_CHECKING:
    from collections.abc import Callable

    Words = tuple[str, ...]
    Call = Callable[[str, Path], Words]

FLOOR = Path(__file__).with_name("floor.py")
OURS = "Switchback"


@dataclass(frozen=True)
class Tool:
    """One tool. What it cannot do is None.

    Attributes:
        name: for people.
        version: the same.
        settings: what was chosen for it, for people.
        fill: writes so many migrations into a folder in its format.
        apply: command that applies everything, from the URL and the folder.
        status: command that tells what is applied.
        rollback: command that rolls everything back.
        help: command that prints its help.
        tell: command that prints its version.
        assume: command that writes a history of so many without running them, where all of it is one number;
            applying ten thousand takes it minutes, which nobody times.
    """

    name: str
    version: str
    settings: str
    fill: Callable[[Path, int], None]
    apply: Call
    status: Call | None = None
    rollback: Call | None = None
    help: Words | None = None
    tell: Words | None = None
    assume: Callable[[str, Path, int], Words] | None = None


def every() -> tuple[Tool, ...]:
    """All of them, ours first, built or installed if need be.

    Raises:
        BedError: one could not be made.
    """
    binaries.ensure(*binaries.MIGRATION_TOOLS)
    packages = npm.ensure()
    found = [_ours(), _goose(), _golang_migrate(), _drizzle(packages)]
    program = next(iter(packages.glob("node_modules/@dbmate/*/bin/dbmate")), None)
    if program is not None:  # npm has it for some machines only
        found.insert(1, _dbmate(str(program)))
    return tuple(found)


def _ours() -> Tool:
    program = str(Path(sys.executable).with_name("switchback"))

    def call(*words: str) -> Call:
        return lambda url, folder: (program, *words, "--url", url, "--dir", str(folder))

    return Tool(
        OURS,
        run([program, "version"]).stdout.split()[-1],
        "as it comes; rollback with --accept-data-loss (the tables are empty: nothing has to be accepted)",
        files.pairs,
        call("migrate"),
        call("status"),
        call("rollback", "--target", "base", "--yes", "--accept-data-loss"),
        (program, "--help"),
        (program, "version"),
    )


def _dbmate(program: str) -> Tool:
    def call(*words: str) -> Call:
        return lambda url, folder: (program, "--url", url, "-d", str(folder), "--no-dump-schema", *words)

    return Tool(
        "dbmate",
        run([program, "--version"]).stdout.split()[-1],
        "its Go program without the wrapper in JavaScript, `migrate` (does not look whether the database "
        "exists), --no-dump-schema; it has no lock, and rolls back one migration for each call",
        files.dbmate,
        call("migrate"),
        call("status"),
        help=(program, "--help"),
        tell=(program, "--version"),
    )


def _goose() -> Tool:
    program = str(binaries.path("goose"))

    def call(*words: str) -> Call:
        return lambda url, folder: (program, "-dir", str(folder), "postgres", url, *words)

    return Tool(
        "goose",
        run([program, "--version"]).stdout.split()[-1],
        "only the driver for PostgreSQL built in; its command line has no lock",
        files.goose,
        call("up"),
        call("status"),
        call("down-to", "0"),
        (program, "-h"),
        (program, "--version"),
    )


def _golang_migrate() -> Tool:
    program = str(binaries.path("golang-migrate"))

    def call(*words: str) -> Call:
        return lambda url, folder: (
            program, "-path", str(folder), "-database", url.replace("postgresql:", "pgx5:"), *words,
        )  # fmt: skip

    return Tool(
        "golang-migrate",
        run([program, "-version"]).stderr.strip() or "unknown",
        "only the driver pgx5 and files built in; its lock cannot be left out, and it has no status",
        files.pairs,
        call("up"),
        rollback=call("down", "-all"),
        help=(program, "-help"),
        tell=(program, "-version"),
        assume=lambda url, folder, count: call("force", str(count))(url, folder),
    )


def _drizzle(packages: Path) -> Tool:
    script = str(packages / "migrate.mjs")
    about = json.loads((packages / "node_modules" / "drizzle-orm" / "package.json").read_text())
    driver = json.loads((packages / "node_modules" / "pg" / "package.json").read_text())
    node = run(["node", "--version"]).stdout.strip()
    return Tool(
        "Drizzle",
        str(about["version"]),
        f"drizzle-orm called from a script of a few lines, node-postgres {driver['version']}, Node {node}; "
        "all files in one transaction, no lock, no status, no way back",
        files.drizzle,
        lambda url, folder: ("node", script, url, str(folder)),
    )


def floor(url: str, folder: Path) -> tuple[str, ...]:
    """Connects, reads, hashes, compares."""
    return (sys.executable, str(FLOOR), url, str(folder))


INTERPRETER = (sys.executable, "-c", "pass")
DRIVER = (sys.executable, "-c", "import psycopg")
