"""What the chart renders, judged by Helm and by a real API server."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from switchback.api import crd
from tests.cluster import binaries
from tests.cluster.paths import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.cluster.handle import Cluster

pytestmark = pytest.mark.cluster

CHART = CHECKOUT / "charts" / "switchback"
OLDEST = "1.30.0"
"""Rendered for the oldest Kubernetes that the chart says it supports."""

Object = dict[str, Any]


def helm(*argv: str) -> subprocess.CompletedProcess[str]:
    binaries.ensure("helm")
    command = [str(binaries.path("helm")), *argv]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def template(*sets: str) -> subprocess.CompletedProcess[str]:
    values = [word for one in sets for word in ("--set", one)]
    place = ("--namespace", "switchback-system", "--kube-version", OLDEST)
    return helm("template", "switchback", str(CHART), *place, *values)


def rendered(*sets: str) -> list[Object]:
    done = template(*sets)
    assert done.returncode == 0, done.stderr
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def named(objects: Iterable[Object], kind: str, name: str) -> Object:
    (found,) = [one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def rights(role: Object) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


WORK = {
    *(("switchback.dev", "databasemigrations", verb) for verb in ("get", "list", "watch")),
    ("switchback.dev", "databasemigrations/status", "patch"),
    ("switchback.dev", "databasemigrations/finalizers", "update"),
    *(("batch", "jobs", verb) for verb in ("get", "list", "watch", "create", "delete")),
    *(("", kind, verb) for kind in ("pods", "configmaps") for verb in ("get", "list", "watch")),
    ("", "events", "create"),
}


def test_lint_finds_nothing() -> None:
    done = helm("lint", str(CHART), "--strict")
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout


def test_the_operator_has_these_rights_and_no_others() -> None:
    objects = rendered()
    roles = [one for one in objects if one["kind"] in {"Role", "ClusterRole"}]
    people = {"switchback-view", "switchback-edit", "switchback-admin", "switchback-approver"}
    own = {one["metadata"]["name"]: one for one in roles if one["metadata"]["name"] not in people}
    assert set(own) == {"switchback", "switchback-lease"}
    assert rights(own["switchback"]) == WORK
    assert rights(own["switchback-lease"]) == {
        ("coordination.k8s.io", "leases", verb) for verb in ("create", "get", "update")
    }
    for role in roles:
        for _, resource, verb in rights(role):
            assert "*" not in resource + verb
            assert not resource.startswith("secrets")


def test_with_namespaces_the_work_is_allowed_in_these_only() -> None:
    objects = rendered("watchNamespaces={team-a,team-b}")
    kinds = {one["kind"] for one in objects if one["metadata"]["name"] == "switchback"}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding"}
    roles = [one for one in objects if one["kind"] == "Role" and one["metadata"]["name"] == "switchback"]
    assert [role["metadata"]["namespace"] for role in roles] == ["team-a", "team-b"]
    assert all(rights(role) == WORK for role in roles)
    bindings = [one for one in objects if one["kind"] == "RoleBinding"]
    assert {one["metadata"]["namespace"] for one in bindings} == {"switchback-system", "team-a", "team-b"}
    assert {one["subjects"][0]["namespace"] for one in bindings} == {"switchback-system"}
    assert environment(objects)["SWITCHBACK_NAMESPACES"] == "team-a,team-b"


def test_every_binding_names_what_is_rendered() -> None:
    objects = rendered("fullnameOverride=rails", "serviceAccount.name=signals")
    for binding in (one for one in objects if one["kind"].endswith("RoleBinding")):
        reference = binding["roleRef"]
        assert named(objects, reference["kind"], reference["name"])
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "signals", "namespace": "switchback-system"}
        ]
    assert named(objects, "ServiceAccount", "signals")
    lease = named(objects, "Role", "rails-lease")
    assert lease["rules"][1]["resourceNames"] == [environment(objects)["SWITCHBACK_LEASE_NAME"]] == ["rails"]


def environment(objects: Iterable[Object]) -> dict[str, str]:
    (deployment,) = [one for one in objects if one["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {one["name"]: one.get("value", "") for one in container["env"]}


def test_the_operator_is_told_its_images() -> None:
    plain = environment(rendered())
    assert plain["SWITCHBACK_RUNNER_IMAGE"] == "localhost/switchback:dev"
    assert json.loads(plain["SWITCHBACK_CLIENT_IMAGES"]) == {
        major: f"postgres:{major}" for major in ("15", "16", "17", "18")
    }
    told = environment(
        rendered("runner.image=r.example/x:1", "runner.pullPolicy=Never", "clientImages.18=pg:18")
    )
    assert told["SWITCHBACK_RUNNER_IMAGE"] == "r.example/x:1"
    assert told["SWITCHBACK_RUNNER_PULL_POLICY"] == "Never"
    assert json.loads(told["SWITCHBACK_CLIENT_IMAGES"])["18"] == "pg:18"


def test_the_crd_is_the_generated_one_and_is_kept() -> None:
    found = named(rendered(), "CustomResourceDefinition", crd.NAME)
    assert found["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert found == crd.definition()
    assert all(one["kind"] != "CustomResourceDefinition" for one in rendered("crds.install=false"))


def test_people_get_their_rights_by_aggregation_and_approvers_by_a_binding() -> None:
    objects = rendered()
    for name in ("view", "edit", "admin"):
        labels = named(objects, "ClusterRole", f"switchback-{name}")["metadata"]["labels"]
        assert labels[f"rbac.authorization.k8s.io/aggregate-to-{name}"] == "true"
    approver = named(objects, "ClusterRole", "switchback-approver")
    assert not any("aggregate" in label for label in approver["metadata"]["labels"])
    assert ("switchback.dev", "databasemigrations", "approve") in rights(approver)


def test_a_service_monitor_finds_the_service() -> None:
    objects = rendered(
        "metrics.serviceMonitor.enabled=true", "metrics.serviceMonitor.labels.release=prometheus"
    )
    monitor = named(objects, "ServiceMonitor", "switchback")
    service = named(objects, "Service", "switchback-metrics")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    assert all(one["kind"] != "Service" for one in rendered("metrics.service.enabled=false"))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("replicas=3", "replicas"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("clientImages.14=postgres:14", "14"),
        ("crds.instal=true", "instal"),
        ("logLevel=loud", "logLevel"),
        ("serviceAccount.create=false", "serviceAccount.name is needed"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(value: str, said: str) -> None:
    done = template(value)
    assert done.returncode != 0
    assert said in done.stderr


NEAR = "affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]"
EVERYTHING = (
    "imagePullSecrets[0].name=registry",
    "podLabels.team=rails",
    "podAnnotations.note=x",
    "priorityClassName=system-cluster-critical",
    "nodeSelector.disk=fast",
    "tolerations[0].operator=Exists",
    f"{NEAR}.weight=1",
    f"{NEAR}.podAffinityTerm.topologyKey=zone",
    f"{NEAR}.podAffinityTerm.labelSelector.matchLabels.a=b",
    "extraEnv[0].name=HTTPS_PROXY",
    "extraEnv[0].value=http://proxy",
    "serviceAccount.annotations.note=x",
    "replicaCount=2",
)


@pytest.mark.parametrize("sets", [(), EVERYTHING], ids=["defaults", "everything"])
def test_the_api_server_takes_it_and_the_restricted_profile_has_no_word_against_it(
    bare_cluster: Cluster, namespace: str, sets: tuple[str, ...]
) -> None:
    kubectl = [str(binaries.path("kubectl")), f"--kubeconfig={bare_cluster.kubeconfig}"]
    label = "pod-security.kubernetes.io/warn=restricted"
    subprocess.run(
        [*kubectl, "label", "namespace", namespace, label], check=True, timeout=60, capture_output=True
    )
    # Another name than the installed release's, so that nothing that is there is touched by the dry run.
    objects = helm(
        *("template", "trial", str(CHART), "--namespace", namespace, "--kube-version", OLDEST),
        *("--set", "crds.install=false"),
        *(word for one in sets for word in ("--set", one)),
    )
    assert objects.returncode == 0, objects.stderr
    done = subprocess.run(
        [*kubectl, "create", "--dry-run=server", "--validate=strict", "-f", "-"],
        input=objects.stdout,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
