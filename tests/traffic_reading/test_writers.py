"""What is said of a writer, against what it does: on a real API server, with real managedFields.

Each writes a Service, the key of the slot is set as a switch does it, and the tool writes once more, after a
commit that has nothing to do with the selector. Whoever was called harmless has to have left the key alone,
and whoever was refused has to be one that takes it.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest

from switchback.api.names import FIELD_MANAGER
from switchback.traffic.owners import Standing, Verdict, verdict
from switchback.traffic.service import service_from
from tests.cluster.errors import BedError
from tests.e2e.kube import MERGE, url_path
from tests.traffic_reading.writing import (
    NAME,
    Ground,
    Object,
    Write,
    client_side,
    helm_3,
    manifest,
    newer,
    replaced,
    server_side,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Kube

pytestmark = pytest.mark.cluster

KEY = "slot"
FLUX = "kustomize-controller"
ARGO = "argocd-controller"


@pytest.fixture
def ground(bare_cluster: Cluster, namespace: str, tmp_path: Path) -> Ground:
    return Ground(bare_cluster, namespace, tmp_path)


class Live:
    """The Service as it is."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube, self._namespace = kube, namespace

    def judged(self) -> Verdict:
        return verdict(service_from(self._kube.get("Service", self._namespace, NAME)), KEY)

    def key(self) -> str | None:
        found: str | None = self._kube.get("Service", self._namespace, NAME)["spec"]["selector"].get(KEY)
        return found

    def release(self) -> str | None:
        labels = self._kube.get("Service", self._namespace, NAME)["metadata"].get("labels") or {}
        found: str | None = labels.get("release")
        return found

    def switch(self, slot: str) -> None:
        """The patch of a switch: the selector, over the version that was looked at."""
        path = url_path("Service", self._namespace, NAME)
        now = self._kube.get("Service", self._namespace, NAME)
        body = {
            "metadata": {"resourceVersion": now["metadata"]["resourceVersion"]},
            "spec": {"selector": {**now["spec"]["selector"], KEY: slot}},
        }
        self._kube.json("PATCH", path, query={"fieldManager": FIELD_MANAGER}, body=body, content_type=MERGE)


@pytest.fixture
def live(kube: Kube, namespace: str) -> Live:
    return Live(kube, namespace)


def written(ground: Ground, live: Live, write: Write, body: Object) -> Verdict:
    """The tool writes, and is judged; then come a switch, and the next commit."""
    write(ground, body)
    found = live.judged()
    live.switch("green")
    write(ground, newer(body, 2))
    assert live.release() == "2", "the commit has arrived"
    return found


TAKES = {
    "Flux": server_side(FLUX),
    "Flux, a HelmRelease": server_side("helm-controller"),
    "Argo CD with ServerSideApply": server_side(ARGO),
    "Argo CD with Replace": replaced(ARGO),
    "Helm 4 with --force-conflicts": server_side("helm"),
    "kubectl apply --server-side --force-conflicts": server_side("kubectl"),
    "a tool that nobody knows": server_side("terraform"),
}


@pytest.mark.parametrize("write", TAKES.values(), ids=TAKES)
def test_who_is_refused_takes_the_key_away(ground: Ground, live: Live, write: Write) -> None:
    assert written(ground, live, write, manifest()).standing is Standing.REFUSED
    assert live.key() is None
    assert live.judged().standing is Standing.REFUSED, "the same is seen afterwards"


KEEPS = {
    "kubectl apply": client_side(),
    "Argo CD": client_side(ARGO),
    "Helm 3": helm_3,
}


@pytest.mark.parametrize("write", KEEPS.values(), ids=KEEPS)
def test_who_is_called_harmless_leaves_it_alone(ground: Ground, live: Live, write: Write) -> None:
    assert written(ground, live, write, manifest()).standing is Standing.FINE
    assert live.key() == "green"
    assert live.judged().standing is Standing.FINE


def test_kubectl_replace_is_an_act_of_a_moment_and_nothing_is_known_of_the_next(
    ground: Ground, live: Live
) -> None:
    """The key is gone with it, and no trace is left by which it could have been foretold."""
    assert written(ground, live, replaced("kubectl-replace"), manifest()).standing is Standing.FINE
    assert live.key() is None


@pytest.mark.parametrize("manager", ["helm", "kubectl"])
def test_without_force_a_server_side_apply_ends_in_a_conflict(
    ground: Ground, live: Live, manager: str
) -> None:
    """Loud, and safe for the traffic; it is refused all the same, since no upgrade would work any more."""
    write = server_side(manager, force=False)
    write(ground, manifest())
    assert live.judged().standing is Standing.REFUSED
    live.switch("green")
    with pytest.raises(BedError, match=rf'conflict with "{FIELD_MANAGER}".*\.spec\.selector'):
        write(ground, newer(manifest(), 2))
    assert live.key() == "green"


@pytest.mark.parametrize(
    "told",
    [
        {"kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"},
        {"kustomize.toolkit.fluxcd.io/ssa": "Ignore"},
        {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"},
    ],
)
def test_what_flux_is_told_is_seen_on_the_service(ground: Ground, live: Live, told: dict[str, str]) -> None:
    server_side(FLUX)(ground, manifest())
    assert live.judged().standing is Standing.REFUSED
    (name, value) = told.popitem()
    ground.kubectl("annotate", "service", NAME, f"{name}={value}")
    assert live.judged().standing is Standing.FINE


def test_argo_cd_is_told_to_apply_this_one_the_other_way(ground: Ground, live: Live) -> None:
    server_side(ARGO)(ground, manifest())
    told = {"argocd.argoproj.io/sync-options": "ServerSideApply=false"}
    client_side(ARGO)(ground, manifest(annotations=told))
    assert live.judged().standing is Standing.FINE
    live.switch("green")
    client_side(ARGO)(ground, newer(manifest(annotations=told), 3))
    assert (live.key(), live.release()) == ("green", "3")


# --- the fixes that are given, as commands ---


def command_in(found: Verdict) -> list[str]:
    """The kubectl command at the end of a fix, word by word."""
    words = shlex.split(found.fix[found.fix.index("kubectl ") :])
    assert words[0] == "kubectl"
    return words[1:]


@pytest.mark.parametrize(
    ("manager", "then"), [("kubectl", client_side()), ("helm", helm_3)], ids=["kubectl", "helm"]
)
def test_after_the_fix_a_server_side_applied_service_is_fine_and_stays_so(
    ground: Ground, live: Live, manager: str, then: Write
) -> None:
    owner = {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": ground.namespace}
    body = manifest(annotations=owner if manager == "helm" else {})
    if manager == "helm":
        body["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
    server_side(manager, force=False)(ground, body)
    then(ground, body)
    found = live.judged()
    assert found.standing is Standing.REFUSED, "the API server still remembers"
    ground.kubectl(*command_in(found))
    assert live.judged().standing is Standing.FINE
    live.switch("green")
    then(ground, newer(manifest(), 2))
    assert (live.key(), live.release()) == ("green", "2")
    assert live.judged().standing is Standing.FINE


@pytest.mark.parametrize(
    ("write", "standing"),
    [(client_side(), Standing.WARNED), (client_side(ARGO), Standing.REFUSED)],
    ids=["kubectl", "Argo CD"],
)
def test_a_manifest_that_holds_the_key_and_how_it_gets_rid_of_it(
    ground: Ground, live: Live, write: Write, standing: Standing
) -> None:
    found = written(ground, live, write, manifest(slot="blue"))
    assert (found.standing, found.holds_key) == (standing, True)
    assert live.key() == "blue", "applying it has moved the traffic"
    without = ground.folder / "service.json"
    without.write_text(json.dumps(newer(manifest(), 3)))
    words = [str(without) if word == "FILE" else word for word in command_in(live.judged())]
    ground.kubectl(*words)
    assert live.key() == "blue", "nothing has moved"
    assert live.judged().standing is Standing.FINE
    live.switch("green")
    write(ground, newer(manifest(), 3))
    assert (live.key(), live.release()) == ("green", "3")
