"""What the cluster says about the place of a resource: read with the user's own rights, whatever these are.

Each question may be answered by "you may not look". Then the answer is unknown, which is told, and everything
else goes on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from switchback.controller.admission import guard, in_force, seal_of
from switchback.controller.kube.errors import NotFoundError, RefusedError
from switchback.controller.kube.kinds import (
    ADMISSION_BINDINGS,
    ADMISSION_POLICIES,
    CONFIG_MAPS,
    JOBS,
    MIGRATIONS,
    NAMESPACES,
    PODS,
)
from switchback.controller.observe import namespace_from, selector
from switchback.controller.observed import Namespace, PolicyState
from switchback.explain.looking import is_unknown_kind
from switchback.explain.references import CLUSTER_WIDE, KINDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from switchback.explain.looking import Looking
    from switchback.explain.references import Reference

Object = dict[str, Any]
T = TypeVar("T")

APPROVE = "approve"


class There(Enum):
    """Whether something exists."""

    YES = "exists"
    NO = "does not exist"
    UNKNOWN = "not known: you may not look"
    COMES = "comes with the file"


@dataclass(frozen=True)
class Place:
    """The namespace of a resource, and what is in it.

    `config_maps` holds what could be read; None stands for one that does not exist.
    """

    there: There = There.UNKNOWN
    namespace: Namespace | None = None
    installed: bool = True
    live: Object | None = None
    live_known: bool = True
    jobs: tuple[Object, ...] = ()
    pods: tuple[Object, ...] = ()
    config_maps: dict[str, Object | None] = field(default_factory=dict)
    references: dict[Reference, There] = field(default_factory=dict)
    may_approve: bool | None = None


async def place_of(
    client: Looking, namespace: str, name: str, wanted: Iterable[Reference], config_maps: Iterable[str]
) -> Place:
    """Everything about the namespace, in as few steps as possible.

    Raises:
        KubeError: the API server does not answer, or does not know who asks.
    """
    (there, around), (installed, live, live_known) = await asyncio.gather(
        _namespace(client, namespace), _live(client, namespace, name)
    )
    named, maps = list(dict.fromkeys(wanted)), list(dict.fromkeys(config_maps))
    known, contents, may, (jobs, pods) = await asyncio.gather(
        asyncio.gather(*(_exists(client, namespace, one) for one in named)),
        asyncio.gather(*(_config_map(client, namespace, one) for one in maps)),
        _may_approve(client, namespace, name),
        _work(client, namespace, live),
    )
    return Place(
        there=there,
        namespace=around,
        installed=installed,
        live=live,
        live_known=live_known,
        jobs=tuple(jobs),
        pods=tuple(pods),
        config_maps={one: found for one, (seen, found) in zip(maps, contents, strict=True) if seen},
        references=dict(zip(named, known, strict=True)),
        may_approve=may,
    )


async def _namespace(client: Looking, name: str) -> tuple[There, Namespace | None]:
    try:
        return There.YES, namespace_from(await client.get(NAMESPACES, "", name))
    except NotFoundError:
        return There.NO, None
    except RefusedError:
        return There.UNKNOWN, None


async def _live(client: Looking, namespace: str, name: str) -> tuple[bool, Object | None, bool]:
    """(the kind is installed, the resource, whether that is known)."""
    if not name:
        return True, None, True
    try:
        return True, await client.get(MIGRATIONS, namespace, name), True
    except NotFoundError as error:
        return not is_unknown_kind(error), None, True
    except RefusedError:
        return True, None, False


async def _work(client: Looking, namespace: str, live: Object | None) -> tuple[list[Object], list[Object]]:
    """Jobs and pods of the resource, in the order in which the operator reads them."""
    if live is None:
        return [], []
    labels = selector(live["metadata"]["uid"])
    jobs = await unless_refused(client.find(JOBS, namespace, labels=labels), [])
    pods = await unless_refused(client.find(PODS, namespace, labels=labels), [])
    return jobs, pods


async def _config_map(client: Looking, namespace: str, name: str) -> tuple[bool, Object | None]:
    try:
        return True, await client.get(CONFIG_MAPS, namespace, name)
    except NotFoundError:
        return True, None
    except RefusedError:
        return False, None


async def _exists(client: Looking, namespace: str, reference: Reference) -> There:
    place = "" if reference.kind in CLUSTER_WIDE else namespace
    try:
        await client.name_only(KINDS[reference.kind], place, reference.name)
    except NotFoundError:
        return There.NO
    except RefusedError:
        return There.UNKNOWN
    return There.YES


async def _may_approve(client: Looking, namespace: str, name: str) -> bool | None:
    may: bool | None = await unless_refused(client.may(APPROVE, MIGRATIONS, namespace, name), None)
    return may


@dataclass(frozen=True)
class Guard:
    """Whether approvals are guarded by admission, and by what. `seal` is that of `controller.admission`."""

    state: PolicyState = PolicyState.UNKNOWN
    name: str = ""
    seal: str = ""


async def guard_of(client: Looking, name: str | None) -> Guard:
    """Whether approvals are guarded by admission.

    Args:
        client: asks.
        name: what the operator was told; empty: approvals count without one; None: nobody knows.
    """
    if name == "":
        return Guard(PolicyState.NOT_REQUIRED)
    if name is None:
        return await _any_guard(client)
    state, seal = await guard(client, name)
    return Guard(state, name, seal)


async def _any_guard(client: Looking) -> Guard:
    """The operator's settings are not known: is there a policy that looks at approvals?"""
    policies = await unless_refused(client.find(ADMISSION_POLICIES), None)
    bindings = await unless_refused(client.find(ADMISSION_BINDINGS), None)
    for policy in policies or ():
        name = str(policy["metadata"]["name"])
        for binding in bindings or ():
            if _guards(policy) and in_force(policy, binding, name):
                return Guard(PolicyState.PRESENT, name, seal_of(policy, binding))
    return Guard()


def _guards(policy: Object) -> bool:
    spec = policy.get("spec") or {}
    watched = (spec.get("matchConstraints") or {}).get("resourceRules") or ()
    return any(MIGRATIONS.plural in (one.get("resources") or ()) for one in watched) and any(
        one.get("name") == "approves" for one in spec.get("variables") or ()
    )


async def unless_refused(asked: Awaitable[T], otherwise: Any) -> Any:
    """The answer, or `otherwise` when one may not have it. Trouble with the connection is passed on."""
    try:
        return await asked
    except (RefusedError, NotFoundError):
        return otherwise
