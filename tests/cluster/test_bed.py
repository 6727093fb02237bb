"""The bed keeps its promises: what tests of the operator take for granted is tested here."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.errors import BedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.backends.base import Volume
    from tests.cluster.handle import Cluster

pytestmark = pytest.mark.cluster

SERVER_ENV = [{"name": "POSTGRES_PASSWORD", "value": "canary"}, {"name": "POSTGRES_DB", "value": "shop"}]


def pod(name: str, image: str, *command: str, **spec: Any) -> dict[str, Any]:
    """Return a pod with one container."""
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        **spec.pop("container", {}),
    }
    if command:
        container["command"] = list(command)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "containers": [container],
            **spec,
        },
    }


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 5432}], **spec},
    }


def server(name: str, image: str, uid: int) -> dict[str, Any]:
    """Return a PostgreSQL server that runs as some user."""
    probe = {"exec": {"command": ["pg_isready", "-h", "127.0.0.1", "-U", "postgres"]}, "periodSeconds": 1}
    return pod(
        name,
        image,
        container={"env": SERVER_ENV, "readinessProbe": probe},
        securityContext={"runAsUser": uid},
    )


@pytest.mark.parametrize("uid", [0, 65532])
@pytest.mark.parametrize("major", ["15", "18"])
def test_servers_of_both_majors_answer_by_service_name_for_any_user(
    bare_cluster: Cluster, namespace: str, major: str, uid: int
) -> None:
    image = bare_cluster.images.postgres[major]
    bare_cluster.apply(server("db", image, uid), service("db"), namespace=namespace)
    bare_cluster.wait("pod/db", "-n", namespace, "--for=condition=Ready")

    psql = "PGPASSWORD=canary psql -h db -U postgres -d shop -Atc 'SHOW server_version_num'"
    answer = bare_cluster.kubectl("exec", "-n", namespace, "db", "--", "sh", "-c", psql)
    assert answer.startswith(major)

    for program in ("psql", "pg_dump", "pg_restore"):
        version = bare_cluster.kubectl("exec", "-n", namespace, "db", "--", program, "--version")
        assert f" {major}." in version
    assert "database system is ready" in bare_cluster.kubectl("logs", "-n", namespace, "db")


def test_an_unknown_name_is_said_to_be_unknown(bare_cluster: Cluster, namespace: str) -> None:
    image = bare_cluster.images.postgres["15"]
    bare_cluster.apply(pod("asking", image, "sleep", "600"), namespace=namespace)
    bare_cluster.wait("pod/asking", "-n", namespace, "--for=condition=Ready")

    ask = "psql -h nowhere.example -U x 2>&1 || true"
    answer = bare_cluster.kubectl("exec", "-n", namespace, "asking", "--", "sh", "-c", ask)

    assert "Name or service not known" in answer  # and not "Temporary failure"


def test_a_small_volume_is_full_when_it_is_full(
    bare_cluster: Cluster, namespace: str, volume: Callable[[str], Volume]
) -> None:
    small = volume("1Mi")
    mounted = {
        "container": {"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        "securityContext": {"runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532},
    }
    fill = "echo kept > /data/first; dd if=/dev/zero of=/data/second bs=64k count=64"
    image = bare_cluster.images.postgres["15"]
    bare_cluster.apply(
        small.claim("data"), pod("writing", image, "sh", "-c", fill, **mounted), namespace=namespace
    )
    bare_cluster.wait("pod/writing", "-n", namespace, "--for=jsonpath={.status.phase}=Failed")

    assert "No space left on device" in bare_cluster.kubectl("logs", "-n", namespace, "writing")
    if small.files is not None:
        assert (small.files / "first").read_text() == "kept\n"


def test_the_audit_log_holds_bodies_of_services_and_no_secrets(bare_cluster: Cluster, namespace: str) -> None:
    mark = bare_cluster.audit_mark()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "stringData": {"k": "canary-1"},
    }
    bare_cluster.apply(secret, service("first"), namespace=namespace)
    bare_cluster.kubectl("delete", "service", "first", "-n", namespace)

    written = bare_cluster.audit(
        since=mark, namespace=namespace, writes=True, resource=("secrets", "services")
    )

    assert [(event.verb, event.resource, event.code) for event in written] == [
        ("create", "secrets", 201),
        ("create", "services", 201),
        ("delete", "services", 200),
    ]
    assert written[1].request["spec"]["selector"] == {"app": "first"}
    assert not written[0].request
    assert not written[0].response


def test_a_frozen_api_server_answers_nobody_until_it_goes_on(bare_cluster: Cluster) -> None:
    with bare_cluster.frozen("kube-apiserver"), pytest.raises(BedError):
        bare_cluster.kubectl("get", "--raw", "/readyz", "--request-timeout=2s", timeout=10)
    assert bare_cluster.kubectl("get", "--raw", "/readyz", timeout=20) == "ok"


def test_cut_traffic_is_silent_and_comes_back(bare_cluster: Cluster, namespace: str) -> None:
    image = bare_cluster.images.postgres["15"]
    bare_cluster.apply(server("db", image, 0), pod("asking", image, "sleep", "600"), namespace=namespace)
    bare_cluster.wait("pod/db", "pod/asking", "-n", namespace, "--for=condition=Ready")
    address = bare_cluster.kubectl("get", "pod", "db", "-n", namespace, json=True)["status"]["podIP"]
    ask = ["exec", "-n", namespace, "asking", "--", "pg_isready", "-t", "2", "-h", address]

    with bare_cluster.drop_traffic(address):
        assert "no response" in bare_cluster.kubectl(*ask, check=False)
    assert "accepting connections" in bare_cluster.kubectl(*ask)


def test_this_machine_reaches_a_node_port(bare_cluster: Cluster, namespace: str) -> None:
    image = bare_cluster.images.postgres["18"]
    bare_cluster.apply(server("db", image, 0), service("db", type="NodePort"), namespace=namespace)
    bare_cluster.wait("pod/db", "-n", namespace, "--for=condition=Ready")
    ports = bare_cluster.kubectl("get", "service", "db", "-n", namespace, json=True)["spec"]["ports"]

    query = [
        *("psql", "-h", bare_cluster.node_ip, "-p", str(ports[0]["nodePort"])),
        *("-U", "postgres", "-Atc", "SELECT 1"),
    ]
    deadline = time.monotonic() + 15  # the Service's rules follow the pod's readiness
    while True:
        environment = {**os.environ, "PGPASSWORD": "canary", "PGCONNECT_TIMEOUT": "5"}
        done = subprocess.run(query, capture_output=True, text=True, timeout=10, check=False, env=environment)
        if done.returncode == 0 or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert done.stdout == "1\n", done.stderr
