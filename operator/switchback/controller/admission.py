"""Whether an approval tells who gave it: the admission policy and its binding, as the API server has them.

See docs/adr/0007-who-may-approve.md. The operator may read these two objects and no others of their kind.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from switchback.contract import digest
from switchback.controller.kube.errors import NotFoundError, RefusedError
from switchback.controller.kube.kinds import ADMISSION_BINDINGS, ADMISSION_POLICIES
from switchback.controller.observed import PolicyState

if TYPE_CHECKING:
    from switchback.controller.kube.kinds import Kind

Object = dict[str, Any]


class Reads(Protocol):
    """Whoever can ask the API server for one object."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """The object as it is now."""


async def guard(client: Reads, name: str) -> tuple[PolicyState, str]:
    """(whether the policy with this name is in force, its seal; empty when it is not)."""
    try:
        policy, binding = await asyncio.gather(
            client.get(ADMISSION_POLICIES, "", name), client.get(ADMISSION_BINDINGS, "", name)
        )
    except NotFoundError:
        return PolicyState.MISSING, ""
    except RefusedError:
        return PolicyState.UNKNOWN, ""
    if not in_force(policy, binding, name):
        return PolicyState.MISSING, ""
    return PolicyState.PRESENT, seal_of(policy, binding)


def in_force(policy: Object, binding: Object, name: str) -> bool:
    """Whether the binding makes the policy refuse, in every namespace, and also what it cannot judge."""
    rules, bound = policy.get("spec") or {}, binding.get("spec") or {}
    return (
        bound.get("policyName") == name
        and "Deny" in (bound.get("validationActions") or ())
        and not (bound.get("matchResources") or bound.get("paramRef"))
        and rules.get("failurePolicy", "Fail") == "Fail"
        and not rules.get("matchConditions")
    )


def seal_of(policy: Object, binding: Object) -> str:
    """A hash over UID and generation of both.

    Nobody can know it before the two exist as they are: a token that is bound to it cannot have been given
    while nobody watched.
    """
    versions = [f"{one['metadata']['uid']} {one['metadata'].get('generation')}" for one in (policy, binding)]
    return digest.short("\n".join(versions), 16)
