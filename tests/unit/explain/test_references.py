"""What a spec names, and what the files bring along."""

from __future__ import annotations

from switchback.explain.document import documents
from switchback.explain.findings import spelled
from switchback.explain.references import Reference, companions, references
from tests.e2e.everything import SPEC


def test_everything_that_can_be_named() -> None:
    found = {f"{one.kind} {one.name} {one.key}".strip(): spelled(one.path) for one in references(SPEC)}
    assert found == {
        "Secret shop-db user": "spec.database.connection.usernameFrom.secretKeyRef",
        "Secret shop-db password": "spec.database.connection.passwordFrom.secretKeyRef",
        "ConfigMap shop-db-ca ca.crt": "spec.database.caFrom.configMapKeyRef",
        "Secret shop-checks authorization": "spec.checks[0].httpGet.headers[1].valueFrom.secretKeyRef",
        "PersistentVolumeClaim shop-snapshots": "spec.snapshot.pgDump.persistentVolumeClaim.claimName",
        "ServiceAccount migrator": "spec.jobTemplate.spec.serviceAccountName",
        "PriorityClass high": "spec.jobTemplate.spec.priorityClassName",
        "Secret registry": "spec.jobTemplate.spec.imagePullSecrets[0]",
        "ConfigMap ca": "spec.jobTemplate.spec.volumes[0].configMap",
    }


def test_what_pods_may_name() -> None:
    pod = {
        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "key": "k", "optional": True}}}],
        "initContainers": [
            {"name": "i", "env": [{"valueFrom": {"configMapKeyRef": {"name": "b", "key": "k"}}}]},
            {"name": "j", "envFrom": [{"secretRef": {"name": "c"}}, {"configMapRef": {"name": "d"}}]},
        ],
        "volumes": [
            {"name": "1", "secret": {"secretName": "e"}},
            {"name": "2", "persistentVolumeClaim": {"claimName": "f"}},
            {
                "name": "3",
                "projected": {"sources": [{"secret": {"name": "g"}}, {"configMap": {"name": "h"}}]},
            },
            {"name": "4", "emptyDir": {}},
            "nonsense",
        ],
    }
    found = references({"jobTemplate": {"spec": pod}})
    assert [(one.kind, one.name) for one in found] == [
        ("Secret", "a"), ("Secret", "e"), ("PersistentVolumeClaim", "f"), ("Secret", "g"),
        ("ConfigMap", "h"), ("ConfigMap", "b"), ("Secret", "c"), ("ConfigMap", "d"),
    ]  # fmt: skip
    assert [one.optional for one in found][:2] == [True, False]


def test_what_comes_with_the_files() -> None:
    text = """
apiVersion: v1
kind: Secret
metadata: {name: shop-db}
stringData: {url: postgresql://a:hidden@b/c}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: files, namespace: other}
data: {a: b}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
"""
    found = companions(documents(text, "f"), "team")
    secret = Reference("Secret", "shop-db", (), key="url")
    assert found.has(secret, "team")
    assert found.has_key(secret, "team")
    assert not found.has_key(Reference("Secret", "shop-db", (), key="DATABASE_URL"), "team")
    assert not found.has(secret, "other")
    assert not found.has(Reference("ConfigMap", "files", ()), "team")
    assert found.has(Reference("PriorityClass", "high", ()), "team")
    assert "hidden" not in repr(found)
