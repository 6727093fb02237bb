from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster import binaries
from tests.cluster.backends import kind
from tests.cluster.errors import BedError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No Docker on PATH, and nobody may compile anything."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binaries, "ensure", lambda *names: pytest.fail(f"{names} would be compiled"))


@pytest.mark.parametrize("act", ["up", "down", "load_images"])
def test_without_an_engine_it_is_refused_before_anything_is_built(act: str) -> None:
    with pytest.raises(BedError, match="CLUSTER=kind needs a Docker engine") as caught:
        getattr(kind.Kind(), act)()
    assert caught.value.code == 2


def test_a_dry_run_needs_no_engine(capsys: pytest.CaptureFixture[str]) -> None:
    kind.Kind().up(dry_run=True)
    assert "kind create cluster" in capsys.readouterr().out
