"""What `snapshot` and `restore` say on a laptop, where there is no pod and no volume."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from switchback.contract.reasons import Reason, meaning
from switchback.runner.errors import RunnerError
from switchback.snapshots import contents, laptop
from switchback.snapshots.layout import MANIFEST
from switchback.snapshots.manifest import encode
from tests.unit.cli.test_main import call
from tests.unit.snapshots.test_contents import sealed

if TYPE_CHECKING:
    from pathlib import Path


def test_a_name_that_the_server_would_cut_is_refused_at_once(tmp_path: Path) -> None:
    done = call(
        "restore", str(sealed(tmp_path)), "--database", "x" * 70, "--url", "postgresql://u@127.0.0.1:1/d"
    )
    assert done.returncode == 2
    assert "63" in done.stderr
    assert "verifying" not in done.stdout


def test_verify_of_a_mistyped_path(tmp_path: Path) -> None:
    done = call("snapshot", "verify", str(tmp_path / "nothing"))
    assert done.returncode == 8
    assert f"{tmp_path}/nothing does not exist." in done.stderr
    assert "volume" not in done.stderr
    assert "snapshot list" in done.stderr


def test_verify_of_a_folder_that_is_no_restore_point(tmp_path: Path) -> None:
    done = call("snapshot", "verify", str(tmp_path), "--json")
    assert "is not a finished restore point" in done.stderr
    assert "volume" not in done.stderr + json.loads(done.stdout)["message"]


def test_verify_with_the_digest_of_another(tmp_path: Path) -> None:
    folder = sealed(tmp_path)
    done = call("snapshot", "verify", str(folder), "--digest", "sha256:0")
    assert done.returncode == 8
    own = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    assert f"has the digest sha256:{own}, not sha256:0." in done.stderr
    assert "volume" not in done.stderr
    assert "another restore point" in done.stderr


def test_a_manifest_tells_the_terminal_nothing(tmp_path: Path) -> None:
    folder = sealed(tmp_path)
    known, _ = contents.read(folder)
    evil = replace(
        known, restore_point="2026\x1b[2J", origin=replace(known.origin, database="s\x1b]0;x\x07\nh")
    )
    (folder / MANIFEST).write_bytes(encode(evil))
    for words in (("verify", folder), ("list", tmp_path), ("prune", "--to", tmp_path, "--uid", "u")):
        done = call("snapshot", *map(str, words))
        assert done.returncode == 0
        assert (done.stdout + done.stderr).replace("\n", "").isprintable()
    assert "s?]0;x??h" in call("snapshot", "list", str(tmp_path)).stdout


def test_keys_in_the_url_of_a_service_are_refused_and_not_shown() -> None:
    done = call("snapshot", "list", "s3://points", "--endpoint-url", "http://user:canary@127.0.0.1:1")
    assert done.returncode == 2
    assert "holds a user or a password" in done.stderr
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "words", [["list", ""], ["verify", ""], ["create", "--to", "", "--url", "postgresql://u@127.0.0.1:1/d"]]
)
def test_an_empty_place_is_not_the_folder_one_is_in(words: list[str]) -> None:
    done = call("snapshot", *words)
    assert done.returncode == 2
    assert "is empty" in done.stderr


def test_verify_of_damaged_files_still_points_at_the_volume(tmp_path: Path) -> None:
    folder = sealed(tmp_path)
    (folder / "toc.dat").write_bytes(b"")
    assert meaning(Reason.SNAPSHOT_UNREADABLE).advice in call("snapshot", "verify", str(folder)).stderr


@pytest.mark.parametrize(
    "reason",
    [
        Reason.SNAPSHOT_FAILED,
        Reason.SNAPSHOT_VOLUME_FULL,
        Reason.SNAPSHOT_CLIENT_TOO_OLD,
        Reason.SNAPSHOT_CLIENT_TOO_NEW,
        Reason.SNAPSHOT_UNREADABLE,
    ],
)
def test_the_advice_of_a_laptop_names_no_pod(reason: Reason) -> None:
    with pytest.raises(RunnerError) as refusal, laptop.advising():
        raise RunnerError(reason, "It did not work.")
    assert refusal.value.advice != meaning(reason).advice
    for word in ("pod", "claim", "clientImages", "volume"):
        assert word not in refusal.value.advice


def test_advice_of_its_own_stays() -> None:
    with pytest.raises(RunnerError) as refusal, laptop.advising():
        raise RunnerError(Reason.SNAPSHOT_FAILED, "It did not work.", "Do this.")
    assert refusal.value.advice == "Do this."
