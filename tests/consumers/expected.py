"""The verdicts that a resource has to get, read off its conditions by the table of the page consumers.md.

Written down a second time on purpose: nothing here uses the operator's own code. Whatever fits no row is
wrong, whatever the tools make of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tests.consumers.verdicts import ERROR, Verdicts, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

Object = dict[str, Any]

THE_FOUR = ("Ready", "Reconciling", "Stalled", "Finished")
NOT_SEEN = -1


class Row(NamedTuple):
    """One row: what it takes, and what the tools have to say. Reasons `None`: any."""

    ready: str
    reasons: frozenset[str] | None
    reconciling: bool
    stalled: bool
    finished: bool
    kstatus: str
    argo: str


class WrongStatusError(AssertionError):
    """A status that fits no row."""


def _row(ready: str, true: str, kstatus: str, argo: str) -> Row:
    status, _, reasons = ready.partition("/")
    kinds = true.split()
    return Row(
        status,
        frozenset(reasons.split("|")) if reasons else None,
        "Reconciling" in kinds,
        "Stalled" in kinds,
        "Finished" in kinds,
        kstatus,
        argo,
    )


ROWS: dict[str, Row] = {
    "working": _row("Unknown/Progressing", "Reconciling", "InProgress", "Progressing"),
    "retrying": _row("False/Retrying|WaitingForDatabase", "Reconciling", "InProgress", "Progressing"),
    "rolling back": _row("False/RollingBack", "Reconciling", "InProgress", "Progressing"),
    "waiting for approval": _row("Unknown/AwaitingApproval", "Reconciling", "InProgress", "Suspended"),
    "suspended": _row("Unknown/Suspended", "Reconciling", "InProgress", "Suspended"),
    "suspended, intent reached": _row("True/Suspended", "Finished", "Current", "Suspended"),
    "done": _row("True/Succeeded", "Finished", "Current", "Healthy"),
    "failed or rolled back": _row("False", "Stalled Finished", "Failed", "Degraded"),
    "no healthy slot, contested": _row(
        "False/NoHealthySlot|SelectorContested", "Stalled", "Failed", "Degraded"
    ),
}


def expected(resource: Object) -> Verdicts:
    """The verdicts that this resource has to get.

    Raises:
        WrongStatusError: its status fits no row.
    """
    meta, status = resource["metadata"], resource.get("status")
    deleting = meta.get("deletionTimestamp") is not None
    seen = status is not None and status.get("observedGeneration", NOT_SEEN) != NOT_SEEN
    row = _row_of(status, meta["generation"], deleting=deleting) if status is not None and seen else None
    if deleting:
        return Verdicts("Terminating", "Terminating", "Progressing", "InProgress")
    if status is None:
        # The CRD's default keeps this from ever being stored. kstatus alone would take it for done.
        return Verdicts("Current", "Current", "Progressing", ERROR)
    if row is None or status["observedGeneration"] != meta["generation"]:
        return Verdicts("InProgress", "InProgress", "Progressing", "InProgress")
    return Verdicts(row.kstatus, row.kstatus, row.argo, row.kstatus)


def finished(resource: Object, kind: str = "Finished") -> bool:
    """Whether `kubectl wait --for=condition=KIND` has to end: True, and about the newest spec."""
    known = {one["type"]: one for one in (resource.get("status") or {}).get("conditions", [])}
    one = known.get(kind)
    return (
        one is not None
        and one["status"] == "True"
        and one["observedGeneration"] >= resource["metadata"]["generation"]
    )


def mistakes(resources: Sequence[Object]) -> list[tuple[str, str]]:
    """The resources that a tool reads wrong, each by its name and with what is wrong."""
    found = []
    for resource, said in zip(resources, judge(resources), strict=True):
        try:
            wanted = expected(resource)
        except WrongStatusError as error:
            found.append((name(resource), f"{error}; the tools say {_words(said)}"))
            continue
        if said != wanted:
            found.append((name(resource), f"the tools say {_words(said)}, and had to say {_words(wanted)}"))
    return found


def name(resource: Object) -> str:
    """Which resource, in which of its generations."""
    meta = resource["metadata"]
    return f"{meta.get('namespace', '')}/{meta['name']} (generation {meta['generation']})"


def _row_of(status: Object, generation: int, *, deleting: bool) -> Row | None:
    """The row that the conditions fit. None: being deleted, where Ready stays as it was."""
    conditions = status.get("conditions", [])
    known = {one["type"]: one for one in conditions}
    seen = status["observedGeneration"]
    if type(seen) is not int or seen > generation:
        raise WrongStatusError(f"observedGeneration is {seen!r} at generation {generation}")
    if len(known) != len(conditions) or not set(THE_FOUR) <= set(known):
        raise WrongStatusError(
            f"not each of {', '.join(THE_FOUR)} once: {[one['type'] for one in conditions]}"
        )
    if strangers := [one["type"] for one in conditions if one["observedGeneration"] != seen]:
        raise WrongStatusError(f"{strangers} are of another generation than the status, which is of {seen}")
    true = {kind for kind in THE_FOUR[1:] if known[kind]["status"] == "True"}
    if unsure := [kind for kind in THE_FOUR[1:] if known[kind]["status"] not in {"True", "False"}]:
        raise WrongStatusError(f"{unsure} are neither True nor False")
    if known["Reconciling"]["reason"] == "Deleting" and true == {"Reconciling"}:
        if not deleting:
            raise WrongStatusError("it says that it is being deleted, and is not")
        return None
    ready = known["Ready"]
    for row in ROWS.values():
        wanted = {kind for kind in THE_FOUR[1:] if getattr(row, kind.lower())}
        fits = row.reasons is None or ready["reason"] in row.reasons
        if (row.ready, wanted) == (ready["status"], true) and fits:
            return row
    others = " and ".join(sorted(true)) or "nothing"
    raise WrongStatusError(f"no row has Ready {ready['status']}/{ready['reason']} and {others} True")


def _words(said: Verdicts) -> str:
    parts = zip(("kstatus", "kstatus of Flux and Helm", "Argo CD", "Flux's expressions"), said, strict=True)
    return ", ".join(f"{tool} {verdict}" for tool, verdict in parts)
