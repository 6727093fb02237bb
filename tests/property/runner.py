"""What a run does to the database of `tests.property.world`, in so far as the operator depends on it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from switchback.contract.digest import plan_digest
from switchback.contract.reasons import Reason, meaning
from switchback.contract.result import Result, Snapshot, Step
from switchback.contract.words import BASE, LATEST, Direction, Operation, Risk, Severity
from switchback.controller.times import rfc3339
from tests.property.database import DATABASE, BrokenPromiseError, Postgres, Running

if TYPE_CHECKING:
    from tests.property.keeping import Keeping

RESERVATION_SECONDS = 300
"""Short, so that reservations run out in the midst of things."""


class Runner:
    """The part of a world in which Jobs do their work."""

    now: datetime
    postgres: Postgres
    keeping: Keeping
    risky: frozenset[str]
    contract: frozenset[str]

    def _result(self, running: Running, reason: Reason, direction: Direction, **more: Any) -> Result:
        current = self.postgres.applied[-1] if self.postgres.applied else BASE
        return Result(
            operation=running.job.step,
            operation_id=running.arguments["id"],
            reason=reason,
            exit_code=meaning(reason).exit_code,
            message=f"{reason} says the run.",
            at=rfc3339(self.now),
            database=DATABASE,
            direction=direction,
            current=current,
            target=self._wished(running) or current,
            source_digest="f1:" + "-".join(running.arguments["files"]),
            **more,
        )

    def _asked(self, running: Running) -> str:
        target = running.arguments["target"]
        return str(running.arguments["files"][-1] if target == LATEST else target)

    def _wished(self, running: Running) -> str:
        """The target; where files of phase=contract are held back, the last one before them."""
        wished, held = self._asked(running), self._held(running)
        if not held:
            return wished
        before = [file for file in running.arguments["files"] if file < held[0]]
        return before[-1] if before else BASE

    def _held(self, running: Running) -> list[str]:
        """What is held back, from the first file of phase=contract on."""
        wished, applied = self._asked(running), self.postgres.applied
        if not running.arguments.get("hold") or wished == BASE or not applied:
            return []
        up = [file for file in running.arguments["files"] if file <= wished and file not in applied]
        first = next((file for file in up if file in self.contract), None)
        down = [file for file in applied if file > wished]
        return [] if first is None or down else [file for file in up if file >= first]

    def _plan(self, running: Running) -> tuple[Direction, list[str], str]:
        wished = self._wished(running)
        keep = [] if wished == BASE else [file for file in running.arguments["files"] if file <= wished]
        up = [file for file in keep if file not in self.postgres.applied]
        down = [file for file in reversed(self.postgres.applied) if wished == BASE or file > wished]
        direction = Direction.BACKWARD if down else Direction.FORWARD if up else Direction.NONE
        todo = down or up
        steps = [(str(direction), file, "s1:u", "s1:d" if down else "") for file in todo]
        applied = [(file, "s1:u") for file in self.postgres.applied]
        return direction, todo, plan_digest([self.postgres.name], applied, steps)

    def _execute(self, running: Running) -> Result:  # noqa: C901, PLR0911, PLR0912 - one answer per operation
        """The runner, in so far as the operator depends on it."""
        own, holder = running.arguments["id"], self.postgres.holder(self.now)
        direction, todo, digest = self._plan(running)
        if holder and holder.split("-")[0] != own.split("-")[0] and running.job.step is not Operation.INSPECT:
            return self._result(running, Reason.RESERVED, Direction.NONE)
        risks = (Risk.DATA_LOSS,) if direction is Direction.BACKWARD and self.risky & set(todo) else ()
        steps = tuple(Step(direction, file, Severity.DATA if risks else Severity.NOTHING) for file in todo)
        told = {"plan_digest": digest, "risks": risks, "steps": steps, "pending": len(todo)}
        if self._wished(running) not in {BASE, *running.arguments["files"], *self.postgres.applied}:
            return self._result(running, Reason.TARGET_UNKNOWN, Direction.NONE)
        withdrawn = running.arguments["intent"] in self.postgres.withdrawn and not running.arguments["retry"]
        if withdrawn and direction is not Direction.BACKWARD and running.job.step is Operation.MIGRATE:
            return self._result(running, Reason.PREVIOUSLY_ROLLED_BACK, direction)
        latest_behind = running.arguments["target"] == LATEST and direction is Direction.BACKWARD
        match running.job.step:
            case Operation.INSPECT | Operation.MIGRATE if latest_behind:
                return self._result(running, Reason.SOURCE_BEHIND_LEDGER, direction)
            case Operation.INSPECT if todo and self._others(running, todo):
                return self._result(running, Reason.PLAN_MOVED, direction, **told)
            case Operation.INSPECT:
                held = 0 if direction is Direction.BACKWARD else len(self._held(running))
                own = self._own(running)
                return self._result(running, Reason.SUCCEEDED, direction, held_back=held, **told, **own)
            case Operation.MIGRATE if direction is Direction.BACKWARD:
                return self._result(running, Reason.BACKWARD, direction, **told)
            case Operation.MIGRATE:
                self.postgres.applied += todo
                self.postgres.begun.clear()
                self.postgres.applied_by.update(dict.fromkeys(todo, running.arguments["id"]))
                self.postgres.withdrawn.discard(running.arguments["intent"])  # by a retry it got this far
                if todo:
                    self.postgres.reserved_by = ""
                reason = Reason.SUCCEEDED if todo else Reason.UP_TO_DATE
                held = len(self._held(running)) if not todo or direction is Direction.FORWARD else 0
                return self._result(running, reason, direction, done=len(todo), held_back=held)
            case Operation.RESERVE:
                return self._reserve(running, digest, direction)
            case Operation.SNAPSHOT:
                return self._snapshot(running, direction)
            case Operation.ROLLBACK:
                return self._rollback(running, digest, direction, todo, set(risks))
            case Operation.RELEASE:
                self.postgres.reserved_by = ""
                return self._result(running, Reason.SUCCEEDED, direction)
            case Operation.FENCE | Operation.UNFENCE:
                self.keeping.fenced = running.job.step is Operation.FENCE
                return self._result(running, Reason.SUCCEEDED, direction)
            case Operation.PRUNE | Operation.CHECK | Operation.DRAIN:
                return self._result(running, Reason.SUCCEEDED, direction)

    def _own(self, running: Running) -> dict[str, Any]:
        """What the ledger holds of the operation itself."""
        by, applied = self.postgres.applied_by, self.postgres.applied
        others = [file for file in applied if by.get(file) != running.arguments["id"]]
        if len(others) == len(applied) and running.arguments["id"] not in self.postgres.begun.values():
            return {}
        return {"by_operation": len(applied) - len(others), "begun_at": others[-1] if others else BASE}

    def _others(self, running: Running, todo: list[str]) -> bool:
        """Whether the plan would undo what another operation has applied than the one that it is to undo."""
        undone = running.arguments.get("undoes")
        return bool(undone) and {self.postgres.applied_by.get(file) for file in todo} != {undone}

    def _reserve(self, running: Running, digest: str, direction: Direction) -> Result:
        if digest != running.arguments["plan"]:
            return self._result(running, Reason.PLAN_MOVED, direction)
        self.postgres.reserved_by = running.arguments["id"]
        self.postgres.reservations += 1
        self.postgres.reserved_until = self.now + timedelta(seconds=RESERVATION_SECONDS)
        told = {
            "reserved_until": rfc3339(self.postgres.reserved_until + self.postgres.clock_error),
            "reserved_seconds": RESERVATION_SECONDS,
        }
        return self._result(running, Reason.SUCCEEDED, direction, **told)

    def _snapshot(self, running: Running, direction: Direction) -> Result:
        name = running.arguments["snapshot"]
        self.postgres.snapshots[name] = (
            tuple(self.postgres.applied),
            running.arguments["plan"],
            self.postgres.reservations,
        )
        point = Snapshot(path=name, digest="f1:0", size=1, restore_point=rfc3339(self.now))
        return self._result(running, Reason.SUCCEEDED, direction, snapshot=point)

    def _rollback(
        self, running: Running, digest: str, direction: Direction, todo: list[str], risks: set[Risk]
    ) -> Result:
        if not todo and running.arguments["withdraw"]:
            self.postgres.withdrawn.add(running.arguments["intent"])
            return self._result(running, Reason.UP_TO_DATE, direction)
        if self.postgres.holder(self.now) != running.arguments["id"]:
            return self._result(running, Reason.RESERVATION_LOST, direction)
        self.postgres.reserved_by = ""
        if digest != running.arguments["plan"]:
            return self._result(running, Reason.PLAN_MOVED, direction)
        if self._others(running, todo):
            return self._result(running, Reason.PLAN_MOVED, direction)
        if risks - running.arguments["accept"] and not running.arguments["any_loss"]:
            return self._result(running, Reason.DATA_LOSS_REFUSED, direction)
        held = self.postgres.snapshots.get(running.arguments["snapshot"])
        if held is not None and held[2] != self.postgres.reservations:
            raise BrokenPromiseError("a rollback behind a restore point of before its reservation")
        if running.arguments["withdraw"]:
            self.postgres.withdrawn.add(running.arguments["intent"])
        for file in todo:
            self.postgres.applied.remove(file)
        return self._result(running, Reason.SUCCEEDED, direction)
