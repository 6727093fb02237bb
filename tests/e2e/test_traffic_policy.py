"""What the API server lets the operator change of Services and pods, by the chart's admission policy.

The rights and the policy are those that the chart renders, under a name of their own. Whoever acts here bears
the name of that operator, and no operator runs.
"""

from __future__ import annotations

import secrets
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from switchback.api import names
from tests.cluster import binaries
from tests.cluster.paths import CHECKOUT
from tests.cluster.run import wait_for
from tests.e2e.approval_bed import APPLY, Person, is_there, url, url_of
from tests.e2e.kube import MERGE, Kube, RefusedError, url_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Object

pytestmark = pytest.mark.cluster

KINDS = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "Role", "RoleBinding"}
OURS = {names.MANAGED_BY: names.MANAGED_BY_VALUE}
IN_GIT = {"app": "shop"}
BY_NAME = "application/strategic-merge-patch+json"

SWITCH: Object = {
    "metadata": {
        "annotations": {
            names.ANNOTATION_CUTOVER: "1",
            names.ANNOTATION_FROM_SLOT: "blue",
            names.ANNOTATION_CLAIMED_BY: "shop/shop/1",
        }
    },
    "spec": {"selector": {"slot": "green"}},
}


@dataclass
class Bed:
    """A namespace with a Service and two pods, and somebody who bears the operator's name."""

    kube: Kube
    operator: Person
    namespace: str
    policy: str

    def patch(self, who: Kube, kind: str, name: str, body: Object, **query: str) -> Object:
        """By name where lists have names, so that an entry can be changed in one field."""
        where = url_path(kind, self.namespace, name)
        return who.json("PATCH", where, query=query, body=body, content_type=BY_NAME)

    def refused(self, kind: str, name: str, body: Object) -> str:
        """What the API server says against it. From an administrator it would take the same."""
        with pytest.raises(RefusedError) as caught:
            self.patch(self.operator, kind, name, body)
        assert caught.value.code == 403, caught.value
        self.patch(self.kube, kind, name, body, dryRun="All")
        return str(caught.value)


def service(name: str = "web") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": {"app": "shop"}, "annotations": {"team": "shop", "note": "x"}},
        "spec": {"selector": IN_GIT, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }


def pod(name: str, labels: dict[str, str]) -> Object:
    """One that no node takes: nothing has to run."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {**labels, "app": "shop"}, "annotations": {"team": "shop"}},
        "spec": {
            "nodeSelector": {"none": "such"},
            "containers": [{"name": "main", "image": "localhost/switchback:dev"}],
        },
    }


def rendered(name: str, namespace: str) -> list[Object]:
    """The operator's rights in this namespace, and the policy."""
    binaries.ensure("helm")
    argv = [
        *(str(binaries.path("helm")), "template", name, str(CHECKOUT / "charts" / "switchback")),
        *("--kube-version", "1.30.0", "--namespace", namespace),
        *("--set", f"fullnameOverride={name}", "--set", f"watchNamespaces={{{namespace}}}"),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    found = [one for one in yaml.safe_load_all(done.stdout) if one and one["kind"] in KINDS]
    return [one for one in found if not one["metadata"]["name"].endswith(("-approval", "-lease"))]


@pytest.fixture(scope="module")
def bed(bare_cluster: Cluster) -> Iterator[Bed]:
    kube, name = Kube(bare_cluster.kubeconfig), f"t-bounds-{secrets.token_hex(3)}"
    operator = Person(bare_cluster.kubeconfig, f"system:serviceaccount:{name}:{name}")
    made = Bed(kube, operator, name, f"{name}-traffic")
    objects = rendered(name, name)
    bare_cluster.create_namespace(name)
    try:
        for one in objects:
            query = {"fieldManager": "e2e", "force": "true"}
            kube.json("PATCH", url_of(one), query=query, body=one, content_type=APPLY)
        kube.json("POST", url_path("Service", name), body=service())
        kube.json("POST", url_path("Pod", name), body=pod("ours", OURS))
        kube.json("POST", url_path("Pod", name), body=pod("theirs", {}))
        wait_for("the policy in force", lambda: in_force(made), timeout=30, pause=0.2)
        yield made
    finally:
        for one in objects:
            if "namespace" not in one["metadata"] and is_there(kube, url_of(one)):
                kube.raw("DELETE", url_of(one))
        bare_cluster.delete_namespace(name)


def in_force(bed: Bed) -> bool:
    """Whether rights and policy are: caches of the API server lag behind what is stored."""

    def tried(body: Object) -> bool:
        try:
            bed.patch(bed.operator, "Service", "web", body, dryRun="All")
        except RefusedError:
            return False
        return True

    return tried(SWITCH) and not tried({"metadata": {"labels": {"a": "b"}}})


def test_the_api_server_finds_nothing_wrong_in_the_expressions(bed: Bed) -> None:
    where = url("ValidatingAdmissionPolicy", "admissionregistration.k8s.io/v1", bed.policy)
    found: list[Object] = []

    def checked() -> bool:
        found[:] = [bed.kube.json("GET", where).get("status", {})]
        return "typeChecking" in found[0]

    wait_for("the type check", checked, timeout=30, pause=0.2)
    assert found[0]["typeChecking"] == {}


def test_the_bounds_are_about_the_operator_that_is_rendered_and_about_nobody_else(bed: Bed) -> None:
    one, other = (
        part for part in rendered("t-rails", bed.namespace) if part["kind"].startswith("Validating")
    )
    (condition,) = one["spec"]["matchConditions"]
    user = f"'system:serviceaccount:{bed.namespace}:t-rails'"
    assert condition["expression"] == f"request.userInfo.username == {user}"
    assert one["spec"]["failurePolicy"] == "Fail"
    assert other["spec"] == {"policyName": "t-rails-traffic", "validationActions": ["Deny"]}


def test_the_operator_moves_traffic_and_writes_annotations_of_its_own(bed: Bed) -> None:
    stored = bed.patch(bed.operator, "Service", "web", SWITCH)
    assert stored["spec"]["selector"] == {**IN_GIT, "slot": "green"}
    assert stored["metadata"]["annotations"].items() >= SWITCH["metadata"]["annotations"].items()
    version = stored["metadata"]["resourceVersion"]
    back = {
        "metadata": {"resourceVersion": version, "annotations": {names.ANNOTATION_CUTOVER: None}},
        "spec": {"selector": {"slot": "blue", "extra": "key"}},
    }
    stored = bed.patch(bed.operator, "Service", "web", back)
    assert stored["spec"]["selector"] == {**IN_GIT, "slot": "blue", "extra": "key"}
    assert names.ANNOTATION_CUTOVER not in stored["metadata"]["annotations"]
    assert stored["metadata"]["annotations"]["team"] == "shop"
    bed.patch(bed.operator, "Service", "web", {"spec": {"selector": {"extra": None}}})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"spec": {"ports": [{"name": "other", "port": 81, "targetPort": 8080}]}},
            "nothing of a Service's spec",
        ),
        (
            {"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8081}]}},
            "nothing of a Service's spec",
        ),
        ({"spec": {"type": "NodePort"}}, "nothing of a Service's spec"),
        ({"spec": {"externalIPs": ["192.0.2.1"]}}, "nothing of a Service's spec"),
        ({"spec": {"sessionAffinity": "ClientIP"}}, "nothing of a Service's spec"),
        ({"spec": {"publishNotReadyAddresses": True}}, "nothing of a Service's spec"),
        ({"spec": {"selector": {"slot": "blue"}, "type": "LoadBalancer"}}, "nothing of a Service's spec"),
        ({"metadata": {"labels": {"app": "else"}}}, "no metadata"),
        ({"metadata": {"labels": None}}, "no metadata"),
        ({"metadata": {"finalizers": ["switchback.dev/in-flight"]}}, "no metadata"),
        (
            {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "y"}]}},
            "no metadata",
        ),
        ({"metadata": {"annotations": {"team": "else"}}}, "no annotations"),
        ({"metadata": {"annotations": {"note": None}}}, "no annotations"),
        ({"metadata": {"annotations": {"new": ""}}}, "no annotations"),
        ({"metadata": {"annotations": {"switchback.dev.example/new": "x"}}}, "no annotations"),
        ({"spec": {"selector": None}}, "takes no Service its selector"),
    ],
)
def test_nothing_else_of_a_service(bed: Bed, body: Object, said: str) -> None:
    assert said in bed.refused("Service", "web", body)


def test_the_pod_that_checks_is_told(bed: Bed) -> None:
    told = {"metadata": {"annotations": {names.ANNOTATION_SWITCHED: "1"}}}
    stored = bed.patch(bed.operator, "Pod", "ours", told)
    assert stored["metadata"]["annotations"] == {"team": "shop", names.ANNOTATION_SWITCHED: "1"}


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        (
            "theirs",
            {"metadata": {"annotations": {names.ANNOTATION_SWITCHED: "1"}}},
            "no pod but those of its own",
        ),
        ("theirs", {"metadata": {"labels": OURS}}, "no pod but those of its own"),
        ("ours", {"metadata": {"annotations": {"team": "else"}}}, "no annotations"),
        ("ours", {"metadata": {"labels": {"slot": "green"}}}, "no metadata"),
        ("ours", {"metadata": {"labels": {names.MANAGED_BY: None}}}, "no metadata"),
        ("ours", {"spec": {"activeDeadlineSeconds": 1}}, "nothing of a pod's"),
        ("ours", {"spec": {"containers": [{"name": "main", "image": "other:1"}]}}, "nothing of a pod's"),
    ],
)
def test_nothing_else_of_a_pod(bed: Bed, name: str, body: Object, said: str) -> None:
    assert said in bed.refused("Pod", name, body)


def test_server_side_apply_is_no_way_around(bed: Bed) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"labels": {"app": "else"}},
        "spec": {"selector": IN_GIT},
    }
    where, query = url_path("Service", bed.namespace, "web"), {"fieldManager": "switchback", "force": "true"}
    with pytest.raises(RefusedError, match="no metadata"):
        bed.operator.json("PATCH", where, query=query, body=body, content_type=APPLY)


def test_the_rights_end_there(bed: Bed) -> None:
    """What the policy is not asked about is not allowed at all."""
    name = bed.namespace
    refused: list[tuple[str, str, Any]] = [
        ("POST", url_path("Service", name), service("second")),
        ("DELETE", url_path("Service", name, "web"), None),
        ("PUT", url_path("Service", name, "web"), bed.kube.get("Service", name, "web")),
        ("PATCH", url_path("Service", name, "web", "status"), {"status": {}}),
        ("DELETE", url_path("Pod", name, "theirs"), None),
        ("PATCH", url_path("Pod", name, "ours", "ephemeralcontainers"), {"spec": {}}),
        ("PATCH", url_path("Pod", name, "ours", "status"), {"status": {}}),
        ("PATCH", url_path("Deployment", name, "any", "scale"), {"spec": {"replicas": 0}}),
        ("PATCH", url_path("EndpointSlice", name, "any"), {}),
    ]
    for method, where, body in refused:
        content_type = MERGE if method == "PATCH" else "application/json"
        with pytest.raises(RefusedError) as caught:
            bed.operator.raw(method, where, body=body, content_type=content_type)
        assert caught.value.code == 403, (method, where)
    for kind in ("Service", "EndpointSlice", "Deployment", "Pod"):
        bed.operator.list(kind, name)
