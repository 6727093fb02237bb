"""What the tools that read our resource say of it, each by its own code (the program `verdicts`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.cluster import binaries
from tests.cluster.paths import CHECKOUT
from tests.cluster.run import run

if TYPE_CHECKING:
    from collections.abc import Iterable

Object = dict[str, Any]

GITOPS = CHECKOUT / "gitops"
HEALTH = GITOPS / "argocd" / "health.lua"
ACTIONS = GITOPS / "argocd" / "actions"
KUSTOMIZATION = GITOPS / "flux" / "bookshop.yaml"
PROGRAM = "verdicts"

ERROR = "error"
"""What stands for a tool that could not say anything."""


class Verdicts(NamedTuple):
    """The answers of kstatus (kpt's, and the one of Flux and Helm 4), health.lua and healthCheckExprs."""

    kstatus: str
    kstatus_flux: str
    argo: str
    flux: str


def judge(objects: Iterable[Object]) -> list[Verdicts]:
    """What the tools say of each of these objects, in their order."""
    keys = ("kstatus", "kstatusFlux", "argo", "flux")
    return [Verdicts(*(_short(one[key]) for key in keys)) for one in words(objects)]


def words(objects: Iterable[Object]) -> list[Object]:
    """The same in full: with Argo CD's message under `argoMessage`, and errors in their own words."""
    return _run(objects, "judge", HEALTH, KUSTOMIZATION)


def offered(resource: Object) -> set[str]:
    """The actions that Argo CD offers for a resource as it stands, without the disabled ones."""
    (found,) = _run([resource], "actions", ACTIONS / "discovery.lua")
    return {one["name"] for one in found if not one["disabled"]}


def act(name: str, resource: Object) -> Object:
    """The patch that Argo CD would send for an action, under `patch`; or why there is none, under `error`."""
    (outcome,) = _run([resource], "act", ACTIONS / f"{name}.lua")
    found: Object = outcome
    return found


def _short(verdict: str) -> str:
    return ERROR if verdict.startswith(f"{ERROR}: ") else verdict


def _run(objects: Iterable[Object], *arguments: Any) -> list[Any]:
    binaries.ensure(PROGRAM)
    lines = "".join(json.dumps(one) + "\n" for one in objects)
    done = run([binaries.path(PROGRAM), *arguments], stdin=lines, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]
