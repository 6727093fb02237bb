"""`switchback explain` and the real API server: both say the same, and nothing is changed.

What is stored here is suspended, so that an operator that runs in the same cluster begins nothing.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from switchback.api import crd
from switchback.cli.explain import command
from switchback.controller.kube.kubeconfig import Access, login_as_person
from switchback.explain.document import documents
from switchback.explain.findings import Level
from switchback.explain.inquire import Report, judged
from switchback.explain.looking import Looking, WriteError
from switchback.explain.references import SECRET
from tests.cluster import binaries
from tests.e2e.explain_variants import variants, wholes, with_part
from tests.e2e.kube import Kube, RefusedError, url_path
from tests.unit.explain.build import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster.handle import Cluster

pytestmark = pytest.mark.cluster

Body = dict[str, Any]

KIND = "DatabaseMigration"
SUSPENDED = MANIFEST.replace('"0002"', '"0002"\n  suspend: true')
MARK = "never-seen-by-anybody"


@pytest.fixture(scope="module")
def server(bare_cluster: Cluster) -> Iterator[Kube]:
    """The API server with the definition of this checkout."""
    kube = Kube(bare_cluster.kubeconfig)
    body = {key: value for key, value in crd.definition().items() if key != "status"}
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd.NAME}"
    kube.json(
        "PATCH", path, query={"fieldManager": "explain-tests", "force": "true"}, body=body,
        content_type="application/apply-patch+yaml",
    )  # fmt: skip
    return kube


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Body:
        found: Body = json.loads(self.out)["documents"][0]
        return found

    @property
    def reasons(self) -> dict[str, str]:
        return {one.get("path", ""): one["reason"] for one in self.data["findings"]}


@pytest.fixture
def explain(server: Kube, namespace: str, tmp_path: Path) -> Callable[..., Done]:
    """The command in the namespace of the test, with JSON unless `text` is asked for."""

    def call(manifest: str, *words: str, kubeconfig: Path = server.kubeconfig, text: bool = False) -> Done:
        place = tmp_path / "shop.yaml"
        place.write_text(manifest)
        args = [str(place), "-n", namespace, "--kubeconfig", str(kubeconfig), *words]
        found = CliRunner().invoke(command, [*args, *([] if text else ["--json"])], standalone_mode=False)
        assert found.exception is None, found.exception
        return Done(found.return_value, found.stdout, found.stderr)

    return call


def secret(server: Kube, namespace: str, name: str = "shop-db") -> None:
    body = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": name}, "stringData": {"url": MARK}}
    server.create(body, namespace)


# both judge alike


def test_every_verdict_is_the_api_servers(server: Kube, namespace: str) -> None:
    """The schema, and every CEL rule against its twin: on each manifest both agree."""
    path, different = url_path(KIND, namespace), []
    specs = [(f"{place} = {value!r}", with_part(place, value)) for place, value in variants()]
    for name, spec in [*specs, *((f"only {', '.join(spec)}", spec) for spec in wholes())]:
        body = {
            "apiVersion": "switchback.dev/v1alpha1", "kind": KIND, "metadata": {"name": "shop"}, "spec": spec
        }  # fmt: skip
        try:
            query = {"dryRun": "All", "fieldValidation": "Strict"}
            server.json("POST", path, query=query, body=body)
            said = ""
        except RefusedError as error:
            said = str(error)
        ours = found_in(json.dumps(body))
        if bool(said) != bool(ours):
            different.append(f"{name}: the server {said or 'takes it'}; we {ours or 'take it'}")
    assert different == []


def found_in(text: str) -> list[str]:
    (one,) = documents(text, "f")
    report = Report(one, "default", "shop")
    judged(report)
    return [found.message for found in report.findings if found.level is Level.INVALID]


@pytest.mark.usefixtures("bare_cluster")
def test_scalars_are_read_as_kubectl_reads_them() -> None:
    words = [
        "0006", "0008", "010", "0o17", "0x1f", "0b11", "1_000", "+5", "-0", "5.0", "1e3", "1E+2", ".5",
        "5.", "-.5e1", "1.2.3", "y", "Y", "n", "yes", "No", "on", "OFF", "true", "True", "TRUE", "tRUE", "~",
        "null", "Null", "nULL", "1:30", "190:20:30", "2024-01-01", "2001-12-14t21:59:43.10-05:00", "0006_a",
        "=", "+", ".", "._", "1.e+1", "_1", "1__0", "08.5", "'0006'", '"yes"', "!!str 5", "0x", "0b2", "12e",
        "--1",
    ]  # fmt: skip
    spec = "".join(f"  k{number}: {word}\n" for number, word in enumerate(words))
    text = f"apiVersion: v1\nkind: Any\nmetadata: {{name: x}}\nspec:\n{spec}  l: [y, 08]\n  yes: 1\n  15: 2\n"
    argv = [binaries.path("kubectl"), "patch", "--local", "--type=merge", "-p{}", "-ojson", "-f-"]
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    (ours,) = documents(text, "f")
    mine, theirs = ours.data["spec"], json.loads(done.stdout)["spec"]
    assert {words[n]: mine[f"k{n}"] for n in range(len(words))} == {
        words[n]: theirs[f"k{n}"] for n in range(len(words))
    }
    assert mine == theirs


# what the cluster adds


def test_a_new_resource(explain: Callable[..., Done], server: Kube, namespace: str) -> None:
    missing = explain(MANIFEST)
    assert (missing.code, missing.reasons) == (11, missing.reasons | {
        "spec.database.urlFrom.secretKeyRef": "SecretMissing"
    })  # fmt: skip
    secret(server, namespace)
    done = explain(MANIFEST)
    assert done.code == 0, done.out
    assert done.data["dryRun"] == {"as": "kubectl apply", "tried": True, "accepted": True}
    assert done.data["apply"]["begins"]
    assert {one["step"]: one["verdict"] for one in done.data["jobs"]} == {
        "migrate": "Admitted", "reserve": "Admitted", "rollback": "Admitted"
    }  # fmt: skip
    assert "live" not in done.data


def test_nothing_is_changed_and_no_secret_is_read(
    explain: Callable[..., Done], bare_cluster: Cluster, server: Kube, namespace: str
) -> None:
    secret(server, namespace)
    server.create(json_of(SUSPENDED), namespace)
    since = bare_cluster.audit_mark()
    shown = explain(SUSPENDED.replace("0002", "0003"), text=True)
    assert shown.code == 0, shown.out
    assert MARK not in shown.out + shown.err
    asked = [one for one in bare_cluster.audit(since=since, namespace=namespace) if one.user == "admin"]
    writes = [one.raw["requestURI"] for one in asked if one.verb not in {"get", "list"}]
    assert writes
    assert all("dryRun=All" in uri for uri in writes if "selfsubject" not in uri), writes
    assert all(one.code != 201 or "dryRun=All" in one.raw["requestURI"] for one in asked)


def test_of_a_secret_only_the_name_comes(server: Kube, namespace: str) -> None:
    secret(server, namespace)

    async def look() -> tuple[Body, str]:
        login = await login_as_person(Access(str(server.kubeconfig)), {})
        async with Looking(login.configuration) as client:
            found = await client.name_only(SECRET, namespace, "shop-db")
            with pytest.raises(WriteError):
                await client.request("DELETE", SECRET.path(namespace, "shop-db"))
            return found, client.host

    found, _host = asyncio.run(look())
    assert found["metadata"]["name"] == "shop-db"
    assert "data" not in found
    assert server.find("Secret", namespace, "shop-db")


def json_of(text: str) -> Body:
    (one,) = documents(text, "f")
    found: Body = one.data
    return found


def kubectl(server: Kube, namespace: str, text: str, *words: str) -> None:
    argv = [str(binaries.path("kubectl")), f"--kubeconfig={server.kubeconfig}", f"--namespace={namespace}"]
    argv += ["apply", *words, "-f", "-"]
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [(), ("--server-side",)], ids=["client", "server"])
def test_a_field_that_is_gone_from_the_file(
    explain: Callable[..., Done], server: Kube, namespace: str, words: tuple[str, ...]
) -> None:
    """What becomes of it depends on who has applied the file before."""
    secret(server, namespace)
    kubectl(
        server, namespace, SUSPENDED + "  reason: first\n  snapshot: {none: {acknowledge: true}}\n", *words
    )
    done = explain(SUSPENDED.replace("0002", "0003"))
    assert done.code == 0, done.out
    assert done.data["dryRun"]["as"] == ("server-side apply as kubectl" if words else "kubectl apply")
    assert {one["path"]: one["after"] for one in done.data["apply"]["changes"]} == {
        "spec.reason": None, "spec.snapshot": None, "spec.target": "0003"
    }  # fmt: skip


def test_a_field_that_somebody_else_owns(explain: Callable[..., Done], server: Kube, namespace: str) -> None:
    secret(server, namespace)
    kubectl(server, namespace, SUSPENDED, "--server-side")
    server.patch(KIND, namespace, "shop", {"spec": {"target": "0001"}})
    done = explain(SUSPENDED)
    assert done.reasons["spec.target"] == "FieldOwnedByOthers"
    assert done.code == 0


def test_what_admission_refuses(explain: Callable[..., Done], server: Kube, namespace: str) -> None:
    secret(server, namespace)
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    server.patch("Namespace", "", namespace, {"metadata": {"labels": label}})
    pod = "  jobTemplate: {spec: {volumes: [{name: host, hostPath: {path: /}}]}}\n"
    done = explain(MANIFEST + pod)
    assert (done.code, done.reasons["spec.jobTemplate"]) == (11, "PodNotCreated")
    assert "violates PodSecurity" in done.out
    odd = explain(MANIFEST + "  jobTemplate: {spec: {affinity: {nodeAffinity: {odd: 1}}}}\n")
    assert (odd.code, odd.reasons["spec.jobTemplate"]) == (0, "FieldIgnored"), odd.out
    body = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q"},
        "spec": {"hard": {"pods": "0"}},
    }
    server.json("POST", f"/api/v1/namespaces/{namespace}/resourcequotas", body=body)
    full = explain(MANIFEST)
    assert (full.code, full.reasons["spec.jobTemplate"]) == (11, "PodNotCreated")
    assert "exceeded quota" in full.out


def test_a_namespace_that_requires_approval(
    explain: Callable[..., Done], server: Kube, namespace: str
) -> None:
    secret(server, namespace)
    label = {"switchback.dev/require-approval": "migrate"}
    server.patch("Namespace", "", namespace, {"metadata": {"labels": label}})
    forward, back = explain(MANIFEST).data["stories"]
    assert [one.get("step", one["kind"]) for one in forward["steps"]] == ["inspect", "Approval", "migrate"]
    assert forward["steps"][1]["because"] == [
        f"namespace {namespace} is labelled switchback.dev/require-approval=migrate"
    ]
    assert back["refusals"][0]["reason"] == "SnapshotRequired"


def test_words_of_the_server_that_the_schema_does_not_have(
    explain: Callable[..., Done], namespace: str
) -> None:
    elsewhere = explain(MANIFEST.replace("name: shop\n", "name: shop\n  namespace: nowhere-at-all\n"))
    assert (elsewhere.code, elsewhere.reasons["metadata.namespace"]) == (11, "NamespaceMissing")


def test_with_hardly_any_rights(
    explain: Callable[..., Done], server: Kube, namespace: str, tmp_path: Path
) -> None:
    """What one may not see is told as unknown, and refuses nothing."""
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    server.json("POST", account, body={"kind": "ServiceAccount", "metadata": {"name": "weak"}})
    asked = server.json("POST", f"{account}/weak/token", body={"kind": "TokenRequest", "spec": {}})
    done = explain(MANIFEST, kubeconfig=with_token(server, asked["status"]["token"], tmp_path))
    assert done.code == 0, done.out
    levels = {one["level"] for one in done.data["findings"]}
    assert levels == {"Unknown"}
    assert {one["state"] for one in done.data["references"]} == {"Unknown"}
    assert done.data["approvals"]["youMay"] is False
    assert done.data["stories"]


def with_token(server: Kube, token: str, folder: Path) -> Path:
    import yaml  # noqa: PLC0415 - for this test alone

    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"] = [{"name": one["name"], "user": {"token": token}} for one in config["users"]]
    place = folder / "weak.kubeconfig"
    place.write_text(yaml.safe_dump(config))
    return place
