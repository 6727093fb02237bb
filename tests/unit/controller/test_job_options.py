"""What the fields of a spec become in the pod of a run: options, volumes, variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from switchback.api.names import look_id
from switchback.api.status import (
    DatabaseIdentity,
    OperationKind,
    Preview,
    PreviewPhase,
    SchemaState,
    SourceState,
    Status,
)
from switchback.contract.words import BY_RUNNER, Operation
from switchback.controller.decision import CreateJob
from switchback.controller.intent import database_digest, intent_digest
from switchback.controller.jobs import manifest
from tests.unit.controller.build import SETTINGS, UID, Object, needed, spec, status, world
from tests.unit.controller.test_jobs import DUMP, argument, job_for, made, main, pod_of

if TYPE_CHECKING:
    from switchback.controller.observed import Observed

RUNS = sorted(BY_RUNNER - {Operation.RELEASE, Operation.DRAIN})
BACK = {Operation.INSPECT, Operation.RESERVE, Operation.ROLLBACK}


def database(**more: Any) -> Object:
    return {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "DATABASE_URL"}}, **more}


@pytest.mark.parametrize("step", RUNS)
def test_every_run_meets_the_same_files_in_the_same_way(step: Operation) -> None:
    source = {
        "configMapRefs": [{"name": "shop-migrations"}],
        "format": "Pairs",
        "aheadPolicy": "Keep",
        "outOfOrderPolicy": "Allow",
        "adoptionPolicy": "IfNoLedger",
    }
    job = job_for(step, source=source, rollback={"downSource": "Ledger"})
    told = {name: argument(job, name) for name in ("--format", "--ahead-policy", "--out-of-order-policy")}
    assert told == {"--format": "Pairs", "--ahead-policy": "Keep", "--out-of-order-policy": "Allow"}
    assert argument(job, "--adoption-policy") == "IfNoLedger"
    assert argument(job, "--down-source") == "Ledger"


@pytest.mark.parametrize("step", [*RUNS, Operation.RELEASE])
def test_every_run_works_in_the_same_place(step: Operation) -> None:
    job = job_for(step, database=database(role="owner", ledgerSchema="own", searchPath=["a b", "public"]))
    args = main(job)["args"]
    assert (argument(job, "--role"), argument(job, "--ledger-schema")) == ("owner", "own")
    assert [args[at + 1] for at, word in enumerate(args) if word == "--search-path"] == ["a b", "public"]


@pytest.mark.parametrize("step", [*RUNS, Operation.RELEASE, Operation.SNAPSHOT])
@pytest.mark.parametrize("kind", ["secret", "configMap"])
def test_every_container_that_connects_trusts_the_given_authority(step: Operation, kind: str) -> None:
    reference = {"name": "authority", "key": "root.pem"}
    where = {"secret": {"secretKeyRef": reference}, "configMap": {"configMapKeyRef": reference}}[kind]
    job = job_for(step, database=database(caFrom=where), snapshot=DUMP)
    named = {"secret": {"secretName": "authority"}, "configMap": {"name": "authority"}}[kind]
    items = [{"key": "root.pem", "path": "ca.crt"}]
    assert {"name": "switchback-ca", kind: {**named, "items": items}} in pod_of(job)["volumes"]
    mount = {"name": "switchback-ca", "mountPath": "/switchback/ca", "readOnly": True}
    containers = [*pod_of(job)["containers"], *pod_of(job).get("initContainers", [])]
    connecting = [one for one in containers if one["name"] != "source"]
    assert all(mount in one["volumeMounts"] for one in connecting)
    told = [variable for one in connecting for variable in one.get("env", [])]
    assert {"name": "PGSSLROOTCERT", "value": "/switchback/ca/ca.crt"} in told


def test_without_an_authority_the_public_ones_are_trusted() -> None:
    user = {"secretKeyRef": {"name": "s", "key": "k"}}
    given = {"host": "db", "name": "shop", "usernameFrom": user, "passwordFrom": user}
    job = job_for(database={"connection": {**given, "sslMode": "verify-full"}})
    assert {"name": "PGSSLROOTCERT", "value": "system"} in main(job)["env"]
    job = job_for(database={"connection": {**given, "sslMode": "require"}})
    assert "PGSSLROOTCERT" not in {one["name"] for one in main(job)["env"]}


def seen(told: Status, **more: Any) -> Observed:
    """A world whose database has been met by the words of this spec."""
    wanted = world(spec(**more), told)
    assert wanted.spec is not None
    state = SchemaState(
        current="0005",
        database=DatabaseIdentity(
            name="shop",
            system_identifier="7",
            server_version=180000,
            ledger="u-1",
            digest=database_digest(wanted.spec),
        ),
    )
    return world(spec(**more), told.model_copy(update={"schema_state": state}))


@pytest.mark.parametrize("step", RUNS)
def test_a_run_is_told_which_ledger_it_has_to_meet(step: Operation) -> None:
    assert argument(made(seen(status(step)), step), "--expect-ledger") == "u-1"


def test_other_words_for_the_database_are_another_wish() -> None:
    before = seen(status())
    elsewhere = world(spec(database=database(ledgerSchema="other")), before.status)
    assert argument(made(elsewhere), "--expect-ledger") is None


def test_a_look_needs_no_operation() -> None:
    own = look_id(UID, "0002/1")
    preview = Preview(
        request="0002/1", id=own, attempt=1, phase=PreviewPhase.IN_PROGRESS, target="0002", job_name="look"
    )
    action = CreateJob("look", Operation.INSPECT, 1, look=True)
    job = manifest(world(spec(snapshot=DUMP), Status(preview=preview)), action, SETTINGS)
    assert (argument(job, "--operation"), argument(job, "--operation-id")) == ("inspect", own)
    assert argument(job, "--target") == "0002"
    args = main(job)["args"]
    assert not {"--reserve-unless-risky", "--intent-digest", "--accept", "--expect-plan"} & set(args)
    assert pod_of(job)["activeDeadlineSeconds"] == 360
    assert job["metadata"]["labels"]["switchback.dev/operation"] == own
    seen = world(spec(snapshot=DUMP))
    assert seen.spec is not None
    wish = intent_digest(seen.spec, seen.source)
    assert job["metadata"]["annotations"]["switchback.dev/intent-digest"] == wish, "what its answer is about"


def test_an_approved_migration_runs_what_was_approved() -> None:
    assert argument(made(world(spec(), status(plan_digest="p1:7"))), "--expect-plan") == "p1:7"


def test_a_rollback_on_request_withdraws_the_wish_and_a_retry_may_apply_it_again() -> None:
    back = status(Operation.ROLLBACK, kind=OperationKind.ROLLBACK)
    assert "--withdraw-intent" in main(made(world(spec(), back), Operation.ROLLBACK))["args"]
    assert "--withdraw-intent" not in main(job_for(Operation.ROLLBACK))["args"]
    again = status(retry="x/1")
    assert "--allow-withdrawn" in main(made(world(spec(), again)))["args"]
    assert "--allow-withdrawn" not in main(job_for())["args"]


def test_the_target_of_a_request_is_followed_and_not_the_specs() -> None:
    there = status(Operation.INSPECT, target="0001", kind=OperationKind.ROLLBACK)
    assert argument(made(world(spec(), there), Operation.INSPECT), "--target") == "0001"


@pytest.mark.parametrize("step", RUNS)
def test_ways_back_are_looked_up_in_an_earlier_image(step: Operation) -> None:
    told = status(step, down_image="shop:8").model_copy(
        update={"applied_source": SourceState(image="shop:8", path="/sql")}
    )
    job = made(world(spec(source={"image": {"reference": "shop:7"}}), told), step)
    copies = [one for one in pod_of(job).get("initContainers", []) if one["name"] == "downs"]
    assert argument(job, "--down-dir") == ("/switchback/downs" if step in BACK else None)
    assert [(one["image"], one["command"]) for one in copies] == (
        [("shop:8", ["cp", "-R", "/sql/.", "/switchback/downs"])] if step in BACK else []
    )


OF_AWS = {"iam": {"region": "eu-west-1"}, "sslMode": "require"}
OWN_JOB = {"job": {"image": "theirs:1", "command": ["/basebackup"]}}
COPIES = {"source", "downs"}


@pytest.mark.parametrize(
    ("step", "snapshot", "reached", "copies"),
    [
        (Operation.MIGRATE, DUMP, set(), {"source"}),
        (Operation.INSPECT, DUMP, set(), COPIES),
        (Operation.ROLLBACK, DUMP, set(), COPIES),
        (Operation.RELEASE, DUMP, set(), set()),
        (Operation.SNAPSHOT, DUMP, {"prepare", "dump", "reread"}, set()),
        (Operation.SNAPSHOT, OWN_JOB, {"login", "snapshot"}, set()),
        (Operation.FENCE, DUMP, {"login", "fence"}, set()),
        (Operation.UNFENCE, DUMP, {"login", "fence"}, set()),
        (Operation.PRUNE, DUMP, set(), set()),
    ],
)
def test_the_environment_of_the_template_reaches_all_but_the_copies_of_files(
    step: Operation, snapshot: Object, reached: set[str], copies: set[str]
) -> None:
    """A proxy or certificates are needed wherever something connects, also in tenants' commands."""
    containers = containers_with({"HTTPS_PROXY": "http://proxy"}, step, snapshot=snapshot)
    proxy = {"name": "HTTPS_PROXY", "value": "http://proxy"}
    assert {name for name, env in containers.items() if proxy in env} == {"switchback", *reached}
    assert {name for name, env in containers.items() if not env} == copies


def test_what_a_container_of_the_pod_says_itself_wins() -> None:
    names = ("SWITCHBACK_WORK", "HOME", "AWS_ACCESS_KEY_ID", "SWITCHBACK_IAM_REGION")
    keys = {"credentialsFrom": {"secretRef": {"name": "keys"}}}
    bucket = {"pgDump": {"s3": {"bucket": "points", **keys}}}
    containers = containers_with(dict.fromkeys(names, "theirs"), Operation.SNAPSHOT, snapshot=bucket)
    theirs = {
        name: {one["name"] for one in env if one.get("value") == "theirs"} for name, env in containers.items()
    }
    assert theirs == {
        "prepare": {"SWITCHBACK_WORK", "HOME"},
        "dump": {"AWS_ACCESS_KEY_ID", "SWITCHBACK_IAM_REGION"},
        "reread": {"AWS_ACCESS_KEY_ID", "SWITCHBACK_IAM_REGION"},
        "switchback": {"SWITCHBACK_WORK", "HOME", "SWITCHBACK_IAM_REGION"},
    }
    assert all(len({one["name"] for one in env}) == len(env) for env in containers.values())


def test_what_the_template_may_not_set_reaches_no_container() -> None:
    forbidden = ("DATABASE_URL", "PGHOST", "PGPASSFILE", "PYTHONPATH", "LD_PRELOAD")
    forged = dict.fromkeys(forbidden, "forged") | {"TZ": "UTC"}
    containers = containers_with(forged, Operation.SNAPSHOT, snapshot=DUMP)
    told = [
        one["name"] for env in containers.values() for one in env if one.get("value") in {"forged", "UTC"}
    ]
    assert told == ["TZ"] * 4


def containers_with(env: dict[str, str], step: Operation, **more: Any) -> dict[str, list[Object]]:
    """Variables of each container: files of two images, a login by AWS, a template with variables."""
    user = {"secretKeyRef": {"name": "s", "key": "k"}}
    template = {"spec": {"env": [{"name": name, "value": value} for name, value in env.items()]}}
    wish = spec(
        jobTemplate=template,
        source={"image": {"reference": "shop:7"}},
        database={"connection": {"host": "db", "name": "shop", "usernameFrom": user, **OF_AWS}},
        **needed(step),
        **more,
    )
    told = status(step, down_image="shop:8").model_copy(
        update={"applied_source": SourceState(image="shop:8", path="/sql")}
    )
    pod = pod_of(made(world(wish, told), step))
    return {one["name"]: one.get("env", []) for one in [*pod.get("initContainers", []), *pod["containers"]]}
