"""The example resources, as a real API server takes them.

The schema is installed under another group, so that no operator in the same cluster answers.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from switchback.api import names
from tests.e2e.trial import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.handle import Cluster

pytestmark = pytest.mark.cluster

GROUP = "examples.switchback.dev"
RESOURCE = f"{names.PLURAL}.{GROUP}"
FOLDER = Path(__file__).resolve().parents[2] / "examples" / "resource"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))


@pytest.fixture(scope="module")
def schema(bare_cluster: Cluster) -> Iterator[Cluster]:
    with served(bare_cluster, RESOURCE):
        yield bare_cluster


def accepted(cluster: Cluster, namespace: str, text: str) -> dict[str, Any]:
    """What the API server would store. It refuses unknown fields and whatever breaks a rule."""
    text = text.replace(f"apiVersion: {names.API_VERSION}", f"apiVersion: {GROUP}/{names.VERSION}")
    argv = ("apply", "--dry-run=server", "--validate=strict", "-n", namespace, "-f", "-")
    stored: dict[str, Any] = cluster.kubectl(*argv, input=text, json=True)
    return stored


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_is_taken_as_it_is(schema: Cluster, namespace: str, file: Path) -> None:
    text = file.read_text()
    stored = accepted(schema, namespace, text)
    assert holds(stored["spec"], yaml.safe_load(text)["spec"]), "something was pruned"


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


def holds(stored: Any, given: Any) -> bool:
    """Whether what was given is there; defaults may have come along."""
    if isinstance(given, dict):
        return isinstance(stored, dict) and all(
            name in stored and holds(stored[name], value) for name, value in given.items()
        )
    if isinstance(given, list):
        return len(stored) == len(given) and all(map(holds, stored, given))
    return bool(stored == given)
