"""From what is needed, and from what the stories refuse, to what a person is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.reasons import OperatorReason, explain
from switchback.explain.cluster import There
from switchback.explain.findings import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from switchback.explain.references import Companions, Reference
    from switchback.explain.stories import Told

_MISSING = {
    "Secret": OperatorReason.SECRET_MISSING,
    "ConfigMap": OperatorReason.CONFIG_MAP_MISSING,
    "PersistentVolumeClaim": OperatorReason.VOLUME_CLAIM_MISSING,
    "ServiceAccount": OperatorReason.POD_NOT_CREATED,
    "PriorityClass": OperatorReason.POD_NOT_CREATED,
}


def needs(
    told: Sequence[Told], needed: Mapping[Reference, There], namespace: str, beside: Companions
) -> list[Finding]:
    """What is missing, and what refuses the cases that can come."""
    found = [*_missing(told, needed, namespace, beside), *_refused(told)]
    places = {(one.reason, one.path[:3]) for one in found if one.level is Level.REFUSED}
    return [one for one in found if one.level is Level.REFUSED or (one.reason, one.path[:3]) not in places]


def _missing(
    told: Sequence[Told], needed: Mapping[Reference, There], namespace: str, beside: Companions
) -> Iterator[Finding]:
    back_for_sure = any(one.known.certain and one.risky is not None for one in told)
    for reference, there in needed.items():
        softer = reference.optional or (reference.backward and not back_for_sure)
        level = Level.WARNING if softer else Level.REFUSED
        what = f"{reference.kind} {reference.name}"
        if there is There.NO and not (reference.optional and reference.path[-2:-1] != ("imagePullSecrets",)):
            reason = _MISSING[reference.kind]
            where = "" if reference.kind == "PriorityClass" else f" in namespace {namespace}"
            yield Finding(
                level,
                reason,
                f"{what} does not exist{where}.",
                reference.path,
                "Create it, or correct its name.",
            )
        elif there is There.COMES and not beside.has_key(reference, namespace) and not reference.optional:
            message = f"{what} comes with the file, and has no key {reference.key}."
            yield Finding(
                level, _key_missing(reference), message, reference.path, "Add the key, or correct it."
            )


def _key_missing(reference: Reference) -> str:
    is_secret = reference.kind == "Secret"
    return OperatorReason.SECRET_KEY_MISSING if is_secret else OperatorReason.CONFIG_MAP_MISSING


def _refused(told: Iterable[Told]) -> Iterator[Finding]:
    """What refuses every case that can come. What refuses only one of them is told with its story."""
    told = list(told)
    common = None
    for one in told:
        own = {refusal.reason for refusal in one.refusals if not refusal.condition}
        common = own if common is None else common & own
    seen: set[str] = set()
    for one in told:
        for refusal in one.refusals:
            certain = one.known.certain and not refusal.condition
            if refusal.reason in seen:
                continue
            if certain or refusal.reason in (common or ()):
                seen.add(refusal.reason)
                advice = explain(refusal.reason)
                words = advice.advice if advice is not None else refusal.advice
                yield Finding(Level.REFUSED, refusal.reason, refusal.message, refusal.path, words)
