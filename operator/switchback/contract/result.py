"""Result v1: what a run says in its last breath.

It travels as the termination message of the container `switchback`, of which the kubelet keeps 4096 bytes.
So the first line is a core of at most `CORE_BYTES` (more only where ids have hundreds of characters); the
lines after it are plan steps and the tail of the ledger, as many as the budget allows. A reader that finds
only the first line knows the outcome and how much is missing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypeVar

from switchback.contract.reasons import Reason
from switchback.contract.words import Direction, Operation, Risk, Severity, SlotFit

VERSION = 1
CORE_BYTES = 1024
MESSAGE_BYTES = 512
SHORTEST_MESSAGE_BYTES = 128
"""Whatever else the core holds: so much of the message stays."""
DEFAULT_BUDGET = 3072
ERROR_BYTES = 160
"""So much of a check's last error travels with the result; all of it is in the log."""
TAIL_LENGTH = 10
SLOTS = 2
"""So many slots there are."""
NAME_LENGTH = 63
"""Longest name of a check, or of a place that was connected to."""
LARGEST = 2**53
"""No number of a result is larger: every reader of JSON can hold it, and so can a status."""


class ResultError(ValueError):
    """The text is not a result that this release understands."""


@dataclass(frozen=True, slots=True)
class Database:
    """Which database a run was connected to. `version` is server_version_num, such as 150018.

    `ledger` is the UUID of its ledger, empty when it has none. It outlives a copy that is bound anew.
    `host` and `port` are those of the connection, `address` is what the host led to, `server_address` what
    the server itself takes for its address; each is empty or 0 for a socket, or when it is not known. None of
    them says which database it is: that may move.
    """

    name: str
    system_identifier: str
    version: int
    ledger: str = ""
    host: str = field(default="", compare=False)
    port: int = field(default=0, compare=False)
    address: str = field(default="", compare=False)
    server_address: str = field(default="", compare=False)

    @property
    def major(self) -> int:
        """Major version of the server, such as 15."""
        return self.version // 10000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A restore point that was written, read back in full and sealed with a manifest.

    `path` is relative to the root of the volume. `restore_point` is RFC 3339: everything that was committed
    before it is in the snapshot. `verify_seconds` is the time that reading it back and hashing it took.
    """

    path: str
    digest: str
    size: int
    restore_point: str
    verify_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Marker:
    """An event of the ledger that was committed right before a restore point is taken.

    `time` is RFC 3339 by the server's clock, `lsn` its place in the write-ahead log, `transaction` its xid8.
    `since`: how many writing transactions the server has begun after it; -1: not counted.
    """

    time: str = ""
    lsn: str = ""
    transaction: str = ""
    since: int = -1


@dataclass(frozen=True, slots=True)
class Step:
    """One migration of a plan. `losses` name objects with their severity, for people."""

    direction: Direction
    id: str
    severity: Severity = Severity.NOTHING
    losses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """What became of one check. `error` is its last one, redacted; empty when it never failed."""

    name: str
    passed: bool
    runs: int = 0
    failures: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """Whether a slot works with the version that the run goes to."""

    name: str
    fit: SlotFit


@dataclass(frozen=True, slots=True)
class Result:
    """Outcome of one run. `at` is RFC 3339, UTC. Ids may be `base`; empty means not known.

    `deleted` names restore points that a run has deleted, the last few, and `kept` says how many there are.
    `reserved_until` is by the clock of the database's server, for people. `reserved_seconds` is the life that
    the reservation was given: whoever counts it from a time of its own needs no clock but its own.
    `held_back` counts pending migrations from the first `phase=contract` on, which wait for the old slot's
    end.
    `slots` says of each slot with bounds whether it works with `target`.
    `steps` are the plan; the first `done` of them were committed by this run.
    `by_operation`: so many migrations an inspection found applied by the operation that it is of: by runs
    whose word may be lost. `begun_at` is the version without them; empty where the operation has begun none.
    """

    operation: Operation
    operation_id: str
    reason: Reason
    message: str
    at: str
    exit_code: int = 0
    database: Database | None = None
    direction: Direction = Direction.NONE
    current: str = ""
    target: str = ""
    pending: int = 0
    plan_digest: str = ""
    source_digest: str = ""
    risks: tuple[Risk, ...] = ()
    reserved_until: str = ""
    reserved_seconds: int = 0
    snapshot: Snapshot | None = None
    marker: Marker | None = None
    kept: int = 0
    held_back: int = 0
    done: int = 0
    by_operation: int = 0
    begun_at: str = ""
    slots: tuple[Slot, ...] = ()
    checks: tuple[Check, ...] = ()
    deleted: tuple[str, ...] = ()
    applied_tail: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    steps_omitted: int = 0


_BODY = ("applied_tail", "steps", "deleted", "slots", "checks")


_ELLIPSIS = "…"
_DELETED = "deleted"
_SLOTS = "slots"
_CHECK = "check"


def bounded(text: str, limit: int = MESSAGE_BYTES) -> str:
    """`text` cut to `limit` bytes of UTF-8 at a character's border, with an ellipsis when cut."""
    raw = text.encode()
    if len(raw) <= limit:
        return text
    if limit < len(_ELLIPSIS.encode()):
        return ""
    return raw[: limit - len(_ELLIPSIS.encode())].decode(errors="ignore") + _ELLIPSIS


def encode(result: Result, budget: int = DEFAULT_BUDGET) -> str:
    """Text of at most `budget` bytes, core first. Steps that do not fit are counted; the core always fits."""
    lines: list[str] = []
    most = replace(result, steps_omitted=result.steps_omitted + len(result.steps))
    room = budget - max(CORE_BYTES, len(_core(most, budget).encode())) - 1
    for line in _extras(result):
        if room - len(line.encode()) - 1 >= 0:
            lines.append(line)
            room -= len(line.encode()) + 1
    kept = 0
    for step in result.steps:
        line = _line({"d": step.direction, "id": step.id, "s": step.severity, "l": list(step.losses)})
        room -= len(line.encode()) + 1
        if room < 0:
            break
        lines.append(line)
        kept += 1
    omitted = result.steps_omitted + len(result.steps) - kept
    return "\n".join([_core(replace(result, steps_omitted=omitted), budget), *lines])


def _extras(result: Result) -> list[str]:
    """Lines beside the steps. The answer about slots goes first: a decision depends on it."""
    lines = []
    if result.slots:
        lines.append(_line({_SLOTS: {slot.name: slot.fit for slot in result.slots}}))
    if result.applied_tail:
        lines.append(_line(list(result.applied_tail[-TAIL_LENGTH:])))
    if result.deleted:
        lines.append(_line({_DELETED: list(result.deleted[-TAIL_LENGTH:])}))
    for check in result.checks:
        said = bounded(check.error, ERROR_BYTES)
        lines.append(
            _line({_CHECK: check.name, "p": check.passed, "n": check.runs, "f": check.failures, "e": said})
        )
    return lines


def _core(result: Result, budget: int) -> str:
    core: dict[str, Any] = {"v": VERSION}
    for f in fields(Result):
        value = getattr(result, f.name)
        if f.name in _BODY or value in (None, "", (), 0):
            continue
        core[f.name] = asdict(value) if isinstance(value, (Database, Snapshot, Marker)) else value
    core["message"] = bounded(result.message)
    for limit, shortest in ((CORE_BYTES, SHORTEST_MESSAGE_BYTES), (budget, 0)):
        while len(_line(core).encode()) > limit and len(core["message"].encode()) > shortest:
            core["message"] = bounded(core["message"], max(shortest, len(core["message"].encode()) - 64))
    return _line(core)


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def decode(text: str) -> Result:
    """The result in `text`. Body lines that were cut are counted as omitted.

    Raises:
        ResultError: no first line, not JSON, or of a version this release does not know.
    """
    first, *rest = text.strip().split("\n")
    try:
        core = json.loads(first)
        version = core.pop("v")
        database, snapshot = core.pop("database", None), core.pop("snapshot", None)
        marker = core.pop("marker", None)
        result = Result(
            operation=Operation(core.pop("operation")),
            reason=Reason(core.pop("reason")),
            direction=Direction(core.pop("direction", Direction.NONE)),
            risks=tuple(Risk(risk) for risk in core.pop("risks", ())),
            database=_read(Database, database) if database else None,
            snapshot=_read(Snapshot, snapshot) if snapshot else None,
            marker=_read(Marker, marker) if marker else None,
            **_plain(Result, {"operation_id": "", "message": "", "at": "", **core}),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultError(f"not a result: {type(error).__name__}") from None
    if version != VERSION:
        raise ResultError(f"a result of version {version}; this release reads {VERSION}")
    return _with_body(result, rest)


Part = TypeVar("Part", Database, Snapshot, Marker)


def _read(kind: type[Part], value: dict[str, Any]) -> Part:
    return kind(**_plain(kind, value))


def _plain(kind: type[Result | Database | Snapshot | Marker], value: dict[str, Any]) -> dict[str, Any]:
    """The text and numbers among the fields of `kind`. What a later release has added is left out.

    A result comes from a pod in somebody else's namespace: nothing is taken for what it says it is.
    """
    plain = {f.name: f.type for f in fields(kind) if f.type in _PLAIN}
    found = {name: one for name, one in value.items() if name in plain}
    for name, one in found.items():
        if type(one) is not _PLAIN[plain[name]] or (isinstance(one, int) and not -1 <= one <= LARGEST):
            raise TypeError(name)
    return found


_PLAIN: dict[Any, type] = {"str": str, "int": int}


def _with_body(result: Result, lines: list[str]) -> Result:
    tail: tuple[str, ...] = ()
    steps: list[Step] = []
    checks: dict[str, Check] = {}
    for line in lines:
        try:
            value = json.loads(line)
            if isinstance(value, list):
                tail = _texts(value)[-TAIL_LENGTH:]
            elif _DELETED in value:
                result = replace(result, deleted=_texts(value[_DELETED]))
            elif _SLOTS in value:
                fits = list(value[_SLOTS].items())[:SLOTS]
                result = replace(result, slots=tuple(Slot(str(name), SlotFit(fit)) for name, fit in fits))
            elif _CHECK in value:
                check = _check(value)
                checks[check.name] = check
            else:
                steps.append(_step(value))
        except (ValueError, KeyError, TypeError, AttributeError):
            result = replace(result, steps_omitted=result.steps_omitted + 1)
            break
    return replace(result, applied_tail=tail, steps=tuple(steps), checks=tuple(checks.values()))


def _check(value: dict[str, Any]) -> Check:
    (name, error), passed = _texts([value[_CHECK], value["e"]]), value["p"]
    counts = (value["n"], value["f"])
    if not isinstance(passed, bool) or any(type(one) is not int or not 0 <= one <= LARGEST for one in counts):
        raise TypeError("not what a check says")
    return Check(name[:NAME_LENGTH], passed, counts[0], counts[1], bounded(error, ERROR_BYTES))


def _step(value: dict[str, Any]) -> Step:
    (migration,) = _texts([value["id"]])
    return Step(Direction(value["d"]), migration, Severity(value["s"]), _texts(value["l"]))


def _texts(values: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(one, str) for one in values):
        raise TypeError("text was expected")
    return tuple(values)
