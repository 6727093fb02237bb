"""What the pages say about RDS is so: policies allow what is asked and nothing else, commands exist."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore import xform_name

from switchback.api.names import snapshot_name
from switchback.aws.client import Aws
from switchback.contract.points import Level, Phase, Purpose
from switchback.snapshots import rds_tags
from switchback.snapshots.provider import Allowance
from switchback.snapshots.rds_names import identifier
from tests.unit.snapshots.rds_rig import DECIDED, OWNER, RDSRig, fake, intent, provider, wish

if TYPE_CHECKING:
    from tests.aws.server import FakeAws

__all__ = ["fake"]

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "how-to" / "snapshots-on-rds.md").read_text(encoding="utf-8")
RUNBOOK = (DOCS / "runbooks" / "restore-rds.md").read_text(encoding="utf-8")
BLOCKS = [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)]
STATEMENTS: list[dict[str, Any]] = [one for block in BLOCKS for one in block.get("Statement", [block])]


def actions(*statements: dict[str, Any]) -> set[str]:
    found = (one["Action"] for one in statements)
    return {name for one in found for name in ([one] if isinstance(one, str) else one)}


def of(*sids: str) -> set[str]:
    return actions(*(one for one in STATEMENTS if one["Sid"] in sids))


async def everything(fake: FakeAws, *, cluster: bool) -> set[str]:
    """All actions that AWS is asked for in the life of a snapshot, but for deleting it."""
    rig = RDSRig(fake, cluster=cluster)
    rds, asked = rig.provider, intent()
    reader = "shop-instance-2" if cluster else "shop-prod"
    assert await provider(Aws(attempts=1), spec=wish(reader)).preflight(asked) == ()
    await provider(rig.aws, spec=wish(reader)).preflight(rig.intent_of_other_database())
    await rds.request(asked)
    await rds.request(asked)
    await rds.observe([asked])
    assert (await rds.verify(asked, Level.METADATA)).failure is None
    assert (await rds.list_owned(OWNER)).complete
    return {f"rds:{name}" for name in fake.counts()}


@pytest.mark.parametrize(("cluster", "block"), [(False, 0), (True, 1)])
def test_the_policies_allow_what_is_asked_and_nothing_else(
    fake: FakeAws, *, cluster: bool, block: int
) -> None:
    asked = asyncio.run(everything(fake, cluster=cluster))
    # To create with tags takes the right to tag; no call of its own is made for it.
    assert actions(*BLOCKS[block]["Statement"]) == asked | {"rds:AddTagsToResource"}
    assert not {name for name in asked if "Tag" in name or "Modify" in name}


def test_deleting_takes_the_statement_that_is_optional(fake: FakeAws) -> None:
    async def deleted(*, cluster: bool) -> None:
        rig = RDSRig(fake, cluster=cluster)
        await rig.provider.request(intent())
        fake.forget_calls()
        gone = await rig.provider.delete(intent().name, OWNER)
        assert (gone.phase, gone.failure) == (Phase.DELETING, None)
        (action,) = (name for name in fake.counts() if not name.startswith("Describe"))
        assert f"rds:{action}" in of("PruneOwn")

    asyncio.run(deleted(cluster=False))
    asyncio.run(deleted(cluster=True))
    assert len(of("PruneOwn")) == 2
    assert not of("PruneOwn") & of("Read", "Create", "TagOnCreate")


def test_the_quota_is_asked_for_with_the_statement_that_is_optional(fake: FakeAws) -> None:
    async def near() -> None:
        rig = RDSRig(fake)
        fake.make_snapshots("shop-prod", *(f"theirs-{number}" for number in range(90)))
        fake.fault("DescribeAccountAttributes", times=None, error="AccessDenied")
        await rig.provider.preflight(intent())

    asyncio.run(near())
    assert {f"rds:{name}" for name in fake.counts()} - of("Read") == of("KnowTheQuota")


def test_assuming_a_role_takes_what_the_pages_say(fake: FakeAws) -> None:
    role = "arn:aws:iam::123456789012:role/switchback-tenant-shop"

    async def assumed() -> None:
        rig = RDSRig(fake)
        allowed = Allowance(("shop",), ("shop-*",), role=role, external_id="prod-eu")
        await provider(rig.aws, allowed).observe([intent()])

    asyncio.run(assumed())
    (call,) = fake.calls("AssumeRole")
    for sid in ("Tenants", "Operator"):
        assert of(sid) == {"sts:AssumeRole", "sts:TagSession"}
    (trust,) = (one["Condition"]["StringEquals"] for one in STATEMENTS if one["Sid"] == "Operator")
    told = call["params"]
    assert trust["sts:ExternalId"] == told["ExternalId"]
    assert trust[f"aws:RequestTag/{told['Tags.member.1.Key']}"] == told["Tags.member.1.Value"]


def test_names_and_tags_in_the_policies_are_those_that_are_written() -> None:
    for sid in ("Create", "TagOnCreate", "PruneOwn"):
        statements = [one for one in STATEMENTS if one["Sid"] == sid]
        assert statements
        for statement in statements:
            patterns = [each.rpartition(":")[2].removesuffix("*") for each in statement["Resource"]]
            for purpose in (Purpose.PRE_ROLLBACK, Purpose.PRE_MIGRATION):
                name = identifier(snapshot_name(purpose, "shop", "3f2a91c0-5b1e77", DECIDED))
                assert any(name.startswith(pattern) for pattern in patterns), sid
    keys = {
        key.partition("/")[2]
        for one in STATEMENTS
        if one["Sid"] in {"TagOnCreate", "PruneOwn"}
        for key in one["Condition"]["StringEquals"]
    }
    assert keys == {rds_tags.INSTALLATION}
    assert identifier("pre-rollback-20260301T101500Z-shop-3f2a91c0-5b1e77") in PAGE
    assert identifier("pre-rollback-20260301T101500Z-shop-3f2a91c0-5b1e77") in RUNBOOK


def test_what_is_said_not_to_be_needed_is_not_asked_for() -> None:
    listed = of("Read", "Create", "TagOnCreate", "PruneOwn", "KnowTheQuota")
    for name in ("ListTagsForResource", "ModifyDBSnapshotAttribute", "CopyDBSnapshot"):
        assert f"`rds:{name}`" in PAGE
        assert f"rds:{name}" not in listed


def commands() -> list[tuple[str, list[str]]]:
    """Each `aws rds` command of the runbook, with its options."""
    joined = RUNBOOK.replace("\\\n", " ")
    flags = re.findall(r"\$\(flag \w+ ([a-z-]+)\)", joined)
    found = []
    for line in joined.splitlines():
        for command in re.findall(r"aws rds ((?!wait)[a-z-]+)([^;|}]*)", line):
            text = re.sub(r"\$\(flag \w+ ([a-z-]+)\)", r"--\1", command[1])
            found.append((command[0], re.findall(r" --([a-z0-9-]+)", text)))
    assert flags
    return found


def test_the_commands_of_the_runbook_exist_with_their_options() -> None:
    model = botocore.session.get_session().get_service_model("rds")
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    everywhere = {"region", "query", "output"}
    checked = set()
    for command, options in commands():
        shape = model.operation_model(operations[command]).input_shape
        assert shape is not None
        known = {xform_name(name, "-") for name in shape.members}
        assert set(options) - everywhere <= known, command
        checked.add(command)
    assert checked >= {
        "describe-db-snapshots",
        "describe-db-instances",
        "restore-db-instance-from-db-snapshot",
        "restore-db-cluster-from-snapshot",
        "create-db-instance",
    }


def test_what_the_runbook_reads_of_an_instance_is_there() -> None:
    model = botocore.session.get_session().get_service_model("rds")
    instances, clusters = RUNBOOK.split("### An Aurora cluster")
    for text, function, kind in (
        (instances, "of", "DBInstance"),
        (instances, "flag", "DBInstance"),
        (clusters, "of", "DBCluster"),
        (clusters, "flag", "DBCluster"),
        (clusters, "member", "DBInstance"),
    ):
        shape: Any = model.shape_for(kind)
        fields = re.findall(rf"\$\({function} '?([A-Za-z]+)", text)
        assert fields
        assert set(fields) <= set(shape.members)
    waiters = botocore.session.get_session().get_waiter_model("rds")
    for name in re.findall(r"aws rds wait ([a-z-]+)", RUNBOOK):
        assert name in {xform_name(one, "-") for one in waiters.waiter_names}
