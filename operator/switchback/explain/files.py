"""What is in the source: the migrations of ConfigMaps, read by the very code that the runs read them with."""

from __future__ import annotations

import base64
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from switchback.contract.reasons import Reason
from switchback.contract.words import BASE, Direction, SourceFormat
from switchback.controller.observe import source_from
from switchback.controller.observed import Source, Trouble
from switchback.explain.findings import Finding, Level
from switchback.migrations.errors import SourceProblem
from switchback.migrations.halves import Code
from switchback.migrations.load import load
from switchback.migrations.model import Reversal
from switchback.migrations.target import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from switchback.api.spec import Spec
    from switchback.explain.cases import Known
    from switchback.migrations import errors, model

Object = dict[str, Any]

REFS = ("spec", "source", "configMapRefs")
THE_SOURCE = "the source"
PLACE = "in spec.source"
_SHOWN = 5


@dataclass(frozen=True)
class Files:
    """The source as far as it can be seen from here.

    `source` is what the operator would see: the digest, or why there is none. `migrations` is None where
    nobody has looked into the files, `problem` what is wrong with them.
    """

    source: Source = field(default_factory=Source)
    migrations: model.Source | None = None
    problem: SourceProblem | None = None

    is_image: bool = False

    @property
    def is_seen(self) -> bool:
        """Whether somebody could look for the files. Those of an image nobody needs to see beforehand."""
        return self.is_image or bool(self.source.digest) or self.source.problem is not None

    @property
    def ids(self) -> tuple[str, ...] | None:
        """Ids in order; None when they are not known."""
        return None if self.migrations is None else tuple(one.id for one in self.migrations.migrations)

    def resolved(self, target: str, applied: Sequence[str] = ()) -> str | None:
        """The id that a target stands for, or None when that is not known.

        Raises:
            SourceProblem: neither the files nor what is applied have such an id.
        """
        if target == BASE or self.migrations is None:
            return BASE if target == BASE else None
        return resolve(target, self.migrations, applied)

    def no_way_back(self, ids: Iterable[str]) -> dict[str, Reversal]:
        """Those of the named migrations whose files hold no way back."""
        if self.migrations is None:
            return {}
        found = {}
        for name in ids:
            migration = self.migrations.by_id.get(name)
            if migration is not None and not migration.problems():
                found[name] = migration.reversal
        return {
            name: what for name, what in found.items() if what in {Reversal.ABSENT, Reversal.IRREVERSIBLE}
        }

    def held(self, ids: Sequence[str]) -> tuple[str, ...]:
        """The first of these that is of phase=contract, and all after it."""
        known = self.migrations.by_id if self.migrations is not None else {}
        first = next(
            (at for at, name in enumerate(ids) if name in known and known[name].is_contract), len(ids)
        )
        return tuple(ids[first:])


def files_of(spec: Spec, found: Mapping[str, Object | None]) -> Files:
    """The source of a spec.

    Args:
        spec: the spec.
        found: its ConfigMaps by name; None: there is none. One that is left out could not be read.
    """
    wanted = list(spec.config_maps)
    if not wanted:
        return Files(is_image=True)
    if any(name not in found for name in wanted):
        return Files()
    entries: dict[str, bytes] = {}
    try:
        source = source_from(wanted, [found[name] for name in wanted])
        for name in wanted:
            entries.update(_entries(found[name] or {}))
    except (AttributeError, TypeError, ValueError):
        text = f"a ConfigMap among {', '.join(wanted)} holds something else than texts under data"
        return Files(Source(problem=Trouble(Reason.SOURCE_INVALID, text)))
    if source.problem is not None:
        return Files(source)
    named = spec.the_source.format
    chosen = None if named is SourceFormat.AUTO else str(named)
    try:
        return Files(source, _read(entries, chosen))
    except SourceProblem as problem:
        return Files(source, problem=problem)


def findings(files: Files, applied: Sequence[str] = ()) -> list[Finding]:
    """What is wrong with the files. Inside of those that are applied already nobody looks."""
    if files.source.problem is not None:
        problem = files.source.problem
        return [Finding(Level.REFUSED, problem.reason, f"{problem.message}.", REFS)]
    if files.problem is not None:
        return [_finding(one) for one in files.problem.problems]
    if files.migrations is None:
        return []
    try:
        files.migrations.check(set(files.ids or ()) - set(applied))
    except SourceProblem as problem:
        return [_finding(one) for one in problem.problems]
    return []


def unknown_losses(files: Files, known: Known) -> list[Finding]:
    """That nobody can tell what a way back destroys that is surely taken and leads through Python."""
    by_id = {} if files.migrations is None else files.migrations.by_id
    called = [name for name in known.todo if name in by_id and isinstance(by_id[name].down, Code)]
    if not called or not known.certain or known.direction is not Direction.BACKWARD:
        return []
    shown = ", ".join(called[:_SHOWN]) + (f" and {len(called) - _SHOWN} more" if called[_SHOWN:] else "")
    what = "a function in Python, whose" if len(called) == 1 else "functions in Python, whose"
    message = f"rolling back {shown} calls {what} losses are unknown: they count as losses."
    advice = "Read what `down` does; spec.rollback.dataLossPolicy says who accepts it."
    return [Finding(Level.WARNING, "DataLossUnknown", message, ("spec", "target"), advice)]


def target_finding(files: Files, target: str, applied: Sequence[str]) -> Finding | None:
    """Whether files or ledger know the target."""
    try:
        files.resolved(target, applied)
    except SourceProblem as problem:
        first = problem.first
        message = first.message if applied else first.message.replace(" nor the ledger", " nor what is known")
        return Finding(Level.REFUSED, str(first.reason), message, ("spec", "target"), first.advice)
    return None


def _finding(one: errors.Problem) -> Finding:
    message = f"{one.place}: {one.message}" if one.place else one.message
    return Finding(Level.REFUSED, str(one.reason), message, REFS, one.advice)


def _entries(config_map: Object) -> dict[str, bytes]:
    """The files as the kubelet writes them. A key that can be no file name is refused by the API server."""
    text = {name: value.encode() for name, value in (config_map.get("data") or {}).items()}
    binary = {name: base64.b64decode(value) for name, value in (config_map.get("binaryData") or {}).items()}
    return {name: content for name, content in {**text, **binary}.items() if "/" not in name}


def _read(entries: Mapping[str, bytes], chosen: str | None) -> model.Source:
    """The migrations, from a folder like the one in which a run finds them."""
    with tempfile.TemporaryDirectory(prefix="switchback-explain-") as folder:
        for file, content in entries.items():
            (Path(folder) / file).write_bytes(content)
        try:
            return replace(load(folder, chosen), folder=PLACE)
        except SourceProblem as problem:
            raise SourceProblem(_told(one, folder) for one in problem.problems) from None


def _told(one: errors.Problem, folder: str) -> errors.Problem:
    """The problem without the place where nobody else can look."""
    message = one.message.replace(f"the folder {folder}", THE_SOURCE).replace(folder, THE_SOURCE)
    return replace(one, message=message)
