"""`switchback snapshot list` and `prune` as people and Jobs call them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.result import decode
from switchback.contract.words import Operation
from switchback.snapshots.folder import FolderStore
from switchback.snapshots.manifest import Requester
from tests.unit.cli.test_main import call
from tests.unit.snapshots.dumps import dump

if TYPE_CHECKING:
    from pathlib import Path

UID = "7c1d2f6e-0000-4000-8000-000000000001"


def filled(root: Path) -> Path:
    """A folder with three old restore points of one resource, and one of somebody else."""
    root.mkdir()
    ours = Requester("3f2a91c0-5b1e77", "shop", "shop", "3f2a91c0", UID)
    for name, day, requester in (
        ("a", 1, ours), ("b", 2, ours), ("c", 3, ours), ("other", 1, Requester("cli-1")),
    ):  # fmt: skip
        partial, manifest = dump(root, name=name)
        at = f"2026-01-0{day}T00:00:00.000000Z"
        FolderStore(root).publish(partial, replace(manifest, requester=requester, restore_point=at))
    return root


def prune(root: Path, *more: str) -> tuple[int, str, str]:
    words = ("snapshot", "prune", "--to", str(root), "--uid", UID, "--minimum-count", "1")
    done = call(*words, "--minimum-age-seconds", "60", *more)
    return done.returncode, done.stdout, done.stderr


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_a_dry_run_tells_and_deletes_nothing(tmp_path: Path) -> None:
    root = filled(tmp_path / "points")
    code, said, _ = prune(root, "--dry-run")
    assert code == 0
    assert "Would delete 2: a, b. 2 restore points stay." in said
    assert "c: stays: it is the newest one" in said
    assert "other: stays: it is not known to be of this resource" in said
    assert names(root) == ["a", "b", "c", "other"]


def test_a_job_deletes_and_leaves_a_result(tmp_path: Path) -> None:
    root, answer = filled(tmp_path / "points"), tmp_path / "answer"
    more = ("--operation-id", "3f2a91c0-5b1e77", "--result-file", str(answer), "--protect", "a", "--json")
    code, said, _ = prune(root, *more)
    assert code == 0
    assert names(root) == ["a", "c", "other"]
    result = decode(answer.read_text())
    assert (result.operation, result.reason) == (Operation.PRUNE, Reason.SUCCEEDED)
    assert result.operation_id == "3f2a91c0-5b1e77"
    assert "Deleted 1: b." in result.message
    told = json.loads(said)
    assert told["deleted"] == ["b"]
    assert {point["name"]: point["deletable"] for point in told["points"]} == {
        "a": False, "b": True, "c": False, "other": False,
    }  # fmt: skip


def test_a_folder_that_is_not_there_is_an_error_with_a_result(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    code, _, told = prune(tmp_path / "nothing", "--result-file", str(answer))
    assert code == 2
    assert "cannot be read" in told
    assert decode(answer.read_text()).operation is Operation.PRUNE


def test_words_that_are_not_understood_leave_a_result_of_pruning(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    code, _, _ = prune(tmp_path, "--result-file", str(answer), "--nonsense")
    assert code == 2
    assert decode(answer.read_text()).operation is Operation.PRUNE


def test_the_list_says_whose_each_is_and_which_stay(tmp_path: Path) -> None:
    root = filled(tmp_path / "points")
    (root / "a" / "keep").touch()
    plain = call("snapshot", "list", str(root))
    assert plain.returncode == 0
    lines = [line.split() for line in plain.stdout.splitlines()[1:]]
    assert [line[0] for line in lines] == ["c", "b", "a", "other"]
    assert [line[-1] for line in lines if line[0] != "other"] == ["shop/shop", "shop/shop", "(keep)"]
    told = call(
        "snapshot", "list", str(root), "--uid", UID, "--minimum-count", "1", "--minimum-age-seconds", "60"
    )
    by_name = {line.split()[0]: line for line in told.stdout.splitlines()}
    assert "stays: it has a keep mark" in by_name["a"]
    assert "goes: it is older than 1 minute" in by_name["b"]
    assert "stays: it is the newest one" in by_name["c"]


def test_a_bucket_without_its_library_is_told(tmp_path: Path) -> None:
    (tmp_path / "botocore.py").write_text("raise ImportError(name='botocore')")
    done = call("snapshot", "list", "s3://points/db", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert "botocore" in done.stderr
    assert "extra" in done.stderr
    assert "Traceback" not in done.stderr
