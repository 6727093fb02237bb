"""Which restore point is meant, by which Job it is restored, and where a person has to do it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from switchback.api import names
from switchback.contract.exits import ExitCode
from switchback.kubectl import restore_points
from switchback.kubectl.own_jobs import Images
from switchback.kubectl.problems import Problem
from switchback.kubectl.resource import Resource
from switchback.kubectl.restore import switch
from switchback.kubectl.restore_job import Wish, job_for
from switchback.kubectl.restore_points import RUNBOOKS, choose
from tests.unit.kubectl import statuses

ROOT = Path(__file__).resolve().parents[3]
CLAIM = {"pgDump": {"persistentVolumeClaim": {"claimName": "points"}}}
BUCKET = {"pgDump": {"s3": {"bucket": "acme", "prefix": "shop", "region": "eu-central-1"}}}
DIGEST = "sha256:" + "0" * 64


def point(name: str, phase: str = "Ready", **more: Any) -> dict[str, Any]:
    return {"name": name, "phase": phase, "provider": "pgDump", "path": name, **more}


def shop(*points: dict[str, Any], snapshot: dict[str, Any] | None = None, **spec: Any) -> Resource:
    return Resource(
        {
            "metadata": {"name": "shop", "namespace": "team", "uid": statuses.UID},
            "spec": {**copy.deepcopy(statuses.SPEC), "snapshot": snapshot or CLAIM, **spec},
            "status": {
                "snapshots": list(points),
                "schema": {"database": {"name": "shop", "serverVersion": 170004}},
            },
        }
    )


def refused(resource: Resource, name: str, **more: Any) -> Problem:
    with pytest.raises(Problem) as found:
        choose(resource, name, **more)
    return found.value


def test_by_name_and_the_latest_that_is_ready() -> None:
    found = shop(point("a", digest=DIGEST, serverMajor=15), point("b"), point("c", "Failed"))
    assert choose(found, "a") == restore_points.Chosen("a", "points", 15, DIGEST)
    assert choose(found, "latest").name == "b"
    assert choose(found, "b").major == 17, "what the status does not tell is as the database is now"


def test_what_is_not_there_or_not_ready() -> None:
    found = shop(point("pre-rollback-1"), point("pre-rollback-2", "InProgress"))
    missing = refused(found, "pre-rollback-3")
    assert missing.code is ExitCode.USAGE
    assert "pre-rollback-1" in missing.advice
    assert refused(found, "pre-rollback-2").reason == "NotReady"
    assert refused(shop(), "latest").reason == "NotFound"


def test_a_claim_that_is_named_may_hold_what_no_status_knows() -> None:
    assert choose(shop(), "older", claim="archive") == restore_points.Chosen("older", "archive", 17)


def test_where_spec_names_no_place_any_more() -> None:
    found = shop(point("a"), snapshot={"none": {"acknowledge": True}})
    assert refused(found, "a").reason == "ClaimUnknown"
    assert choose(found, "a", claim="points").claim == "points"


@pytest.mark.parametrize("provider", RUNBOOKS)
def test_what_is_no_dump_is_restored_by_a_page_that_exists(provider: str) -> None:
    found = shop(point("a", provider=provider, providerID="arn:aws:rds:1"))
    problem = refused(found, "a")
    assert (problem.code, problem.reason) == (ExitCode.REFUSED, "ByRunbook")
    assert "arn:aws:rds:1" in problem.message
    page = problem.advice.removeprefix("Follow ")
    assert (ROOT / page).is_file(), page


def job(resource: Resource, images: Images | None = None, **wish: Any) -> dict[str, Any]:
    chosen = choose(resource, "latest")
    return job_for(resource, chosen, images or Images("us"), Wish("shop_before", nonce="abc123", **wish))


def containers(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    pod = made["spec"]["template"]["spec"]
    return {one["name"]: one for one in (*pod["initContainers"], *pod["containers"])}


def test_no_label_by_which_the_operator_knows_its_own() -> None:
    template = {
        "metadata": {"labels": {"team": "shop", names.LABEL_UID: "x", names.MANAGED_BY: "switchback"}},
    }  # fmt: skip
    made = job(shop(point("a"), jobTemplate=template))
    for metadata in (made["metadata"], made["spec"]["template"]["metadata"]):
        assert metadata["labels"]["team"] == "shop", "network policies may go by it"
        assert metadata["labels"][names.MANAGED_BY] == "kubectl-switchback"
        assert not [one for one in (names.LABEL_UID, names.LABEL_STEP) if one in metadata["labels"]]
    assert "ownerReferences" not in made["metadata"]
    assert len(made["metadata"]["name"]) <= names.NAME_LIMIT


def test_the_client_image_is_the_specs_or_the_newest_dumps_or_postgres() -> None:
    def image(made: dict[str, Any]) -> str:
        return str(containers(made)["restore"]["image"])

    found = shop(point("a", serverMajor=16))
    assert image(job(found)) == "postgres:16"
    assert image(job(found, Images("us", client="mirror/postgres:16"))) == "mirror/postgres:16"
    assert image(job(found, Images("us", client="mirror/postgres:16"), client_image="own")) == "own"
    mapped = {"pgDump": {**CLAIM["pgDump"], "clientImages": {"16": "acme/pg:16"}}}
    assert (
        image(job(shop(point("a", serverMajor=16), snapshot=mapped), Images("us", client="x")))
        == "acme/pg:16"
    )


def test_another_secret_stands_in_for_the_resources_own() -> None:
    made = containers(job(shop(point("a")), admin_secret="admin/url"))
    (variable,) = made["prepare"]["env"]
    assert variable == {
        "name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "admin", "key": "url"}},
    }  # fmt: skip
    with pytest.raises(Problem, match="NAME/KEY"):
        job(shop(point("a")), admin_secret="admin")


def test_dollar_signs_stay_what_they_are() -> None:
    made = containers(job(shop(point("a$(HOME)"))))
    assert any("a$$(HOME)" in word for word in made["prepare"]["args"])
    script = made["restore"]["command"][2]
    assert "$$work" in script
    assert "$$$" not in script.replace("$$", "")


def test_a_bucket_is_read_from_where_spec_says() -> None:
    made = containers(job(shop(point("a"), snapshot=BUCKET)))
    words = made["prepare"]["args"]
    assert "s3://acme/shop/a" in words
    assert words[words.index("--region") + 1] == "eu-central-1"
    assert words[words.index("--scratch") + 1] == "/snapshots"


def test_what_to_do_next() -> None:
    found = shop(point("a", schemaVersion="0003_names"))
    told = switch(found, choose(found, "a"), "shop_before", "0003_names")
    assert "Secret shop-db, key DATABASE_URL, to shop_before" in told.over
    assert "set spec.target to 0003_names" in told.over
    assert told.look == "kubectl switchback inspect shop -n team"
    assert "the same edit with shop:" in told.back
    same = switch(shop(point("a"), target="0003_names"), choose(found, "a"), "shop_before", "0003_names")
    assert "spec.target" not in same.over
