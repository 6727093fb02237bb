"""The pods that run a command of the tenant's: for a restore point, and for a fence."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from switchback.api.snapshots import Fence, Snapshot
from switchback.snapshots.fence import FenceRequest, fence_pod
from switchback.snapshots.provider import PodParts, SnapshotRequest, SnapshotSettings
from switchback.snapshots.registry import entry_of
from tests.unit.snapshots.test_pgdump import SECRET_ENV, SETTINGS, request

COMMAND = ["/bin/sh", "-c", 'take "$SWITCHBACK_SNAPSHOT_NAME" $(HOME)']
IAM_ENV = ({"name": "PGHOST", "value": "db"}, {"name": "SWITCHBACK_IAM_REGION", "value": "eu-west-1"})


def pod(wanted: SnapshotRequest | None = None, **more: Any) -> PodParts:
    spec = {"job": {"image": "example/backup:1", "command": COMMAND, **more}}
    entry = entry_of(Snapshot.model_validate(spec))
    assert entry is not None
    assert entry.job is not None
    found = entry.job.pod(Snapshot.model_validate(spec), wanted or request(), SETTINGS)
    assert isinstance(found, PodParts)
    return found


def fence(*, raising: bool = True, **more: Any) -> PodParts:
    wanted = FenceRequest("3f2a91c0-5b1e77", "shop", "shop", **{"database_env": (SECRET_ENV,), **more})
    return fence_pod(
        Fence.model_validate({"image": "example/fence:1", "command": COMMAND}),
        wanted,
        SETTINGS,
        raising=raising,
    )


def env_of(container: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one.get("value", "from a Secret") for one in container["env"]}


def test_their_command_runs_first_with_the_database_and_what_it_has_to_know() -> None:
    wanted = replace(request(), purpose="pre-migration", schema_version="0003_names")
    (theirs,) = pod(wanted).init_containers
    assert (theirs["name"], theirs["image"], theirs["command"]) == ("snapshot", "example/backup:1", COMMAND)
    assert env_of(theirs) == {
        "DATABASE_URL": "from a Secret",
        "SWITCHBACK_SNAPSHOT_NAME": "pre-rollback-20260101T000000Z-shop-3f2a91c0-5b1e77",
        "SWITCHBACK_OPERATION_ID": "3f2a91c0-5b1e77",
        "SWITCHBACK_PURPOSE": "pre-migration",
        "SWITCHBACK_SCHEMA_VERSION": "0003_names",
        "SWITCHBACK_NAMESPACE": "shop",
        "SWITCHBACK_RESOURCE": "shop",
        "SWITCHBACK_RESULT": "/switchback/result/result.json",
    }
    assert theirs["terminationMessagePolicy"] == "FallbackToLogsOnError"


def test_ours_answers_and_cannot_change_the_report() -> None:
    (ours,) = pod().containers
    words = " ".join(ours["args"])
    assert (ours["name"], ours["image"]) == ("switchback", "example/switchback:1")
    assert words.startswith("snapshot accept --name pre-rollback-20260101T000000Z-shop-3f2a91c0-5b1e77 ")
    assert "--report /switchback/result/result.json --begin /switchback/begin/pod" in words
    assert "--result-file /dev/termination-log" in words
    assert all(mount["readOnly"] for mount in ours["volumeMounts"])


def test_theirs_does_not_see_the_file_that_tells_when_the_pod_began() -> None:
    described = pod()
    (theirs,) = described.init_containers
    begin = next(one for one in described.volumes if "downwardAPI" in one)
    assert begin["name"] not in {mount["name"] for mount in theirs["volumeMounts"]}


@pytest.mark.parametrize("claim", [None, "backups"])
def test_the_claim_is_mounted_if_there_is_one(claim: str | None) -> None:
    more = {} if claim is None else {"persistentVolumeClaim": {"claimName": claim}}
    described = pod(**more)
    claims = [one["persistentVolumeClaim"]["claimName"] for one in described.volumes if len(one) and
              "persistentVolumeClaim" in one]  # fmt: skip
    places = [mount["mountPath"] for mount in described.init_containers[0]["volumeMounts"]]
    assert claims == ([claim] if claim else [])
    assert places == ["/switchback/result", *(["/snapshots"] if claim else [])]


def test_a_version_with_a_dollar_sign_stays_what_it_is() -> None:
    """The kubelet would put the value of DATABASE_URL there."""
    wanted = replace(request(), schema_version="0003_$(DATABASE_URL)")
    env = env_of(pod(wanted).init_containers[0])
    assert env["SWITCHBACK_SCHEMA_VERSION"] == "0003_$$(DATABASE_URL)"


def test_it_proves_nothing_and_says_so() -> None:
    entry = entry_of(Snapshot.model_validate({"job": {"image": "a", "command": ["b"]}}))
    assert entry is not None
    known = entry.capabilities
    assert (known.proves_source, known.verifies, known.lists, known.deletes) == (False, None, False, False)


@pytest.mark.parametrize("raising", [True, False])
def test_the_fence_is_raised_or_lowered_by_their_command(raising: bool) -> None:  # noqa: FBT001 - a parameter
    word = "raise" if raising else "lower"
    described = fence(raising=raising, snapshot_name="pre-rollback-x")
    (theirs,), (ours,) = described.init_containers, described.containers
    assert (theirs["name"], theirs["image"], theirs["command"]) == ("fence", "example/fence:1", COMMAND)
    assert env_of(theirs) == {
        "DATABASE_URL": "from a Secret",
        "SWITCHBACK_FENCE": word,
        "SWITCHBACK_OPERATION_ID": "3f2a91c0-5b1e77",
        "SWITCHBACK_SNAPSHOT_NAME": "pre-rollback-x",
        "SWITCHBACK_NAMESPACE": "shop",
        "SWITCHBACK_RESOURCE": "shop",
    }
    assert ours["args"][:6] == ["snapshot", "accept", "--fence", word, "--operation-id", "3f2a91c0-5b1e77"]
    assert "shop-db" not in json.dumps(ours)


@pytest.mark.parametrize(
    "described", [pod(replace(request(), database_env=IAM_ENV)), fence(database_env=IAM_ENV)]
)
def test_where_aws_gives_the_password_theirs_finds_it_in_a_passfile(described: PodParts) -> None:
    login, theirs = described.init_containers
    assert (login["name"], login["image"]) == ("login", SETTINGS.image)
    assert login["args"] == ["snapshot", "login", "--to", "/switchback/secrets/pgpass"]
    assert env_of(login)["SWITCHBACK_IAM_REGION"] == "eu-west-1"
    assert env_of(theirs)["PGPASSFILE"] == "/switchback/secrets/pgpass"
    memory = next(one for one in described.volumes if one["name"] == login["volumeMounts"][0]["name"])
    assert memory["emptyDir"]["medium"] == "Memory"
    assert {**login["volumeMounts"][0], "readOnly": True} in theirs["volumeMounts"]


def test_the_settings_say_which_image_and_how_it_is_pulled() -> None:
    settings = SnapshotSettings("mine/switchback:2", image_pull_policy="Always")
    wanted = FenceRequest("a-b", "n", "r", ())
    spec = Fence.model_validate({"image": "x", "command": ["y"]})
    (ours,) = fence_pod(spec, wanted, settings, raising=True).containers
    assert (ours["image"], ours["imagePullPolicy"]) == ("mine/switchback:2", "Always")


@pytest.mark.parametrize("module", ["job", "fence", "login", "command"])
def test_describing_the_pod_loads_neither_psycopg_nor_click(module: str) -> None:
    loaded = "sorted(sys.modules.keys() & {'psycopg', 'click', 'botocore'})"
    code = f"import sys, switchback.snapshots.{module}; print({loaded})"
    seen = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert seen.stdout.strip() == "[]"
