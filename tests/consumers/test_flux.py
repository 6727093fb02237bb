"""What the page about Flux shows is what is tried, and kustomize does what it says."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import yaml

from tests.cluster import binaries
from tests.cluster.paths import CHECKOUT
from tests.cluster.run import run
from tests.consumers.verdicts import GITOPS, KUSTOMIZATION

if TYPE_CHECKING:
    from pathlib import Path

PAGE = CHECKOUT / "docs" / "how-to" / "flux.md"
REFERENCE = GITOPS / "kustomize" / "name-reference.yaml"
FILES = """\
configurations: [name-reference.yaml]
configMapGenerator:
- name: shop-migrations
  literals: ["0001_books.up.sql=SELECT 1"]
resources: [migration.yaml]
"""
MIGRATION = """\
apiVersion: switchback.dev/v1alpha1
kind: DatabaseMigration
metadata:
  name: shop
spec:
  source:
    configMapRefs: [{name: shop-migrations}, {name: of-somebody-else}]
"""


def test_the_page_shows_the_spec_that_is_tried() -> None:
    first, second = yaml.safe_load_all(KUSTOMIZATION.read_text(encoding="utf-8"))
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    shown: list[Any] = [yaml.safe_load(block) for block in blocks]
    assert {"spec": first["spec"]} in shown
    assert second["spec"]["dependsOn"] == [{"name": first["metadata"]["name"]}]


def test_kustomize_writes_the_name_of_the_content_into_the_resource(tmp_path: Path) -> None:
    """So that new files are a new generation, and no tool takes the last success for the next one."""
    binaries.ensure("kubectl")
    shutil.copy(REFERENCE, tmp_path)
    (tmp_path / "migration.yaml").write_text(MIGRATION)

    def built(files: str) -> tuple[str, list[dict[str, str]]]:
        (tmp_path / "kustomization.yaml").write_text(files)
        out = run([binaries.path("kubectl"), "kustomize", tmp_path]).stdout
        objects = {one["kind"]: one for one in yaml.safe_load_all(out)}
        return (
            objects["ConfigMap"]["metadata"]["name"],
            objects["DatabaseMigration"]["spec"]["source"]["configMapRefs"],
        )

    name, references = built(FILES)
    assert re.fullmatch("shop-migrations-[a-z0-9]+", name)
    assert references == [{"name": name}, {"name": "of-somebody-else"}]
    assert built(FILES.replace("SELECT 1", "SELECT 2"))[0] != name
