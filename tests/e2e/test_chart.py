"""What the chart renders, judged by Helm and by a real API server."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from switchback.api import crd
from tests.cluster import binaries
from tests.cluster.paths import CHECKOUT
from tests.cluster.run import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

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


def template(*sets: str, chart: Path = CHART) -> subprocess.CompletedProcess[str]:
    values = [word for one in sets for word in ("--set", one)]
    place = ("--namespace", "switchback-system", "--kube-version", OLDEST)
    return helm("template", "switchback", str(chart), *place, *values)


def rendered(*sets: str, chart: Path = CHART) -> list[Object]:
    done = template(*sets, chart=chart)
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
    *(("switchback.dev", "databasemigrations", verb) for verb in ("get", "list", "watch", "patch")),
    ("switchback.dev", "databasemigrations/status", "patch"),
    ("switchback.dev", "databasemigrations/finalizers", "update"),
    *(("batch", "jobs", verb) for verb in ("get", "list", "watch", "create", "delete")),
    *(("", kind, verb) for kind in ("pods", "configmaps") for verb in ("get", "list", "watch")),
    *(("", "events", verb) for verb in ("create", "patch")),
    ("", "namespaces", "get"),
}
SNAPSHOTS = "snapshot.storage.k8s.io"
POINTS = {
    ("", "events", "list"),
    ("", "persistentvolumeclaims", "get"),
    *((SNAPSHOTS, "volumesnapshots", verb) for verb in ("get", "list", "create", "delete")),
    ("postgresql.cnpg.io", "clusters", "get"),
    *(("postgresql.cnpg.io", "backups", verb) for verb in ("get", "list", "create", "delete")),
}
TRAFFIC = {
    *(("", "services", verb) for verb in ("get", "list", "watch", "patch")),
    ("", "pods", "patch"),
    *(("discovery.k8s.io", "endpointslices", verb) for verb in ("list", "watch")),
    *(("apps", kind, verb) for kind in ("deployments", "statefulsets") for verb in ("get", "list", "watch")),
    ("autoscaling", "horizontalpodautoscalers", "list"),
}
VOLUMES = {
    ("", "persistentvolumes", "get"),
    (SNAPSHOTS, "volumesnapshotcontents", "get"),
    (SNAPSHOTS, "volumesnapshotclasses", "list"),
}
POLICY = {
    ("admissionregistration.k8s.io", f"validatingadmissionpolic{kind}", "get")
    for kind in ("ies", "ybindings")
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
    assert set(own) == {"switchback", "switchback-lease", "switchback-approval", "switchback-volumes"}
    assert rights(own["switchback"]) == {*WORK, *POINTS, *TRAFFIC, ("", "namespaces", "list")}
    assert rights(own["switchback-volumes"]) == VOLUMES
    assert rights(own["switchback-approval"]) == POLICY
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
    wide = [one for one in objects if one["kind"] == "ClusterRoleBinding"]
    assert {one["roleRef"]["name"] for one in wide} == {"switchback-approval", "switchback-volumes"}
    assert rights(named(objects, "ClusterRole", "switchback-approval")) == POLICY
    roles = [one for one in objects if one["kind"] == "Role" and one["metadata"]["name"] == "switchback"]
    assert [role["metadata"]["namespace"] for role in roles] == ["team-a", "team-b"]
    assert all(rights(role) == WORK | POINTS | TRAFFIC for role in roles)
    bindings = [one for one in objects if one["kind"] == "RoleBinding"]
    assert {one["metadata"]["namespace"] for one in bindings} == {"switchback-system", "team-a", "team-b"}
    assert {one["subjects"][0]["namespace"] for one in bindings} == {"switchback-system"}
    assert environment(objects)["SWITCHBACK_NAMESPACES"] == "team-a,team-b"


def test_rights_for_restore_points_go_with_what_is_switched_off() -> None:
    no_cnpg = rendered("snapshots.cloudNativePG.enabled=false")
    main = rights(named(no_cnpg, "ClusterRole", "switchback"))
    assert {group for group, _, _ in main ^ (WORK | POINTS | TRAFFIC)} == {"", "postgresql.cnpg.io"}
    assert not any(group == "postgresql.cnpg.io" for group, _, _ in main)
    assert rights(named(no_cnpg, "ClusterRole", "switchback-volumes")) == VOLUMES

    no_volumes = rendered("snapshots.volumeSnapshot.enabled=false")
    main = rights(named(no_volumes, "ClusterRole", "switchback"))
    assert POINTS - main == {("", "persistentvolumeclaims", "get"), (SNAPSHOTS, "volumesnapshots", "create")}
    assert VOLUMES - rights(named(no_volumes, "ClusterRole", "switchback-volumes")) == {
        ("", "persistentvolumes", "get")
    }

    neither = rendered("snapshots.cloudNativePG.enabled=false", "snapshots.volumeSnapshot.enabled=false")
    assert rights(named(neither, "ClusterRole", "switchback")) == {
        *WORK,
        *TRAFFIC,
        ("", "namespaces", "list"),
    }
    assert not any(one["metadata"]["name"] == "switchback-volumes" for one in neither)


def test_traffic_and_its_bounds_are_switched_off_each_by_its_own_value() -> None:
    still, unbound = rendered("traffic.enabled=false"), rendered("traffic.boundsPolicy.enabled=false")
    assert rights(named(still, "ClusterRole", "switchback")) == {*WORK, *POINTS, ("", "namespaces", "list")}
    assert rights(named(unbound, "ClusterRole", "switchback")) >= TRAFFIC
    for objects in (still, unbound):
        policies = [one for one in objects if one["kind"].startswith("ValidatingAdmissionPolicy")]
        assert {one["metadata"]["name"] for one in policies} == {"switchback-approval"}


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


def test_the_operator_looks_at_the_policy_that_is_rendered_and_at_nothing_else_of_its_kind() -> None:
    objects = rendered("fullnameOverride=rails")
    policy = named(objects, "ValidatingAdmissionPolicy", "rails-approval")
    binding = named(objects, "ValidatingAdmissionPolicyBinding", "rails-approval")
    assert binding["spec"] == {"policyName": "rails-approval", "validationActions": ["Deny"]}
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert environment(objects)["SWITCHBACK_APPROVAL_POLICY"] == "rails-approval"
    (rule,) = named(objects, "ClusterRole", "rails-approval")["rules"]
    assert rule["resourceNames"] == ["rails-approval"]


def test_the_policy_is_wanted_and_installed_each_by_its_own_value() -> None:
    unwanted, elsewhere = rendered("approvalPolicy.required=false"), rendered("approvalPolicy.enabled=false")
    assert environment(unwanted)["SWITCHBACK_APPROVAL_POLICY"] == ""
    assert named(unwanted, "ValidatingAdmissionPolicy", "switchback-approval")
    assert all(one["metadata"]["name"] != "switchback-approval" for one in unwanted if "Role" in one["kind"])
    assert environment(elsewhere)["SWITCHBACK_APPROVAL_POLICY"] == "switchback-approval"
    assert named(elsewhere, "ClusterRole", "switchback-approval")
    policies = [one for one in elsewhere if one["kind"].startswith("ValidatingAdmissionPolicy")]
    assert {one["metadata"]["name"] for one in policies} == {"switchback-traffic"}


def test_replicas_are_kept_apart_and_one_is_always_there() -> None:
    alone, pair = rendered(), rendered("replicaCount=2", "affinity.nodeAffinity.a=b")
    assert all(one["kind"] != "PodDisruptionBudget" for one in alone)
    assert "affinity" not in named(alone, "Deployment", "switchback")["spec"]["template"]["spec"]
    budget, deployment = (
        named(pair, "PodDisruptionBudget", "switchback"),
        named(pair, "Deployment", "switchback"),
    )
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    affinity = deployment["spec"]["template"]["spec"]["affinity"]
    assert affinity["nodeAffinity"] == {"a": "b"}
    wishes = affinity["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert [wish["podAffinityTerm"]["topologyKey"] for wish in wishes] == [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    ]
    for wish in wishes:
        assert wish["podAffinityTerm"]["labelSelector"]["matchLabels"].items() <= labels.items()
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_what_is_said_of_affinity_and_disruption_is_heard() -> None:
    own = "affinity.podAntiAffinity.mine"
    pair = rendered("replicaCount=2", "podDisruptionBudget.enabled=false", f"{own}=true")
    assert all(one["kind"] != "PodDisruptionBudget" for one in pair)
    spec = named(pair, "Deployment", "switchback")["spec"]["template"]["spec"]
    assert spec["affinity"] == {"podAntiAffinity": {"mine": True}}
    assert named(rendered("podDisruptionBudget.enabled=true"), "PodDisruptionBudget", "switchback")


def test_the_rules_for_prometheus_are_the_file_as_it_is(tmp_path: Path) -> None:
    chart, groups = (
        tmp_path / "switchback",
        [{"name": "x", "rules": [{"alert": "A", "expr": "{{ $labels.a }}"}]}],
    )
    shutil.copytree(CHART, chart)
    rules = chart / "files" / "prometheus-rules.yaml"
    rules.write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    sets = ("metrics.prometheusRule.enabled=true", "metrics.prometheusRule.labels.release=prometheus")
    rule = named(rendered(*sets, chart=chart), "PrometheusRule", "switchback")
    assert rule["spec"] == {"groups": groups}
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    assert all(one["kind"] != "PrometheusRule" for one in rendered(chart=chart))
    rules.unlink()
    assert all(one["kind"] != "PrometheusRule" for one in rendered(*sets, chart=chart))


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
        ("approvalPolicy.serviceAccounts={argocd}", "approvalPolicy/serviceAccounts/0"),
        ("approvalPolicy.serviceAccounts={a/b'] + [request.userInfo.username}", "serviceAccounts/0"),
        ("podDisruptionBudget.enabled=perhaps", "podDisruptionBudget/enabled"),
        ("traffic.bounds.enabled=false", "bounds"),
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
    "topologySpreadConstraints[0].maxSkew=1",
    "topologySpreadConstraints[0].topologyKey=zone",
    "topologySpreadConstraints[0].whenUnsatisfiable=ScheduleAnyway",
    "topologySpreadConstraints[0].labelSelector.matchLabels.a=b",
    "approvalPolicy.serviceAccounts={argocd/argocd-application-controller,flux-system/kustomize-controller}",
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


def test_a_role_lets_the_operator_look_at_the_roles_own_namespace(
    bare_cluster: Cluster, namespace: str
) -> None:
    objects = rendered(f"watchNamespaces={{{namespace}}}", "serviceAccount.name=trial")
    found = [
        one for one in objects if one["metadata"]["name"] == "switchback" and one["kind"].startswith("Role")
    ]
    bare_cluster.apply(*found)
    kubectl = [str(binaries.path("kubectl")), f"--kubeconfig={bare_cluster.kubeconfig}"]
    operator = "--as=system:serviceaccount:switchback-system:trial"

    def look(place: str) -> subprocess.CompletedProcess[str]:
        argv = [*kubectl, operator, "get", "namespace", place]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

    wait_for("the Role in force", lambda: look(namespace).returncode == 0, timeout=20, pause=0.2)
    assert "Forbidden" in look("default").stderr
