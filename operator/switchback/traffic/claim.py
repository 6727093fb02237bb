"""Who has a Service: an annotation on it that names one resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.api.traffic import IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """What the annotation says."""

    namespace: str
    name: str
    uid: str

    @property
    def text(self) -> str:
        """How people name the resource."""
        return f"{self.namespace}/{self.name}"

    @property
    def value(self) -> str:
        """The annotation's value."""
        return f"{self.text}/{self.uid}"


def claim_in(annotations: Mapping[str, str]) -> Claim | None:
    """The claim; None when there is none, or none that can be read."""
    parts = annotations.get(names.ANNOTATION_CLAIMED_BY, "").split("/")
    return Claim(*parts) if len(parts) == 3 and all(parts) else None  # noqa: PLR2004 - the parts of a claim


def rival(annotations: Mapping[str, str], namespace: str, uid: str) -> Claim | None:
    """The claim of another resource, by what a Service of this namespace carries; None when there is none.

    A claim out of another namespace was copied here together with the Service: nobody there means this one.
    """
    claim = claim_in(annotations)
    return claim if claim is not None and claim.uid != uid and claim.namespace == namespace else None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a Service. `leaving`: not for long, since it is being deleted."""

    text: str = ""
    leaving: bool = False


NOBODY = Holder()


def holder(claim: Claim, resource: Object | None, service: str) -> Holder:
    """Who has the Service by this claim, which names this resource.

    It has to be the same one, not one that was created anew. One that was edited to use another Service has
    let go. So has one that is being deleted, but not before its switch is over: until then it writes.
    """
    if resource is None or resource["metadata"]["uid"] != claim.uid:
        return NOBODY
    cutover = (resource.get("spec") or {}).get("cutover") or {}
    if cutover.get("serviceName") != service:
        return NOBODY
    leaving = "deletionTimestamp" in resource["metadata"]
    return Holder(claim.text, leaving) if not leaving or _takes_back(resource) else NOBODY


def _takes_back(resource: Object) -> bool:
    """Whether it is there until its switch is undone."""
    held = names.FINALIZER in (resource["metadata"].get("finalizers") or ())
    traffic = (resource.get("status") or {}).get("traffic") or {}
    return held and (traffic.get("cutover") or {}).get("phase") in IN_FLIGHT
