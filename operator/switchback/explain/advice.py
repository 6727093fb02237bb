"""What a spec with traffic and checks says that its author may not mean: seen from the files alone."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from switchback.api.policies import AutomaticRollback, RollbackPolicy
from switchback.api.reasons import REASONS, OperatorReason
from switchback.contract.words import CheckStage
from switchback.explain.bounds import is_before
from switchback.explain.findings import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from switchback.api.cutover import Cutover
    from switchback.api.spec import Spec
    from switchback.explain.document import Document
    from switchback.explain.references import Companions

WAVE = "argocd.argoproj.io/sync-wave"
HOOK = "argocd.argoproj.io/hook"
_PHASES = {"PreSync": -1, "PostSync": 1}
"""Argo CD's phases, those without one stand between them."""

_NEEDS_CUTOVER = {CheckStage.BEFORE_CUTOVER, CheckStage.AFTER_CUTOVER}


def advice(
    document: Document, spec: Spec, ids: Sequence[str] | None, beside: Companions, namespace: str
) -> list[Finding]:
    """Everything there is to say.

    Args:
        document: the resource as it stands in the file.
        spec: the same, read.
        ids: migrations of the source in order; None when nobody has seen them.
        beside: what comes with the files.
        namespace: of the resource.
    """
    found = [*_checks(spec)]
    if spec.cutover is not None:
        found += [*_bounds(spec.cutover, ids), *_git(document, spec.cutover, beside, namespace)]
    return found


def _checks(spec: Spec) -> Iterator[Finding]:
    """Checks that never run, and checks whose failure changes nothing."""
    after = spec.checks_at(CheckStage.AFTER_CUTOVER) if spec.cutover is not None else ()
    if after and spec.rollback.automatic is AutomaticRollback.NEVER:
        names = ", ".join(check.name for check in after)
        message = f"when {names} fails after the switch, the traffic stays on the new slot."
        yield Finding(
            Level.WARNING,
            "FailingChecksUndoNothing",
            message,
            ("spec", "rollback", "automatic"),
            "Set it to Traffic, or to TrafficAndSchema, to have a failing check move the traffic back.",
        )
    if after and spec.cutover is not None and not spec.cutover.soak_period_seconds:
        message = "nothing is watched: each check of AfterCutover has to pass only once."
        yield Finding(
            Level.WARNING,
            "SoakEmpty",
            message,
            ("spec", "cutover", "soakPeriodSeconds"),
            "Give it some time.",
        )
    if spec.rollback.automatic is AutomaticRollback.TRAFFIC_AND_SCHEMA:
        yield from _no_way_back(spec)
    for number, check in enumerate(spec.checks):
        for at, stage in enumerate(check.stages):
            lacking = _never_runs(stage, spec)
            if lacking:
                yield Finding(
                    Level.WARNING,
                    "CheckNeverRuns",
                    f"check {check.name} never runs at {stage}: there is no {lacking}.",
                    ("spec", "checks", number, "stages", at),
                )


def _no_way_back(spec: Spec) -> Iterator[Finding]:
    """What would keep the schema from going back by itself. A person who asks for it has the same rules."""
    place = ("spec", "rollback", "automatic")
    why = ""
    if spec.source is None:
        why = "there is no spec.source, so no schema is changed"
    elif spec.rollback.policy is RollbackPolicy.DENY:
        why = "spec.rollback.policy is Deny"
    elif spec.snapshot is None:
        why = "there is no spec.snapshot, and a rollback needs a restore point"
    if why:
        message = f"a failing check cannot have the schema go back: {why}."
        yield Finding(
            Level.WARNING, "SchemaStays", message, place, "Set it to Traffic, or add what is missing."
        )


def _never_runs(stage: CheckStage, spec: Spec) -> str:
    if stage in _NEEDS_CUTOVER:
        return "" if spec.cutover is not None else "spec.cutover"
    return "" if spec.source is not None else "spec.source"


def _bounds(cutover: Cutover, ids: Sequence[str] | None) -> Iterator[Finding]:
    """Bounds that leave no version for a slot, or none for both: nothing leads from one to the other."""
    known = [(at, slot.name, slot.schema_bounds) for at, slot in enumerate(cutover.slots)]
    bounded = [(at, name, bounds) for at, name, bounds in known if bounds is not None]
    for (at, low_name, low), (_at, high_name, high) in itertools.product(bounded, repeat=2):
        if not low.minimum or not high.maximum or not is_before(high.maximum, low.minimum, ids):
            continue
        needs = f"{low_name} needs {low.minimum} or newer"
        other = "and" if low_name == high_name else f"and {high_name}"
        message = f"{needs}, {other} works with nothing beyond {high.maximum}: no schema fits both."
        if low_name == high_name:
            message = f"{needs}, and works with nothing beyond {high.maximum}: no schema fits it."
        yield Finding(
            Level.REFUSED,
            "SlotBoundsApart",
            message,
            ("spec", "cutover", "slots", at, "schema", "minimum"),
            "While the traffic moves, both programs work with the same schema: add what one needs before "
            "what the other cannot bear is taken away.",
        )


def _git(document: Document, cutover: Cutover, beside: Companions, namespace: str) -> Iterator[Finding]:
    """What the files say of the Service and the workloads."""
    service = beside.objects.get(("Service", namespace, cutover.service_name))
    selector: Any = _spec(service).get("selector") if service is not None else None
    if service is not None and isinstance(selector, dict) and cutover.selector_key in selector:
        reason = OperatorReason.SELECTOR_IN_MANIFEST
        where = service.places.text(("spec", "selector", cutover.selector_key))
        message = (
            f"Service {cutover.service_name} ({where}) has {cutover.selector_key} in its selector: whoever "
            "applies it again moves the traffic."
        )
        place = ("spec", "cutover", "selectorKey")
        yield Finding(Level.WARNING, reason, message, place, REASONS[reason].advice)
    mine = _wave(document)
    for slot in cutover.slots:
        kind, name = str(slot.workload_ref.kind), slot.workload_ref.name
        workload = beside.objects.get((kind, namespace, name))
        if workload is None or _wave(workload) <= mine:
            continue
        message = (
            f"Argo CD applies {kind} {name} ({workload.places.text()}) in a later phase or wave than this, "
            "and not before this is healthy; this waits for that workload."
        )
        yield Finding(
            Level.REFUSED,
            "SyncWaveTooEarly",
            message,
            ("metadata", "annotations", HOOK if _wave(document)[0] < _wave(workload)[0] else WAVE),
            "Give this resource the wave of its workloads, or a later one, and no PreSync hook.",
        )


def _spec(document: Document) -> dict[str, Any]:
    spec = document.data.get("spec")
    return spec if isinstance(spec, dict) else {}


def _wave(document: Document) -> tuple[int, int]:
    """(phase, wave) in which Argo CD applies an object."""
    annotations = document.metadata.get("annotations")
    given = annotations if isinstance(annotations, dict) else {}
    hooks = [word.strip() for word in str(given.get(HOOK, "")).split(",")]
    phase = min((_PHASES.get(hook, 0) for hook in hooks), default=0)
    text = str(given.get(WAVE, "0")).strip()
    return phase, int(text) if text.lstrip("-+").isdecimal() else 0
