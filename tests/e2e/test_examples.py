"""What the example and the pages show, tried on a real cluster: the whole story, and every resource."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from examples.bookshop.chapter import DBM
from examples.bookshop.demo import play
from examples.bookshop.kube import FailedError, Kube
from examples.bookshop.telling import Story
from tests.cluster import binaries

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.backends.base import Volume
    from tests.cluster.handle import Cluster
    from tests.e2e.recorder import Recorder

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "examples" / "bookshop" / "manifests"
PAGES = sorted(
    path
    for pattern in ("README.md", "docs/**/*.md")
    for path in ROOT.glob(pattern)
    if "kind: DatabaseMigration" in path.read_text(encoding="utf-8")
)
RESTRICTED = ("enforce", "warn")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def documents(page: Path) -> list[dict[str, Any]]:
    """Objects in the YAML blocks of a page."""
    blocks = re.findall(
        r"^ *```yaml\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return [document for block in blocks for document in yaml.safe_load_all(block)]


@pytest.fixture
def kube(
    cluster: Cluster, namespace: str, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Kube:
    """The kubectl of the story, in a namespace that takes only restricted pods."""
    recorder.judge(namespace)
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    monkeypatch.setenv("KUBECACHEDIR", str(tmp_path))
    monkeypatch.setenv("PATH", f"{binaries.path('kubectl').parent}:/usr/local/bin:/usr/bin:/bin")
    monkeypatch.chdir(ROOT)
    labels = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in RESTRICTED]
    cluster.kubectl("label", "namespace", namespace, *labels)
    return Kube(namespace)


def dry_run(cluster: Cluster, namespace: str, text: str) -> str:
    """Warnings of the API server about objects that it would take. It refuses unknown fields."""
    done = subprocess.run(
        [binaries.path("kubectl"), f"--kubeconfig={cluster.kubeconfig}", f"--namespace={namespace}",
         "apply", "--dry-run=server", "--validate=strict", "--filename=-"],
        input=text, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.timeout(1200)
def test_the_story_of_the_bookshop(
    kube: Kube, volume: Callable[[str], Volume], capsys: pytest.CaptureFixture[str]
) -> None:
    """Both chapters, with all that they expect: in the second one, that no request fails."""
    claim = volume("256Mi").claim("bookshop-restore-points")
    kube.apply(json.dumps(claim))
    (numbers,) = play(Story(), kube)
    told = capsys.readouterr().out
    assert told.count("done in") == 12 + 8
    assert "DIFFERENT" not in told
    assert "table public.vouchers holds data" in told
    assert "traffic moved 5 times: 0 failed" in numbers
    assert "for-the-demo-only" not in told


@pytest.mark.timeout(300)
def test_a_story_that_goes_wrong_ends_early_and_says_why(
    kube: Kube, capsys: pytest.CaptureFixture[str]
) -> None:
    """A resource that has stopped for good is not waited for, and what there is to see is shown."""
    kube.apply((MANIFESTS / "database.yaml").read_text())
    kube.quiet("rollout", "status", "statefulset/postgres", "--timeout=120s", seconds=130)
    kube.quiet("create", "configmap", "bookshop-migrations", "--from-literal=0003_orders.up.sql=SELECT 1/0;")
    kube.apply((MANIFESTS / "migration.yaml").read_text())
    with pytest.raises(FailedError, match=r"Stalled.*SQLFailed.*division by zero"):
        kube.wait(DBM, "condition=Ready", seconds=200)
    kube.diagnose()
    told = capsys.readouterr().out
    assert "-- log of pod/bookshop-" in told
    assert "0003_orders.up.sql" in told
    assert "for-the-demo-only" not in told


def test_manifests_need_no_rights_beyond_restricted(cluster: Cluster, namespace: str, kube: Kube) -> None:
    for path in sorted(MANIFESTS.glob("*.yaml")):
        assert dry_run(cluster, namespace, path.read_text()) == "", path.name


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_resources_on_pages_are_accepted(
    request: pytest.FixtureRequest, cluster: Cluster, namespace: str, page: Path
) -> None:
    objects = [document for document in documents(page) if "apiVersion" in document]
    assert objects
    if any(one["apiVersion"].startswith("snapshot.storage.k8s.io/") for one in objects):
        request.getfixturevalue("csi")  # with it come the kinds
    assert dry_run(cluster, namespace, yaml.safe_dump_all(objects)) == ""
