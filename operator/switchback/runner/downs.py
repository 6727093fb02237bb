"""Which way back every migration of a range has. All are judged before the first one runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason, meaning
from switchback.contract.words import Direction
from switchback.migrations.directives import from_words
from switchback.migrations.errors import SourceProblem
from switchback.migrations.halves import Sql, checksum
from switchback.migrations.model import Reversal
from switchback.migrations.script import fingerprint
from switchback.runner import carried
from switchback.runner.errors import RunnerError
from switchback.runner.plan import Plan, PlannedStep, Way
from switchback.runner.policy import DownFrom

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from switchback.migrations.halves import Half
    from switchback.migrations.model import Migration
    from switchback.runner.compare import Comparison
    from switchback.runner.elsewhere import Elsewhere
    from switchback.runner.ledger.model import Row


@dataclass(frozen=True)
class Refusal:
    """Why one migration cannot be rolled back."""

    reason: Reason
    id: str
    text: str
    file: str | None = None
    advice: str = ""


FROM_LEDGER = "ledger:"
"""In place of a folder, before the id: of a way back that is in no file."""
URGENCY = (
    Reason.FAILED_PARTLY,
    Reason.IRREVERSIBLE,
    Reason.NO_DOWN,
    Reason.FILE_MISSING,
    Reason.FILE_CHANGED,
)
"""When a range fails for several reasons, the first of these gives the exit code."""


@dataclass(frozen=True)
class _Choices:
    """What is allowed where the files alone do not tell the way back."""

    down_from: DownFrom
    elsewhere: Elsewhere | None
    forget: bool


def backward(
    comparison: Comparison,
    rows: Sequence[Row],
    target: str,
    stored: Mapping[str, str],
    *,
    down_from: DownFrom = DownFrom.REFUSE,
    elsewhere: Elsewhere | None = None,
    forget: bool = False,
    unbegun: Collection[str] = (),
) -> Plan:
    """The plan that rolls `rows` back, last applied first.

    Args:
        comparison: files and ledger.
        rows: in order of application.
        target: what is reached.
        stored: down halves that the ledger keeps, by id.
        down_from: whose down half runs when the file's differs.
        elsewhere: a second folder, for what neither files nor ledger have.
        forget: forget rows that have neither a file nor a stored down half.
        unbegun: ids of rows of which nothing has taken effect.

    Raises:
        RunnerError: `FailedPartly`, `Irreversible`, `NoDown`, `FileMissing` or `FileChanged`, naming every
            file of the range.
        SourceProblem: a down half is wrong inside.
    """
    choices = _Choices(down_from, elsewhere, forget)
    renamed = {change.row.id: change.migration for change in comparison.renamed}
    rewritten = {change.row.id for change in comparison.changed if not change.formatting_only}
    steps: list[PlannedStep] = []
    refusals: list[Refusal] = []
    for written in reversed(rows):
        migration = comparison.source.by_id.get(written.id)
        if written.id in unbegun:
            steps.append(_unbegun(written, migration))
            continue
        row, text = _as_applied(written, stored.get(written.id))
        if migration is None:
            found = _without_file(row, text, choices, renamed.get(row.id))
        else:
            found = _way(row, migration, text, choices)
        if isinstance(found, PlannedStep):
            found = _anew(found, row) or found
        if isinstance(found, Refusal):
            refusals.append(found)
        else:
            steps.append(_with_part(_with_other_up(found, rewritten), row))
    if refusals:
        raise _refused(refusals)
    carried.refuse_uncarried(steps)
    direction = Direction.BACKWARD if steps else Direction.NONE
    return Plan(
        comparison.ledger, comparison.current, target, direction, tuple(steps), len(comparison.pending)
    )


def _unbegun(row: Row, migration: Migration | None) -> PlannedStep:
    notice = (
        f"{row.id}: it was ended in its first statement, and nothing of it has taken effect; its record goes."
    )
    return PlannedStep(Direction.BACKWARD, row.id, Way.UNBEGUN, None, migration, row, notice)


def _as_applied(row: Row, stored: str | None) -> tuple[Row, str | None]:
    """The row and its stored way back; neither knows of a text that has no statement, for it was none.

    Rows of earlier releases keep the text and checksum of such a half, as `switchback new` leaves it.
    """
    if stored is None:
        return row, None
    try:
        is_empty = not Sql.of(f"{FROM_LEDGER}{row.id}", stored).count
    except SourceProblem:  # told when it is about to run
        is_empty = False
    return (row._replace(down_checksum=""), None) if is_empty else (row, stored)


def _with_other_up(step: PlannedStep, rewritten: set[str]) -> PlannedStep:
    """What runs is the way back from what was applied; that the file's up half is another one now is said."""
    if step.id not in rewritten:
        return step
    other = f"{step.id}: its up half has changed since it was applied; what was applied is undone."
    return replace(step, notice=f"{step.notice} {other}".strip())


def _with_part(step: PlannedStep, row: Row) -> PlannedStep:
    if row.statements_done >= row.statements_total:
        return step
    part = (
        f"{row.id}: was applied in part ({row.statements_done} of {row.statements_total} statements); its "
        "down half may stumble over what is not there."
    )
    return replace(step, notice=f"{step.notice} {part}".strip())


def _anew(step: PlannedStep, row: Row) -> Refusal | None:
    """A half-run down goes on where it stopped. Without the directive all of it would run, from the start."""
    if row.down_done is None or step.half is None or step.half.directives.no_transaction:
        return None
    if not row.down_done:  # it ran in a transaction, which it has ended itself
        return Refusal(
            Reason.FAILED_PARTLY,
            row.id,
            f"{row.id} is rolled back in part, and how far is not known: its down half would run from its "
            "start",
            step.half.path,
            by_hand(row.id),
        )
    were = "statement has" if row.down_done == 1 else "statements have"
    return Refusal(
        Reason.FILE_CHANGED,
        row.id,
        f"the down half of {row.id} has lost its line `-- switchback: no-transaction`, but {row.down_done} "
        f"of its {were} run",
        step.half.path,
    )


def by_hand(migration_id: str) -> str:
    """What to do where a way back has stopped nobody knows where."""
    return (
        f"Bring the schema in line by hand, then the ledger: switchback repair --unmark {migration_id} when "
        f"all of it is undone, --mark {migration_id} when all of it is there, to be rolled back again."
    )


def _way(row: Row, migration: Migration, stored: str | None, choices: _Choices) -> PlannedStep | Refusal:
    reversal = migration.reversal
    if reversal is Reversal.IRREVERSIBLE:
        return Refusal(Reason.IRREVERSIBLE, row.id, f"{row.id} is declared irreversible", migration.up.path)
    if reversal is Reversal.NOTHING_TO_UNDO:
        if _declared_later(row, migration.down):
            return _differing(row, migration, None, stored, choices.down_from)
        return _nothing(row, migration.directives.down_none, migration)
    if reversal is Reversal.ABSENT or migration.down is None:
        return _without_down(row, migration, stored, choices)
    if not row.down_checksum or row.down_checksum == migration.down.checksum:
        notice = "" if row.down_checksum else f"{row.id}: its down half was written after it was applied."
        return PlannedStep(Direction.BACKWARD, row.id, Way.FILE, migration.down, migration, row, notice)
    return _differing(row, migration, migration.down, stored, choices.down_from)


def _without_down(
    row: Row, migration: Migration, stored: str | None, choices: _Choices
) -> PlannedStep | Refusal:
    """The file has no down half: it never had one, or it was deleted, which is as if its file were gone.

    A half without a statement that is the same as then was none then, either.
    """
    if stored is not None:
        return _from_ledger(row, stored, migration, "its file has no down half")
    found = _from_elsewhere(row, choices, "its file has no down half")
    if found is not None:
        return found
    empty = migration.down
    if empty is not None and row.down_checksum in {"", empty.checksum}:
        return Refusal(Reason.NO_DOWN, row.id, f"the down half of {row.id} has no statement", empty.path)
    if not row.down_checksum:
        return Refusal(Reason.NO_DOWN, row.id, f"{row.id} has no down half", migration.up.path)
    if choices.forget:
        return _forgotten(row, "Its down half is gone", migration)
    return Refusal(
        Reason.FILE_MISSING,
        row.id,
        f"the down half of {row.id} is gone, and the ledger keeps none of it",
        migration.up.path,
    )


def _forgotten(row: Row, why: str, migration: Migration | None) -> PlannedStep:
    again = "" if migration is None else " Migrate would apply its file again."
    return PlannedStep(
        Direction.BACKWARD, row.id, Way.FORGET, None, migration, row,
        f"{row.id}: forgotten. {why} and the ledger keeps no down half, so what it did to the schema stays."
        f"{again}",
    )  # fmt: skip


def _declared_later(row: Row, down: Half | None) -> bool:
    """Whether `down=none` stands where there was a way back when the migration was applied."""
    if not row.down_checksum or (down is not None and down.checksum == row.down_checksum):
        return False
    return from_words(row.directives.split("\n")).down_none is None


def _differing(
    row: Row, migration: Migration, down: Half | None, stored: str | None, down_from: DownFrom
) -> PlannedStep | Refusal:
    """File and ledger say different things; `down` is None when the file declares that nothing is to undo."""
    if down_from is DownFrom.FILE and down is None:
        step = _nothing(row, migration.directives.down_none, migration)
        return replace(step, notice=f"{step.notice} That differs from the down half stored with it.")
    if down_from is DownFrom.FILE:
        notice = (
            f"{row.id}: the file's down half runs, which differs from the one stored when it was applied."
        )
        return PlannedStep(Direction.BACKWARD, row.id, Way.FILE, down, migration, row, notice)
    if down_from is DownFrom.LEDGER and stored is not None:
        return _from_ledger(row, stored, migration, "its file's down half differs")
    now = "declared as nothing to undo" if down is None else _short(down.checksum)
    also = ", only comments or blanks differ" if _same_tokens(down, stored) else ""
    also += ", and the ledger keeps none of it" if stored is None else ""
    return Refusal(
        Reason.FILE_CHANGED,
        row.id,
        f"the down half of {row.id} has changed since it was applied "
        f"(then {_short(row.down_checksum)}, now {now}{also})",
        (down or migration.down or migration.up).path,
    )


def _same_tokens(down: Half | None, stored: str | None) -> bool:
    return isinstance(down, Sql) and stored is not None and down.fingerprint == fingerprint(stored)


def _short(checksum: str) -> str:
    return checksum[:15]


def _without_file(  # noqa: PLR0911 - one flat list of cases
    row: Row, stored: str | None, choices: _Choices, renamed: Migration | None
) -> PlannedStep | Refusal:
    why = "its file is gone" if renamed is None else f"its file is now {renamed.id}"
    directives = from_words(row.directives.split("\n"))
    if directives.irreversible:
        return Refusal(Reason.IRREVERSIBLE, row.id, f"{row.id} was declared irreversible when it was applied")
    if directives.down_none is not None:
        return _nothing(row, directives.down_none, None)
    if stored is not None:
        return _from_ledger(row, stored, None, why)
    if renamed is not None and renamed.down is not None and renamed.down.checksum == row.down_checksum:
        notice = f"{row.id}: the down half of {renamed.id} runs, because {why}."
        return PlannedStep(Direction.BACKWARD, row.id, Way.FILE, renamed.down, renamed, row, notice)
    found = _from_elsewhere(row, choices, why)
    if found is not None:
        return found
    if choices.forget:
        return _forgotten(row, f"I{why[1:]}", renamed)
    lacking = f"the file of {row.id} is {'gone' if renamed is None else f'now {renamed.id}'}"
    return Refusal(Reason.FILE_MISSING, row.id, f"{lacking}, and the ledger keeps no down half of it")


def _from_elsewhere(  # noqa: PLR0911 - one flat list of cases
    row: Row, choices: _Choices, why: str
) -> PlannedStep | Refusal | None:
    """The way back in the second folder, held against what was applied; None when it has none either."""
    folder = choices.elsewhere
    found = None if folder is None else folder.find(row.id)
    if folder is None or found is None:
        return None
    if found.up.checksum != row.up_checksum:
        return Refusal(
            Reason.FILE_CHANGED,
            row.id,
            f"the file of {row.id} in {folder.folder} is not the one that was applied "
            f"(then {_short(row.up_checksum)}, there {_short(found.up.checksum)})",
            found.up.path,
        )
    reversal = found.reversal
    if reversal is Reversal.IRREVERSIBLE:
        return Refusal(Reason.IRREVERSIBLE, row.id, f"{row.id} is declared irreversible", found.up.path)
    if reversal is Reversal.NOTHING_TO_UNDO:
        return _nothing(row, found.directives.down_none, found)
    if reversal is Reversal.ABSENT or found.down is None:
        return None
    if row.down_checksum not in {"", found.down.checksum} and choices.down_from is not DownFrom.FILE:
        return _differing(row, found, found.down, None, choices.down_from)
    notice = (
        f"{row.id}: the down half in {folder.folder} runs, because {why} and the ledger keeps no down half."
    )
    return PlannedStep(Direction.BACKWARD, row.id, Way.FILE, found.down, found, row, notice)


def _from_ledger(row: Row, stored: str, migration: Migration | None, why: str) -> PlannedStep | Refusal:
    if not _is_as_kept(row, stored):
        return Refusal(
            Reason.FILE_CHANGED,
            row.id,
            f"the down half of {row.id} that the ledger keeps is not the one that was stored (then "
            f"{_short(row.down_checksum)}, now {_short(checksum(stored))}): its row was edited or damaged",
            advice="Look what has written to the ledger. Bring the file back with its down half and add "
            "--down-from file (spec.rollback.downSource: Source), or mend down_sql in the row.",
        )
    half = Sql.of(f"{FROM_LEDGER}{row.id}", stored)
    notice = f"{row.id}: the down half that the ledger keeps runs, because {why}."
    return PlannedStep(Direction.BACKWARD, row.id, Way.LEDGER, half, migration, row, notice)


def _is_as_kept(row: Row, stored: str) -> bool:
    """Whether a text is that of the row's checksum: as it is, or as a format has changed or added to it."""
    if not row.down_checksum:
        return True
    while True:
        if row.down_checksum in {checksum(stored), checksum(stored.replace(*_BREAKPOINT))}:
            return True
        stored, _, last = stored.rpartition("\n")
        if not last.startswith(_STATED):
            return False


_BREAKPOINT = (";-- statement-breakpoint", "--> statement-breakpoint")
"""What Drizzle's format puts in place of the mark, which the checksum is about."""
_STATED = "-- switchback: "
"""Lines that a format adds at the end for what it states by other means."""


def _nothing(row: Row, why: str | None, migration: Migration | None) -> PlannedStep:
    notice = f"{row.id}: not undone, as declared ({why})."
    return PlannedStep(Direction.BACKWARD, row.id, Way.NOTHING, None, migration, row, notice)


_ADVICE = {
    Reason.FILE_CHANGED: "Restore the file, or say whose down half runs: --down-from file or --down-from "
    "ledger; in the resource spec.rollback.downSource: Source or Ledger.",
    Reason.FILE_MISSING: "Bring the file back, name a folder that has it with --down-dir, or forget the row "
    "with --forget-missing: the schema stays as it is.",
}
SHOWN = 10
"""Refusals that are told one by one; the rest is counted."""


def _refused(refusals: Sequence[Refusal]) -> RunnerError:
    """One error for all; the most urgent reason gives the exit code, and each has its own words."""
    ordered = sorted(refusals, key=lambda refusal: URGENCY.index(refusal.reason))
    first = ordered[0]
    text = "; ".join(refusal.text for refusal in ordered[:SHOWN])
    more = f"; and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    advice = " ".join(
        dict.fromkeys(one.advice or _ADVICE.get(one.reason) or meaning(one.reason).advice for one in ordered)
    )
    return RunnerError(first.reason, f"Nothing was rolled back: {text}{more}.", advice, file=first.file)
