"""Where the chart's admission policy is tried: people with different rights, and two namespaces.

The kind is installed under another group, and the policy made to fit, so that neither an operator nor a
release in the same cluster has a say here.
"""

from __future__ import annotations

import copy
import secrets
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from switchback.api import crd, names
from tests.cluster import binaries
from tests.cluster.paths import CHECKOUT
from tests.cluster.run import wait_for
from tests.e2e.kube import MERGE, Kube, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.e2e.kube import Object

GROUP = "approval.switchback.dev"
RESOURCE = f"databasemigrations.{GROUP}"
NAME = "switchback-trial"
APPLY = "application/apply-patch+yaml"
TOKEN = "0123456789abcdef"

APPROVE, APPROVED_BY = names.ANNOTATION_APPROVE, names.ANNOTATION_APPROVED_BY
REJECT, REJECTED_BY = names.ANNOTATION_REJECT, names.ANNOTATION_REJECTED_BY

EDITOR, APPROVER, ONLY_APPROVER, OF_SHOP = "ann", "bob", "carol", "dora"
LISTED = "system:serviceaccount:argocd:argocd-application-controller"
LISTED_WITHOUT_VERB = "system:serviceaccount:flux-system:kustomize-controller"
UNLISTED = "system:serviceaccount:build:deployer"
EDITORS = (EDITOR, APPROVER, LISTED, LISTED_WITHOUT_VERB, UNLISTED, OF_SHOP)
APPROVERS = (APPROVER, ONLY_APPROVER, LISTED, UNLISTED)

WHO = "takes the verb approve on databasemigrations.switchback.dev"
UNLISTED_WHO = "has to be listed in approvalPolicy.serviceAccounts"


class Person(Kube):
    """The API server as somebody else than the administrator sees it."""

    def __init__(self, kubeconfig: Path, name: str) -> None:
        super().__init__(kubeconfig)
        self.name = name
        self._headers = {**self._headers, "Impersonate-User": name}


def path(namespace: str, name: str = "", sub: str = "") -> str:
    parts = f"/apis/{GROUP}/{names.VERSION}/namespaces/{namespace}/databasemigrations", name, sub
    return "/".join(part for part in parts if part)


def resource(name: str = "shop", annotations: Object | None = None, **spec: Any) -> Object:
    return {
        "apiVersion": f"{GROUP}/{names.VERSION}",
        "kind": names.KIND,
        "metadata": {"name": name, "annotations": annotations or {}},
        "spec": {
            "target": "latest",
            "database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "DATABASE_URL"}}},
            "source": {"configMapRefs": [{"name": "shop-files"}]},
            **spec,
        },
    }


def signed(name: str, token: str = TOKEN) -> Object:
    return {APPROVE: token, APPROVED_BY: name}


@dataclass
class Bed:
    """The policy in force, and two namespaces: in one of them approval is required."""

    kubeconfig: Path
    plain: str
    strict: str

    def person(self, name: str) -> Person:
        return Person(self.kubeconfig, name)

    def create(self, name: str, body: Object, namespace: str = "", *, dry: bool = False) -> Object:
        """Create a resource as this person."""
        query = {"dryRun": "All"} if dry else None
        return self.person(name).json("POST", path(namespace or self.plain), body=body, query=query)

    def there(self, **parts: Any) -> str:
        """A resource of the administrator's, in any state. The name of it."""
        name = f"shop-{secrets.token_hex(3)}"
        admin = Kube(self.kubeconfig)
        body = resource(name, **parts)
        annotations = body["metadata"].pop("annotations")
        admin.json("POST", path(self.plain), body=body)
        if APPROVE in annotations:
            approver = annotations[APPROVED_BY]
            self.patch(approver, name, {"metadata": {"annotations": annotations}})
        return name

    def patch(self, person: str, name: str, body: Object) -> Object:
        return self.person(person).json("PATCH", path(self.plain, name), body=body, content_type=MERGE)

    def annotate(self, person: str, name: str, annotations: Object) -> Object:
        return self.patch(person, name, {"metadata": {"annotations": annotations}})

    def edit(self, person: str, name: str, **spec: Any) -> Object:
        return self.patch(person, name, {"spec": spec})


def refused(call: Callable[..., Object], *args: Any, **parts: Any) -> str:
    """What the API server says against it."""
    with pytest.raises(RefusedError) as caught:
        call(*args, **parts)
    assert caught.value.code == 403, caught.value
    return str(caught.value)


def rendered() -> list[Object]:
    """What the chart renders, for the group that is used here."""
    binaries.ensure("helm")
    accounts = "{argocd/argocd-application-controller,flux-system/kustomize-controller}"
    argv = [
        *(str(binaries.path("helm")), "template", NAME, str(CHECKOUT / "charts" / "switchback")),
        *("--kube-version", "1.30.0", "--set", f"approvalPolicy.serviceAccounts={accounts}"),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    text = done.stdout.replace("apiGroups: [switchback.dev]", f"apiGroups: [{GROUP}]")
    text = text.replace("authorizer.group('switchback.dev')", f"authorizer.group('{GROUP}')")
    return [one for one in yaml.safe_load_all(text) if one]


def parts(objects: list[Object], namespaces: tuple[str, ...]) -> list[Object]:
    """The kind, the policy with its binding, and the chart's roles for people, in these namespaces only."""
    definition = copy.deepcopy(crd.definition())
    definition["metadata"]["name"] = RESOURCE
    definition["spec"]["group"] = GROUP
    made = [definition, *(one for one in objects if one["kind"].startswith("ValidatingAdmissionPolicy"))]
    roles = {one["metadata"]["name"]: one["rules"] for one in objects if one["kind"] == "ClusterRole"}
    of_shop = [
        {"apiGroups": [GROUP], "resources": [names.PLURAL], "verbs": ["approve"], "resourceNames": ["shop"]}
    ]
    for namespace in namespaces:
        made += role("edit", namespace, roles[f"{NAME}-edit"], EDITORS)
        made += role("approver", namespace, roles[f"{NAME}-approver"], APPROVERS)
        made += role("approver-of-shop", namespace, of_shop, (OF_SHOP,))
    return made


def role(name: str, namespace: str, rules: list[Object], people: tuple[str, ...]) -> list[Object]:
    api, metadata = "rbac.authorization.k8s.io/v1", {"name": name, "namespace": namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": who} for who in people]
    return [
        {"apiVersion": api, "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": api,
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": reference,
            "subjects": subjects,
        },
    ]


def url(kind: str, version: str, name: str, namespace: str = "") -> str:
    plural = {"ValidatingAdmissionPolicy": "validatingadmissionpolicies"}.get(kind, f"{kind.lower()}s")
    return f"/apis/{version}/{f'namespaces/{namespace}/' if namespace else ''}{plural}/{name}"


def url_of(body: Object) -> str:
    metadata = body["metadata"]
    return url(body["kind"], body["apiVersion"], metadata["name"], metadata.get("namespace", ""))


@contextmanager
def installed(kube: Kube, bed: Bed) -> Iterator[None]:
    """The parts are there and in force during a block. What a killed run has left is replaced."""
    made = parts(rendered(), (bed.plain, bed.strict))
    whole = [one for one in made if "namespace" not in one["metadata"]]
    try:
        for one in made:
            query = {"fieldManager": "e2e", "force": "true"}
            kube.json("PATCH", url_of(one), query=query, body=one, content_type=APPLY)
        wait_for("the approval policy in force", lambda: in_force(bed), timeout=30, pause=0.2)
        yield
    finally:
        for one in whole:
            if is_there(kube, url_of(one)):
                kube.raw("DELETE", url_of(one))
        wait_for("the end of the kind", lambda: not is_there(kube, url_of(whole[0])), timeout=60, pause=0.2)


def is_there(kube: Kube, where: str) -> bool:
    try:
        kube.json("GET", where)
    except RefusedError as error:
        if error.code == 404:
            return False
        raise
    return True


def in_force(bed: Bed) -> bool:
    """Whether rights and policy are: caches of the API server lag behind what is stored."""
    try:
        for namespace in (bed.plain, bed.strict):
            for name in EDITORS:
                bed.create(name, resource("probe"), namespace, dry=True)
            bed.create(APPROVER, resource("probe", signed(APPROVER)), namespace, dry=True)
        bed.create(LISTED, resource("probe", signed(LISTED)), dry=True)
        bed.create(OF_SHOP, resource("shop", signed(OF_SHOP)), dry=True)
    except RefusedError:
        return False
    for namespace in (bed.plain, bed.strict):
        try:
            bed.create(APPROVER, resource("probe", signed("nobody")), namespace, dry=True)
        except RefusedError:
            continue
        return False
    return True
