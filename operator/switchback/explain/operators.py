"""Which operator would take care of the resource: found by Deployment and Lease, as far as one may look."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchback.controller.kube.errors import KubeError, NotFoundError, RefusedError
from switchback.controller.kube.kinds import LEASES, Kind
from switchback.controller.settings import SettingsError, client_images, namespaces
from switchback.controller.times import parse
from switchback.explain.cluster import unless_refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchback.explain.looking import Looking

Object = dict[str, Any]

DEPLOYMENTS = Kind("apps", "v1", "deployments", "Deployment")
NAMED = "app.kubernetes.io/name=switchback"
FRESH_SECONDS = 60
"""A Lease is renewed every few seconds; clocks of desks are not."""

MOST = 2000
"""So many Deployments are looked through for one under another name."""


@dataclass(frozen=True)
class Operator:
    """One installed operator, and what it was told. `age`: seconds since its Lease was renewed."""

    namespace: str
    name: str
    holder: str = ""
    age: float | None = None
    runner_image: str = ""
    pull_policy: str = ""
    client_images: Mapping[str, str] = field(default_factory=dict)
    namespaces: tuple[str, ...] = ()
    approval_policy: str | None = None

    @property
    def runs(self) -> bool:
        """Whether somebody holds its Lease."""
        return self.age is not None and self.age <= FRESH_SECONDS and bool(self.holder)

    def serves(self, namespace: str) -> bool:
        """Whether it looks at this namespace."""
        return not self.namespaces or namespace in self.namespaces


@dataclass(frozen=True)
class Operators:
    """Those that were found. `known`: whether one may look everywhere for more."""

    found: tuple[Operator, ...] = ()
    known: bool = False

    def of(self, namespace: str) -> Operator | None:
        """The one that serves the namespace, rather one that runs."""
        mine = [one for one in self.found if one.serves(namespace)]
        return next((one for one in mine if one.runs), next(iter(mine), None))


async def operators(client: Looking) -> Operators:
    """The operators of the cluster.

    Raises:
        KubeError: the API server does not answer.
    """
    deployments = await _deployments(client)
    if deployments is not None:
        return Operators(tuple([await _told(client, one) for one in deployments]), known=True)
    leases = await unless_refused(client.find(LEASES), None)
    found = [one for one in leases or () if "switchback" in one["metadata"]["name"]]
    return Operators(tuple(_leased(one) for one in found), known=leases is not None)


async def _deployments(client: Looking) -> list[Object] | None:
    """Those that run `switchback operator`; None when one may not look."""
    try:
        named = await client.find(DEPLOYMENTS, labels=NAMED)
        found = [one for one in named if _container(one)]
        if found:
            return found
        looked = 0
        async for page in client.pages(DEPLOYMENTS):
            found += [one for one in page if _container(one)]
            looked += len(page)
            if looked >= MOST:
                break
    except (RefusedError, NotFoundError):
        return None
    return found


def _container(deployment: Object) -> Object | None:
    pod = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    for container in pod.get("containers") or ():
        names = {variable.get("name") for variable in container.get("env") or ()}
        if "SWITCHBACK_RUNNER_IMAGE" in names:
            return dict(container)
    return None


async def _told(client: Looking, deployment: Object) -> Operator:
    metadata = deployment["metadata"]
    container = _container(deployment) or {}
    told = {one["name"]: one["value"] for one in container.get("env") or () if "value" in one}
    lease_name = str(told.get("SWITCHBACK_LEASE_NAME") or "switchback")
    try:
        lease: Object = await client.get(LEASES, metadata["namespace"], lease_name)
    except KubeError as error:
        if not isinstance(error, RefusedError | NotFoundError):
            raise
        lease = {}
    try:
        images, served = (
            client_images(told.get("SWITCHBACK_CLIENT_IMAGES", "")),
            namespaces(told.get("SWITCHBACK_NAMESPACES", "")),
        )
    except SettingsError:  # then it does not start
        images, served = {}, ()
    holder, age = _held(lease)
    return Operator(
        namespace=metadata["namespace"],
        name=metadata["name"],
        holder=holder,
        age=age,
        runner_image=str(told.get("SWITCHBACK_RUNNER_IMAGE") or ""),
        pull_policy=str(told.get("SWITCHBACK_RUNNER_PULL_POLICY") or ""),
        client_images=images,
        namespaces=served,
        approval_policy=str(told.get("SWITCHBACK_APPROVAL_POLICY") or ""),
    )


def _leased(lease: Object) -> Operator:
    holder, age = _held(lease)
    return Operator(lease["metadata"]["namespace"], lease["metadata"]["name"], holder, age)


def _held(lease: Object) -> tuple[str, float | None]:
    spec = lease.get("spec") or {}
    renewed = parse(str(spec.get("renewTime") or ""))
    age = (datetime.now(UTC) - renewed).total_seconds() if renewed is not None else None
    return str(spec.get("holderIdentity") or ""), age
