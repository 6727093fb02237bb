"""The example that the cluster tests store and read back leaves no field of the schema out."""

from __future__ import annotations

from typing import Any

from switchback.api import crd
from tests.e2e.everything import SPEC, STATUS

ROOT: dict[str, Any] = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]

OTHER_CHOICES = {
    ".database.urlFrom",
    ".database.caFrom.secretKeyRef",
    ".source.configMapRefs",
    ".database.connection.iam",
    ".snapshot.pgDump.s3",
    ".snapshot.rds",
    ".snapshot.volumeSnapshot",
    ".snapshot.cloudNativePG",
    ".snapshot.job",
    ".snapshot.none",
}
"""The sides of exactly-one-of that the example does not take."""


def absent(schema: dict[str, Any], data: Any, path: str = "") -> set[str]:
    if isinstance(data, list):
        seen = [absent(schema["items"], item, path) for item in data]
        return set.intersection(*seen) if seen else set()
    found: set[str] = set()
    for name, inner in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        if name not in data:
            found.add(here)
        elif isinstance(data[name], dict | list):
            found |= absent(inner, data[name], here)
    return found


def test_the_spec_sets_every_field() -> None:
    assert absent(ROOT["spec"], SPEC) == OTHER_CHOICES


def test_the_status_sets_every_field() -> None:
    assert absent(ROOT["status"], STATUS.to_json()) == set()
