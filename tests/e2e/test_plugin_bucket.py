"""The plugin and restore points in a bucket: found there, and restored out of it, by Jobs on the cluster."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from tests.aws.plugin import aws_for_pods
from tests.aws.server import KEY, KEY_ID
from tests.e2e.plugin_bed import Plugin
from tests.e2e.shop import SECOND, SHOP, THIRD
from tests.e2e.states import operation
from tests.e2e.support import ALLOW_LOSS

if TYPE_CHECKING:
    from tests.aws.server import FakeAws
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

__all__ = ["aws_for_pods"]

pytestmark = pytest.mark.cluster


def test_from_a_rollback_to_a_copy_out_of_the_bucket(
    world: World, database: Database, aws_for_pods: FakeAws
) -> None:
    aws_for_pods.make_bucket("points")
    world.secret("keys", AWS_ACCESS_KEY_ID=KEY_ID, AWS_SECRET_ACCESS_KEY=KEY)
    s3 = {
        "bucket": "points", "prefix": "shop", "region": "eu-central-1", "endpointURL": aws_for_pods.url,
        "credentialsFrom": {"secretRef": {"name": "keys"}},
    }  # fmt: skip
    shop = world.migration(
        database, SHOP, rollback=ALLOW_LOSS, snapshot={"pgDump": {"s3": s3}, "deadlineSeconds": 120}
    )
    there = shop.succeeded()
    before = database.contents()
    shop.edit(target=SECOND)
    shop.succeeded(after=operation(there)["id"])
    plugin = Plugin(world.cluster.kubeconfig, world.namespace)

    code, told = plugin.json("snapshots", "shop", "--scan")
    assert (code, told["notes"]) == (0, [])
    (line,) = told["items"]
    assert (line["phase"], line["seenIn"], line["schemaVersion"]) == ("Ready", ["status", "volume"], THIRD)

    copy = f"copy_{secrets.token_hex(4)}"
    database.sql(f"ALTER ROLE {database.name} CREATEDB")
    try:
        done = plugin("restore", "shop", "--snapshot", line["name"], "--to", copy)
        assert done.returncode == 0, done.stderr
        assert KEY not in done.stdout + done.stderr
        assert type(database)(database.server, copy, "").contents() == before
    finally:
        with database.server.connect() as connection:
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(copy)))
