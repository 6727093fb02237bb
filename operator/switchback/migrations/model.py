"""What a source of migrations is: frozen values, filled by the formats, read by the runner.

Loading reads, decodes and hashes; it does not lex. What needs the text's inside (directives, transaction
control, statements) is computed on first use and kept, because most migrations of a long-lived service have
been applied long ago, and looking at ten thousand of them would cost more than everything else in a run.
`Source.check` looks at those that are about to run.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from switchback.migrations.directives import CONTRACT
from switchback.migrations.errors import Problem, SourceProblem
from switchback.migrations.halves import Sql

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchback.migrations.directives import Directives
    from switchback.migrations.halves import Half


class DownKind(StrEnum):
    """Where the way back is: in SQL that the ledger keeps, only in a file, or nowhere."""

    SQL = "SQL"
    FILE = "File"
    NONE = "None"


class Reversal(StrEnum):
    """What a rollback of one migration finds."""

    RUNS = "Runs"
    """There is a down that does something."""
    NOTHING_TO_UNDO = "NothingToUndo"
    """Declared by `down=none <reason>`: passes, and is printed as not undone."""
    IRREVERSIBLE = "Irreversible"
    """Declared by `irreversible`."""
    ABSENT = "Absent"
    """No down half, or one without a statement and without a declaration."""


@dataclass(frozen=True, init=False)
class Migration:
    """One step.

    Attributes:
        id: how the ledger and people name it. For Pairs the file name before `.up.sql`.
        position: place in the source's order, counted from 1.
        description: the id's words for people.
        format: name of the format that read it, such as `Pairs`.
        up: forward half; never without a statement (a check refuses that).
        down: backward half as written, or None when there is no such text. Ask `reversal` what it is worth.
        down_kind: whether the ledger can keep the down (`SQL`), needs its file (`File`), or there is none.
        short_forms: other spellings that `--target` accepts when they are unique, such as `1` and `0001`.
    """

    id: str
    position: int
    description: str
    format: str
    up: Half
    down: Half | None
    down_kind: DownKind
    short_forms: tuple[str, ...] = ()

    def __init__(  # noqa: PLR0917 - as its fields are
        self,
        id: str,  # noqa: A002 - named as the field is
        position: int,
        description: str,
        format: str,  # noqa: A002 - named as the field is
        up: Half,
        down: Half | None,
        down_kind: DownKind,
        short_forms: tuple[str, ...] = (),
    ) -> None:
        # There may be ten thousand, and what a frozen dataclass makes for itself takes three times as long.
        own = self.__dict__
        own["id"] = id
        own["position"] = position
        own["description"] = description
        own["format"] = format
        own["up"] = up
        own["down"] = down
        own["down_kind"] = down_kind
        own["short_forms"] = short_forms

    @property
    def directives(self) -> Directives:
        """Directives of the up half, with `irreversible`, `down=none` and `phase` from either half.

        Raises:
            SourceProblem: as `Sql.script`.
        """
        up = self.up.directives
        return up if self.down is None else up.joined(self.down.directives)

    @property
    def is_contract(self) -> bool:
        """Whether it may run only after no old program is left. False for a text that `problems` refuses."""
        try:
            return self.directives.phase == CONTRACT
        except SourceProblem:
            return False

    @property
    def reversal(self) -> Reversal:
        """What a rollback would find in the files.

        Raises:
            SourceProblem: as `Sql.script`.
        """
        directives = self.directives
        if directives.irreversible:
            return Reversal.IRREVERSIBLE
        if directives.down_none is not None:
            return Reversal.NOTHING_TO_UNDO
        if self.down is None or not self.down.count:
            return Reversal.ABSENT
        return Reversal.RUNS

    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong inside the texts; empty when the migration can run both ways."""
        found: list[Problem] = []
        for half in (self.up, self.down):
            if half is None:
                continue
            try:
                count = half.count
            except SourceProblem as error:
                found += error.problems
                continue
            if half is self.up and not count:
                found.append(_empty(half))
        if not found:
            found += self._contradictions()
        return tuple(dict.fromkeys(found))

    def _contradictions(self) -> list[Problem]:
        if self.down is None or not self.down.count:
            return []
        directives = self.directives
        if directives.irreversible:
            word = "irreversible"
        elif directives.down_none is not None:
            word = "down=none"
        else:
            return []
        return [
            Problem(
                f"the down half has statements although the migration is declared `{word}`.",
                self.down.path,
                self.down.begins,
                "Remove the directive, or remove the statements.",
            )
        ]


def _empty(up: Half) -> Problem:
    if isinstance(up, Sql):
        message = "the up half has no statement."
        advice = "Write the statements, or delete the file and its down half."
    else:
        message, advice = "up(connection) does nothing.", "Write what it should do, or delete the file."
    return Problem(message, up.path, up.first_line, advice)


@dataclass(frozen=True)
class Source:
    """An ordered set of migrations.

    Attributes:
        migrations: in order of position, ids unique.
        digest: `f1:<hex>` over names and raw contents of the folder's files, as the operator computes it for
            ConfigMaps (`contract.digest.source_digest`).
        format: name of the format.
        folder: the folder as it was named.
        notices: things worth telling a person that are no problem.
    """

    migrations: tuple[Migration, ...]
    digest: str
    format: str
    folder: str
    notices: tuple[str, ...] = ()

    @cached_property
    def by_id(self) -> dict[str, Migration]:
        """Migrations by id."""
        return {migration.id: migration for migration in self.migrations}

    def check(self, ids: Iterable[str] | None = None) -> tuple[str, ...]:
        """Look inside the texts of the named migrations (all, when None), before any of them runs.

        Returns:
            Notices for people, such as a stripped BEGIN and COMMIT.

        Raises:
            SourceProblem: with the problems of all of them together.
        """
        wanted = None if ids is None else set(ids)
        chosen = [m for m in self.migrations if wanted is None or m.id in wanted]
        problems = [problem for migration in chosen for problem in migration.problems()]
        if problems:
            raise SourceProblem(problems)
        halves = [half for migration in chosen for half in (migration.up, migration.down) if half is not None]
        return tuple(notice for half in halves for notice in half.notices)
