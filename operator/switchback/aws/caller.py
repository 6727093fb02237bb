"""Who asks AWS, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """In whose name something is asked, and where.

    Attributes:
        region: such as eu-central-1.
        role: ARN of the role that is assumed; empty: what the process itself is.
        external_id: handed over when the role is assumed.
        namespace: Kubernetes namespace for which it is assumed: part of the session's name, and its tag.
    """

    region: str
    role: str = ""
    external_id: str = ""
    namespace: str = ""
