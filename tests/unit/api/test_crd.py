"""The generated file, and the places that hold it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from switchback.api import crd
from switchback.cli.crd import command

ROOT = Path(__file__).parents[3]
FILES = [ROOT / "crds" / crd.FILE, ROOT / "charts" / "switchback" / "files" / crd.FILE]


def loaded() -> Any:
    return yaml.safe_load(crd.text())


@pytest.mark.parametrize("file", FILES, ids=["crds", "chart"])
def test_the_file_is_what_the_models_say(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == crd.text(), f"{file} is stale: run make generate"


def test_the_command_prints_the_file() -> None:
    result = CliRunner().invoke(command)
    assert result.exit_code == 0
    assert result.stdout_bytes == FILES[0].read_bytes()


def test_the_bytes_do_not_depend_on_hash_seeds() -> None:
    printed = {
        subprocess.run(
            [sys.executable, "-c", "from switchback.api import crd; print(crd.text(), end='')"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert printed == {crd.text().encode()}


def test_what_is_read_back_is_what_was_defined() -> None:
    assert loaded() == crd.definition()


def test_names_and_scope() -> None:
    spec = loaded()["spec"]
    assert loaded()["metadata"]["name"] == "databasemigrations.switchback.dev"
    assert spec["scope"] == "Namespaced"
    assert spec["names"] == {
        "kind": "DatabaseMigration",
        "listKind": "DatabaseMigrationList",
        "plural": "databasemigrations",
        "singular": "databasemigration",
        "shortNames": ["dbm"],
    }


def test_columns_and_status() -> None:
    (version,) = loaded()["spec"]["versions"]
    columns = {column["name"]: column["jsonPath"] for column in version["additionalPrinterColumns"]}
    assert columns == {
        "Ready": '.status.conditions[?(@.type=="Ready")].status',
        "Reason": '.status.conditions[?(@.type=="Ready")].reason',
        "Schema": ".status.schema.current",
        "Target": ".spec.target",
        "Slot": ".status.traffic.liveSlot",
        "Wished": ".spec.cutover.activeSlot",
        "Switch": ".status.traffic.cutover.phase",
        "Age": ".metadata.creationTimestamp",
    }
    assert version["subresources"] == {"status": {}}
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert status["default"] == {"observedGeneration": -1}
    assert status["properties"]["conditions"]["x-kubernetes-list-map-keys"] == ["type"]


def test_help_loads_neither_pydantic_nor_yaml() -> None:
    code = (
        "import sys; from switchback.cli.crd import command; command(['--help'], standalone_mode=False);"
        "print(sorted({'pydantic', 'yaml'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60, text=True)
    assert "Print the CustomResourceDefinition" in out.stdout
    assert out.stdout.rstrip().endswith("[]")


def test_without_the_operators_packages_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['yaml'] = None; from switchback.cli.crd import command; command([])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, timeout=60, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("switchback crd needs the package yaml")
    assert "pip install '/path/to/checkout[operator]'" in done.stderr
    assert "Traceback" not in done.stderr
