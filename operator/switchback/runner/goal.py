"""From a target to what lies between it and the ledger: files to apply, or rows to roll back, never both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import BASE, LATEST, Direction
from switchback.migrations.target import resolve
from switchback.runner.errors import RunnerError
from switchback.runner.order import comes_after, standing
from switchback.runner.plan import listed
from switchback.runner.policy import USUAL, Ahead, Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.migrations.model import Migration
    from switchback.runner.compare import Comparison
    from switchback.runner.ledger.model import Row


@dataclass(frozen=True)
class Goal:
    """A target resolved against files and ledger, and what lies between.

    Attributes:
        target: id or `base`.
        ahead: pending files to apply, in order.
        beyond: applied rows to roll back, in order of application.
        held: files to apply later, in order: the first one of phase=contract and what comes after it.
    """

    target: str
    ahead: tuple[Migration, ...] = ()
    beyond: tuple[Row, ...] = ()
    held: tuple[Migration, ...] = ()

    @property
    def direction(self) -> Direction:
        """Where it goes."""
        if self.beyond:
            return Direction.BACKWARD
        return Direction.FORWARD if self.ahead else Direction.NONE


def goal(comparison: Comparison, target: str, policy: Policy = USUAL) -> Goal:
    """What has to happen to reach `target`: `latest`, `base`, an id or a short form of one.

    Raises:
        SourceProblem: the target is unknown or ambiguous.
        RunnerError: `SourceBehindLedger`, `FileMissing` (renamed files), `OutOfOrder`.
    """
    found = _whole(comparison, target, policy)
    # Where nothing is applied there is nothing that an older program could still need.
    holds = policy.hold_contract or (policy.hold_contract_unless_new and bool(comparison.ledger.rows))
    return _without_contract(comparison, found) if holds else found


def _without_contract(comparison: Comparison, whole: Goal) -> Goal:
    """The goal up to the first file of phase=contract that waits, or has not run to its end.

    What comes after it waits as well: it was written for a schema that the contract file has been at.
    """
    first = min((migration.position for migration in whole.ahead if migration.is_contract), default=0)
    if not first:
        return whole
    ahead = tuple(migration for migration in whole.ahead if migration.position < first)
    held = sorted((m for m in whole.ahead if m.position >= first), key=lambda m: m.position)
    applied = [*(row.id for row in comparison.ledger.rows), *(migration.id for migration in ahead)]
    return Goal(standing(applied, comparison.source), ahead, (), tuple(held))


def _whole(comparison: Comparison, target: str, policy: Policy) -> Goal:
    if target == LATEST:
        return _latest(comparison, policy)
    source, ledger = comparison.source, comparison.ledger
    resolved = resolve(target, source, (row.id for row in ledger.rows))
    beyond = _beyond(comparison, resolved)
    if beyond or resolved == BASE:
        if resolved != BASE and resolved not in ledger.by_id:
            raise _out_of_order([source.by_id[resolved]], _last_applied(comparison), allowing=False)
        return Goal(resolved, (), beyond)
    return _forward(comparison, resolved, policy)


def _latest(comparison: Comparison, policy: Policy) -> Goal:
    """The newest file, and what the ledger holds beyond all files as the policy says."""
    newest = comparison.source.migrations[-1].id
    if not comparison.ahead:
        found = _forward(comparison, newest, policy)
        _refuse_renamed(comparison)
        return found
    if policy.ahead is Ahead.REFUSE:
        raise _behind(comparison)
    _refuse_renamed(comparison)
    if policy.ahead is Ahead.KEEP:
        return _kept(comparison, newest, policy)
    if comparison.pending or comparison.resumable:
        raise _diverged(comparison)
    return Goal(newest, (), comparison.ahead)


def _forward(comparison: Comparison, resolved: str, policy: Policy) -> Goal:
    files = comparison.source.by_id
    last = files[resolved].position if resolved in files else 0
    ahead = tuple(migration for migration in _waiting(comparison) if migration.position <= last)
    skipped = [migration for migration in ahead if migration in comparison.out_of_order]
    if skipped and not policy.out_of_order:
        raise _out_of_order(skipped, _last_applied(comparison))
    if ahead:
        _refuse_renamed(comparison)
    return Goal(resolved, ahead)


def _kept(comparison: Comparison, newest: str, policy: Policy) -> Goal:
    """What the ledger holds beyond the files stays. Pending files are applied where they come after that."""
    beyond = [row.id for row in comparison.ahead]
    if not policy.out_of_order:
        if comparison.out_of_order:
            raise _out_of_order(comparison.out_of_order, _last_applied(comparison))
        early = [m for m in comparison.pending if not comes_after(m.id, beyond, comparison.source)]
        if early:
            raise _out_of_order(early, f"{beyond[-1]}, without a file here", surely=False)
    return Goal(newest if comparison.pending else comparison.current, _waiting(comparison))


def _waiting(comparison: Comparison) -> tuple[Migration, ...]:
    return (*comparison.resumable, *comparison.pending)


def _beyond(comparison: Comparison, target: str) -> tuple[Row, ...]:
    """Applied rows behind `target`: by the source's order, or by that of application where a file is gone."""
    files, ledger = comparison.source.by_id, comparison.ledger
    if target == BASE:
        return ledger.rows
    place = files[target].position if target in files else None
    row = ledger.by_id.get(target)

    def is_beyond(other: Row) -> bool:
        if place is not None and other.id in files:
            return files[other.id].position > place
        return row is not None and other.position > row.position

    return tuple(other for other in ledger.rows if is_beyond(other))


def _behind(comparison: Comparison) -> RunnerError:
    ahead = comparison.ahead
    last = comparison.source.migrations[-1].id
    return RunnerError(
        Reason.SOURCE_BEHIND_LEDGER,
        f"The database is at {ahead[-1].id}, but the files end at {last}: "
        f"{listed([row.id for row in ahead])} {'has' if len(ahead) == 1 else 'have'} no file here.",
        "Deploy the newer files, or name the wished version as target; --ahead-policy (in the resource "
        "spec.source.aheadPolicy) says whether to keep what is ahead or to roll it back.",
    )


def _diverged(comparison: Comparison) -> RunnerError:
    """Going back and then forward are two plans, each with risks of its own."""
    source = comparison.source
    known = [row.id for row in comparison.ledger.rows if row.id in source.by_id]
    waiting = [migration.id for migration in _waiting(comparison)]
    advice = "Check that these are the files of this database."
    if known:
        advice += (
            f" Then set the target to {standing(known, source)}, and after the rollback to latest again."
        )
    return RunnerError(
        Reason.SOURCE_BEHIND_LEDGER,
        f"Reaching the newest file means rolling back {listed([row.id for row in comparison.ahead])}, "
        f"without a file here, and then applying {listed(waiting)}: that is not done in one go.",
        advice,
    )


def _refuse_renamed(comparison: Comparison) -> None:
    if not comparison.renamed:
        return
    pairs = ", ".join(f"{c.row.id} is now {c.migration.id}" for c in comparison.renamed)
    raise RunnerError(
        Reason.FILE_MISSING,
        f"Applied files were renamed: {pairs}. Applying them again would run them twice.",
        "Give the rows the new names, one by one, as in: switchback repair --rename "
        f"{comparison.renamed[0].row.id} {comparison.renamed[0].migration.id}; or the files the old ones.",
        file=comparison.renamed[0].migration.up.path,
    )


def _last_applied(comparison: Comparison) -> str:
    """The last of the applied migrations in the order of the files."""
    applied = comparison.ledger.by_id
    return max((m for m in comparison.source.migrations if m.id in applied), key=lambda m: m.position).id


def _out_of_order(
    skipped: Sequence[Migration], later: str, *, surely: bool = True, allowing: bool = True
) -> RunnerError:
    """The error for files that were skipped.

    Args:
        skipped: the files.
        later: what is applied all the same.
        surely: whether it is known that it comes later.
        allowing: whether the policy would help.
    """
    one = len(skipped) == 1
    allow = (
        " To apply it all the same: --allow-out-of-order, in the resource "
        "spec.source.outOfOrderPolicy: Allow."
    )
    why = (
        f"although {later}, which comes later, is." if surely else f"and does not surely come after {later}."
    )
    if not one and not surely:
        why = why.replace("does", "do")
    return RunnerError(
        Reason.OUT_OF_ORDER,
        f"{listed([m.id for m in skipped])} {'is' if one else 'are'} not applied, {why}",
        f"Give the new file an id after the last applied one.{allow if allowing else ''}",
        file=skipped[0].up.path,
    )
