"""A pod and a process of this machine talk to one and the same fake AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.aws.server import FakeAws
    from tests.cluster.handle import Cluster

pytestmark = pytest.mark.cluster

ASK = """
import sys, urllib.request
body = b"Action=DescribeDBInstances&Version=2014-10-31"
scope = "Credential=AKIA/20260101/eu-central-1/rds/aws4_request"
signed = {"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"}
request = urllib.request.Request(sys.argv[1], body, signed)
print(urllib.request.urlopen(request, timeout=20).read().decode())
"""


def test_a_pod_and_this_machine_see_the_same(
    bare_cluster: Cluster, namespace: str, aws_for_pods: FakeAws
) -> None:
    aws_for_pods.make_instance("shop")
    seen: list[str] = []
    aws_for_pods.fault("DescribeDBInstances", after=lambda call: seen.append(call["service"]))
    container = {
        "name": "ask",
        "image": bare_cluster.images.switchback,
        "command": ["python", "-c", ASK, aws_for_pods.url],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "ask"},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    bare_cluster.apply(pod, namespace=namespace)
    done = "--for=jsonpath={.status.phase}=Succeeded"
    bare_cluster.wait(f"--namespace={namespace}", "pod/ask", done, timeout=60)
    answer = bare_cluster.kubectl("logs", f"--namespace={namespace}", "ask")
    assert "<DBInstanceIdentifier>shop</DBInstanceIdentifier>" in answer
    assert seen == ["rds"]
    here = aws_for_pods.rds().describe_db_instances()["DBInstances"]
    assert [one["DBInstanceIdentifier"] for one in here] == ["shop"]
    assert aws_for_pods.counts() == {"DescribeDBInstances": 2}
