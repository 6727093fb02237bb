"""Changing single rows of the ledger by hand: no migration runs, and nothing but the ledger changes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import BASE, LATEST
from switchback.migrations.errors import SourceProblem
from switchback.migrations.load import load
from switchback.migrations.target import among, resolve
from switchback.runner.adoption import keep
from switchback.runner.compare import compare
from switchback.runner.errors import RunnerError
from switchback.runner.fitness import refuse_other, reserved
from switchback.runner.ledger import amend, entries
from switchback.runner.operations.base import Answer, load_source
from switchback.runner.plan import listed

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.migrations.model import Migration, Source
    from switchback.runner.ledger.model import Ledger, Row
    from switchback.runner.operations.base import Facts, Request
    from switchback.runner.session import Session


_CHECKSUM = re.compile(r"(s1:[0-9a-f]{12})[0-9a-f]+")
"""In the history twelve digits are enough: the event has its checksums beside it."""


@dataclass(frozen=True)
class Change:
    """What would be written.

    Attributes:
        would: the sentence for a dry run.
        did: the sentence for when it is written.
        sql: statements, each with its semicolon; empty when there is nothing to write.
        notes: what a person should know besides.
    """

    would: str
    did: str
    sql: str = ""
    notes: list[str] = field(default_factory=list)


def mark(session: Session, request: Request, facts: Facts) -> Answer:
    """Count a file as applied without running it; or a half-applied one as applied from end to end.

    Raises:
        RunnerError: `RepairRefused` when the file is that of a row under another name; see `_amend`.
        SourceProblem: the folder cannot be used, or it is not known which migration is meant.
    """
    return _amend(session, request, facts, lambda ledger: _mark(session, request, facts, ledger))


def unmark(session: Session, request: Request, facts: Facts) -> Answer:
    """Forget a row. Needs no files.

    Raises:
        RunnerError: `TargetUnknown` when the ledger has no such row; see `_amend`.
    """
    return _amend(session, request, facts, lambda ledger: _unmark(session, request, ledger))


def rename(session: Session, request: Request, facts: Facts, new: str) -> Answer:
    """Give the row that the request names the id of its renamed file.

    Raises:
        RunnerError: `RepairRefused`, `FileChanged`, `FailedPartly`; see `_amend`.
        SourceProblem: as `mark`.
    """
    return _amend(session, request, facts, lambda ledger: _rename(session, request, facts, ledger, new))


def accept(session: Session, request: Request, facts: Facts) -> Answer:
    """Let a row say what its file is now.

    Raises:
        RunnerError: `FileMissing`, `FailedPartly`, `RepairRefused`; see `_amend`.
        SourceProblem: as `mark`.
    """
    return _amend(session, request, facts, lambda ledger: _accept(session, request, facts, ledger))


def _amend(session: Session, request: Request, facts: Facts, judge: Callable[[Ledger], Change]) -> Answer:
    """Judge by the ledger as it is, then again under the lock if it has changed, and write.

    Raises:
        RunnerError: `BaselineRequired` without a ledger; `LedgerNewer`, `DatabaseChanged`, `Reserved`,
            `LockTimeout`.
    """
    ledger = facts.ledger = session.read()
    change = _judged(session, request, ledger, judge)
    if change.sql and not request.dry_run:
        facts.ledger = session.lock(ledger)
        if facts.ledger is not ledger:
            change = _judged(session, request, facts.ledger, judge)
    for note in change.notes:
        session.reporter.warn(note)
    if not change.sql:
        return Answer(Reason.UP_TO_DATE, change.did)
    if request.dry_run:
        return Answer(Reason.SUCCEEDED, f"Would {change.would}; nothing was changed.")
    session.work.execute(amend.transaction(session.names, change.sql).encode())
    facts.ledger = session.read()
    return Answer(Reason.SUCCEEDED, change.did)


def _judged(session: Session, request: Request, ledger: Ledger, judge: Callable[[Ledger], Change]) -> Change:
    refuse_other(ledger, session.names, request.expect_ledger)
    if ledger.meta is None:
        raise no_ledger(ledger)
    held = reserved(ledger, request.operation_id)
    if held is not None and not request.dry_run:
        raise held
    return judge(ledger)


def no_ledger(ledger: Ledger) -> RunnerError:
    """The error for a database in which nothing can be repaired."""
    return RunnerError(
        Reason.BASELINE_REQUIRED,
        f"The database {ledger.identity.database.name} has no ledger: there is nothing to repair.",
        "A ledger for tables that are there already: switchback baseline --target ID.",
    )


def _mark(session: Session, request: Request, facts: Facts, ledger: Ledger) -> Change:
    source = load_source(request, facts)
    wanted = _resolved(request.target, source, ledger)
    row, file = ledger.by_id.get(wanted), source.by_id.get(wanted)
    if row is not None and row.is_partial:
        return _completed(session, source, row, file)
    if row is not None:
        return Change("", f"{wanted} is applied already.", "", _change_notes(row, file))
    assert file is not None  # noqa: S101 - files or ledger have it
    old = next((c.row.id for c in compare(source, ledger).renamed if c.migration.id == wanted), "")
    if old:
        raise RunnerError(
            Reason.REPAIR_REFUSED,
            f"{wanted} holds what was applied as {old}, whose file is gone: it was renamed.",
            f"Give the row its new id: switchback repair --rename {old} {wanted}.",
            file=file.up.path,
        )
    return Change(
        f"count {wanted} as applied, without running it",
        f"{wanted} counts as applied; nothing of it has run.",
        f"{amend.mark(session.names, session.author, file, ledger.last_position + 1)}"
        f"{keep.marked(session, source, [wanted])}",
        _mark_notes(source, ledger, file),
    )


def _completed(session: Session, source: Source, row: Row, file: Migration | None) -> Change:
    if row.down_done is not None:
        part = _gone_back(row)
    else:
        part = f"{row.statements_done} of {row.statements_total} statements had run"
    return Change(
        f"count {row.id} as applied from end to end ({part})",
        f"{row.id} counts as applied from end to end ({part}); nothing of it has run now.",
        f"{amend.complete(session.names, session.author, row.id, file, part)}"
        f"{keep.marked(session, source, [] if file is None else [file.id])}",
    )


def _gone_back(row: Row) -> str:
    """How far a way back had come. One within a transaction, which it has ended itself, counts nothing."""
    return (
        f"its rollback had run {row.down_done} of its statements"
        if row.down_done
        else "its rollback had begun"
    )


def _change_notes(row: Row, file: Migration | None) -> list[str]:
    if file is None or file.up.checksum == row.up_checksum:
        return []
    how = f"switchback repair --accept-changed {row.id}"
    return [f"Its file has changed since. To let the row say what the file is now: {how}."]


def _mark_notes(source: Source, ledger: Ledger, file: Migration) -> list[str]:
    early = [m.id for m in source.migrations if m.position < file.position and m.id not in ledger.by_id]
    if not early:
        return []
    one = len(early) == 1
    are = f"{'comes' if one else 'come'} before it and {'is' if one else 'are'} not applied"
    return [f"{listed(early)} {are}: migrate will call {'it' if one else 'them'} out of order."]


def _unmark(session: Session, request: Request, ledger: Ledger) -> Change:
    source = _source_if_any(request)
    row = _row(request, ledger, source)
    part = ""
    if row.down_done is not None:
        part = _gone_back(row)
    elif row.is_partial:
        part = f"{row.statements_done} of {row.statements_total} statements had run"
    stays = "What it did to the schema stays as it is"
    if source is not None and row.id in source.by_id:
        stays += "; migrate would apply its file"
    notes = []
    if row.down_kind == "SQL":
        notes.append("The down half that the ledger has kept is forgotten with it.")
    later = [other.id for other in ledger.rows if other.position > row.position]
    if later:
        notes.append(f"{listed(later)} {'was' if len(later) == 1 else 'were'} applied after it.")
    return Change(
        f"forget {row.id}, and leave the schema as it is",
        f"Forgot {row.id}{f' ({part})' if part else ''}. {stays}.",
        f"{amend.unmark(session.names, session.author, row.id, part)}"
        f"{keep.unmarked(session, source, keep.Removal(row.id, row.up_checksum, forced=row.is_partial))}",
        notes,
    )


def _rename(session: Session, request: Request, facts: Facts, ledger: Ledger, new: str) -> Change:
    source = load_source(request, facts)
    row = _row(request, ledger, source)
    wanted = _resolved(new, source, ledger)
    if wanted == row.id:
        return Change("", f"{row.id} has that id already.")
    if wanted in ledger.by_id:
        raise RunnerError(Reason.REPAIR_REFUSED, f"{wanted} is applied itself: a row has that id already.")
    if row.id in source.by_id:
        raise RunnerError(
            Reason.REPAIR_REFUSED,
            f"The file of {row.id} is still there: it was not renamed.",
            "Delete the old file, or leave the row as it is.",
            file=source.by_id[row.id].up.path,
        )
    _refuse_partial(row, "Bring its file back under the old name and finish it; then rename.")
    file = source.by_id[wanted]
    notes = []
    if file.up.checksum != row.up_checksum:
        if not _formatting_only(row, file):
            raise RunnerError(
                Reason.FILE_CHANGED,
                f"{wanted} does not hold what was applied as {row.id} "
                f"(then {row.up_checksum}, now {file.up.checksum}).",
                f"Rename the file as it was applied, and change it afterwards. If both mean the same all the "
                f"same: switchback repair --unmark {row.id}, then --mark {wanted}.",
                file=file.up.path,
            )
        notes.append("Its file has changed since it was applied, in comments or blanks only.")
    return Change(
        f"give the row of {row.id} the id {wanted}",
        f"The row of {row.id} has the id {wanted} from now on.",
        f"{amend.rename(session.names, session.author, row.id, file)}"
        f"{keep.renamed(session, source, row.id, wanted)}",
        notes,
    )


def _accept(session: Session, request: Request, facts: Facts, ledger: Ledger) -> Change:
    source = load_source(request, facts)
    row = _row(request, ledger, source)
    file = source.by_id.get(row.id)
    if file is None:
        raise RunnerError(
            Reason.FILE_MISSING,
            f"{row.id} has no file in {source.folder}: there is nothing to accept.",
            f"Bring the file back; if it was renamed: switchback repair --rename {row.id} NEW; to forget the "
            f"row: switchback repair --unmark {row.id}.",
        )
    _refuse_partial(row, "Finish it first: what has run of it is compared with the file then.")
    down = entries.kept_down(file)
    if (file.up.checksum, down.checksum, down.kind) == (row.up_checksum, row.down_checksum, row.down_kind):
        return Change("", f"{row.id} says what its file is already.")
    source.check([row.id])
    differs = f"{_up_differs(row, file)}; {_down_differs(row, down.checksum)}"
    brief = _CHECKSUM.sub(r"\1", differs)
    return Change(
        f"let the row of {row.id} say what its file is now: {differs}",
        f"The row of {row.id} says what its file is now: {differs}.",
        amend.accept(session.names, session.author, file, brief),
    )


def _up_differs(row: Row, file: Migration) -> str:
    if row.up_checksum == file.up.checksum:
        return "the up half is the same"
    how = "only comments or blanks differ" if _formatting_only(row, file) else "more than its layout differs"
    return f"up half then {row.up_checksum}, now {file.up.checksum}, {how}"


def _down_differs(row: Row, down: str) -> str:
    """`down`: the checksum of the file's way back; empty when it has none."""
    if row.down_checksum == down:
        return "the down half is the same"
    return f"down half then {row.down_checksum or 'none'}, now {down or 'none'}"


def _formatting_only(row: Row, file: Migration) -> bool:
    return bool(row.fingerprint) and row.fingerprint == file.up.fingerprint


def _refuse_partial(row: Row, advice: str) -> None:
    if row.is_partial:
        way = "rolled back" if row.down_done is not None else "applied"
        raise RunnerError(Reason.FAILED_PARTLY, f"{row.id} is {way} in part.", advice)


def _source_if_any(request: Request) -> Source | None:
    try:
        return load(request.folder, request.format, request.ignore)
    except SourceProblem:
        return None


def _resolved(name: str | None, source: Source, ledger: Ledger) -> str:
    if not name or name in {BASE, LATEST}:
        what = f"{name} names no single migration" if name else "The id is empty"
        raise RunnerError(Reason.USAGE, f"{what}.", "Name a migration; switchback status lists them.")
    return resolve(name, source, (row.id for row in ledger.rows))


def _row(request: Request, ledger: Ledger, source: Source | None) -> Row:
    """The row that the request names: in full, or by a short form, which files tell best.

    Raises:
        RunnerError: `TargetUnknown`, `TargetAmbiguous`.
        SourceProblem: `TargetUnknown`, `TargetAmbiguous`.
    """
    wanted = request.target or ""
    if wanted not in ledger.by_id and source is not None:
        wanted = _resolved(wanted, source, ledger)
    elif wanted:
        wanted = _by_ledger(wanted, ledger)
    row = ledger.by_id.get(wanted)
    if row is None:
        raise RunnerError(
            Reason.TARGET_UNKNOWN,
            f"The ledger has no row {wanted or 'without a name'}: it is not applied.",
            f"See switchback {'history' if source is None else 'status --all'} for what is.",
        )
    return row


def _by_ledger(wanted: str, ledger: Ledger) -> str:
    found = among(wanted, ledger.by_id)
    if len(found) > 1:
        raise RunnerError(Reason.TARGET_AMBIGUOUS, f"{wanted} may mean {' or '.join(found)}.")
    return found[0] if found else wanted
