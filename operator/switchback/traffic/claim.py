"""Who has a Service: an annotation on it that names one resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.api import names

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


def counts(claim: Claim, resource: Object, service: str) -> bool:
    """Whether this resource, which the claim names, still means what the claim says.

    It has to be the same one, not one that was created anew; one that goes away has let go; and one that was
    edited to use another Service has, too.
    """
    metadata, cutover = resource["metadata"], (resource.get("spec") or {}).get("cutover") or {}
    same = metadata["uid"] == claim.uid and "deletionTimestamp" not in metadata
    return same and cutover.get("serviceName") == service
