"""What goes wrong on demand, and the book of calls."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from tests.unit.aws.refused import refused

if TYPE_CHECKING:
    from tests.aws.call import Call
    from tests.aws.server import FakeAws


def create(aws: FakeAws, name: str = "before", **config: Any) -> None:
    aws.rds(**config).create_db_snapshot(DBInstanceIdentifier="shop", DBSnapshotIdentifier=name)


def names(aws: FakeAws) -> list[str]:
    return [one["name"] for one in aws.snapshots() if one["type"] == "manual"]


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        ("Throttling", 400, "Rate exceeded"),
        ("RequestLimitExceeded", 503, "Request limit exceeded."),
        ("InternalFailure", 500, ""),
        ("ServiceUnavailable", 503, ""),
        ("ExpiredToken", 403, "expired"),
        ("InvalidClientTokenId", 403, "invalid"),
        ("SnapshotQuotaExceeded", 400, "maximum number of snapshots"),
        ("DBInstanceNotFound", 404, ""),
        ("InvalidDBInstanceState", 400, ""),
        ("KMSKeyNotAccessibleFault", 400, ""),
    ],
)
def test_an_error_comes_as_often_as_was_said(aws: FakeAws, error: str, status: int, words: str) -> None:
    aws.make_instance("shop")
    aws.fault("CreateDBSnapshot", error=error, times=2)
    for _ in range(2):
        with refused(error, words, status=status):
            create(aws)
    assert names(aws) == []
    create(aws)
    assert names(aws) == ["before"]


def test_an_error_is_one_that_the_client_knows(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.fault("CreateDBSnapshot", error="SnapshotQuotaExceeded")
    with pytest.raises(aws.rds().exceptions.SnapshotQuotaExceededFault):
        create(aws)


def test_who_may_not_is_told_what(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.make_bucket("backups")
    aws.fault("CreateDBSnapshot", error="AccessDenied")
    aws.fault("CreateDBSnapshot", error="AccessDenied", denies="rds:AddTagsToResource")
    aws.fault("s3:PutObject", error="AccessDenied")
    aws.fault("GetCallerIdentity", error="AccessDenied")
    with refused("AccessDenied", "is not authorized to perform: rds:CreateDBSnapshot on", status=403):
        create(aws)
    with refused("AccessDenied", "is not authorized to perform: rds:AddTagsToResource on", status=403):
        create(aws)
    with refused("AccessDenied", "is not authorized to perform: s3:PutObject on", status=403):
        aws.s3().put_object(Bucket="backups", Key="k", Body=b"x")
    with refused("AccessDenied", "sts:GetCallerIdentity", status=403):
        aws.sts().get_caller_identity()


def test_a_lost_answer_is_one_to_a_call_that_was_done(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.settings(snapshot_seconds=0)
    aws.fault("CreateDBSnapshot", drop="after", times=2)
    with pytest.raises(ConnectionClosedError):
        create(aws)
    assert names(aws) == ["before"]
    with refused("DBSnapshotAlreadyExists"):
        create(aws, "again", retries={"total_max_attempts": 3, "mode": "standard"})
    outcomes = [call["outcome"] for call in aws.calls("CreateDBSnapshot")]
    assert outcomes == ["dropped after", "dropped after", "answered"]


def test_a_call_that_is_dropped_before_was_not_done(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.fault("CreateDBSnapshot", drop="before")
    with pytest.raises(ConnectionClosedError):
        create(aws)
    assert names(aws) == []
    assert [call["outcome"] for call in aws.calls("CreateDBSnapshot")] == ["dropped before"]
    create(aws)


def test_an_answer_may_be_late(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.fault("CreateDBSnapshot", late=1.0)
    with pytest.raises(ReadTimeoutError):
        create(aws, read_timeout=0.4)
    assert names(aws) == ["before"]
    aws.fault("DescribeDBInstances", delay=0.3)
    begun = time.monotonic()
    aws.rds().describe_db_instances()
    assert time.monotonic() - begun > 0.3


def test_something_on_the_way_may_answer_in_its_own_words(aws: FakeAws) -> None:
    aws.fault("DescribeDBInstances", body="<html><p>Bad gateway</html>", status=502)
    aws.fault("DescribeDBInstances", body="<!doctype html><p>Bad gateway", status=502)
    with refused("502", status=502):
        aws.rds().describe_db_instances()
    with pytest.raises(ResponseParserError):
        aws.rds().describe_db_instances()


def test_a_test_is_called_before_and_after_a_call_is_done(aws: FakeAws) -> None:
    aws.make_instance("shop")
    seen: list[tuple[str, str, list[str]]] = []

    def note(when: str, call: Call) -> None:
        seen.append((when, call["params"]["DBSnapshotIdentifier"], names(aws)))

    aws.fault(
        "CreateDBSnapshot",
        before=lambda call: note("before", call),
        after=lambda call: note("after", call),
    )
    create(aws)
    assert seen == [("before", "before", []), ("after", "before", ["before"])]


def test_a_rule_is_for_some_calls_only(aws: FakeAws) -> None:
    aws.make_instance("shop")
    aws.settings(snapshot_seconds=0)
    rule = aws.fault(
        "Create*", times=None, skip=1, where={"DBSnapshotIdentifier": "bad-*"}, error="Throttling"
    )
    create(aws, "bad-1")
    create(aws, "good-1")
    for _ in range(3):
        with refused("Throttling"):
            create(aws, "bad-2")
    create(aws, "good-2")
    assert [(told["id"], told["met"]) for told in aws.faults()] == [(rule, 3)]
    aws.heal(rule)
    create(aws, "bad-2")
    with pytest.raises(ValueError, match="drop"):
        aws.fault("Create*", drop="sideways")


def test_the_book_has_every_call_with_what_was_asked_and_no_secrets(aws: FakeAws) -> None:
    rds = aws.rds()
    rds.create_db_instance(
        DBInstanceIdentifier="shop",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        MasterUsername="postgres",
        MasterUserPassword="do-not-tell-anybody",
        AllocatedStorage=20,
    )
    rds.describe_db_instances()
    rds.describe_db_instances()
    with refused("DBSnapshotNotFound", status=404):
        rds.describe_db_snapshots(DBSnapshotIdentifier="no")
    aws.sts().assume_role_with_web_identity(
        RoleArn="arn:aws:iam::123456789012:role/r",
        RoleSessionName="me",
        WebIdentityToken="a-token-not-to-tell",
    )
    assert aws.counts() == {
        "CreateDBInstance": 1,
        "DescribeDBInstances": 2,
        "DescribeDBSnapshots": 1,
        "AssumeRoleWithWebIdentity": 1,
    }
    (created,) = aws.calls("CreateDBInstance")
    assert created["params"]["DBInstanceIdentifier"] == "shop"
    assert (created["service"], created["region"], created["status"]) == ("rds", "eu-central-1", 200)
    assert created["at"] == pytest.approx(time.time(), abs=30)
    (missed,) = aws.calls("DescribeDBSnapshots")
    assert (missed["status"], missed["code"]) == (404, "DBSnapshotNotFound")
    told = str(aws.calls())
    assert "do-not-tell" not in told
    assert "not-to-tell" not in told
    aws.forget_calls()
    assert aws.counts() == {}
