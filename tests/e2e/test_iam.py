"""`spec.database.connection.iam`: every container of every Job logs in without a password.

The server takes whatever is said over TLS, for nobody but RDS can check a token; that the token is the right
one is proven in tests/postgres/test_iam.py. Credentials come from a file that every container finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import certificates, judge
from tests.e2e.postgres import Server
from tests.e2e.shop import BOOKS, FIRST, INDEX, SECOND
from tests.e2e.support import ALLOW_LOSS, CLAIM, pg_dump

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster

KEYS = "[default]\naws_access_key_id = AKIAFAKEFORTESTS0000\naws_secret_access_key = canary-of-the-key\n"
GOOD = """
psql --no-psqlrc --no-password --quiet --command 'SELECT 1' >/dev/null
grep -q 'X-Amz-Signature' "$PGPASSFILE"
printf '{"version": 1, "id": "%s", "path": "elsewhere", "sizeBytes": 7, "restorePointTime": "%s"}' \
  "$SWITCHBACK_SNAPSHOT_NAME" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$SWITCHBACK_RESULT"
"""


@pytest.fixture
def rds(world: World, tmp_path: Path) -> Database:
    """A database whose owner has no password, on a server that lets it in over TLS alone."""
    place = world.elsewhere()
    anything = {"pod-security.kubernetes.io/enforce": None}
    world.kube.patch("Namespace", "", place.namespace, {"metadata": {"labels": anything}})
    host = f"postgres-15.{place.namespace}.svc"
    ca, certificate, key = certificates.make(tmp_path, host)
    place.secret("tls", **{"tls.crt": certificate, "tls.key": key})
    world.files("rds-ca", {"ca.crt": ca})
    # The one whose image is Debian's: the other is built without TLS.
    server = Server(world.cluster, world.kube, place.namespace, "15", tls="tls")
    server.wait()
    made = server.database()
    for rule in (f"host all {made.name} all reject", f"hostssl all {made.name} all trust"):
        made.sql(f'COPY (SELECT 1) TO PROGRAM \'sed -i "1i {rule}" "$PGDATA/pg_hba.conf"\'')
    made.sql("SELECT pg_reload_conf()")
    made.sql(f"ALTER ROLE {made.name} PASSWORD NULL")
    return made


def iam(world: World, database: Database) -> Object:
    world.secret("shop-db", username=database.name)
    world.secret("aws", credentials=KEYS)
    mount = {"name": "aws", "mountPath": "/.aws", "readOnly": True}
    return {
        "database": {
            "connection": {
                "host": database.server.host,
                "name": database.name,
                "sslMode": "verify-full",
                "usernameFrom": {"secretKeyRef": {"name": "shop-db", "key": "username"}},
                "iam": {"region": "eu-west-1"},
            },
            "caFrom": {"configMapKeyRef": {"name": "rds-ca", "key": "ca.crt"}},
        },
        "jobTemplate": {
            "spec": {"volumes": [{"name": "aws", "secret": {"secretName": "aws"}}], "volumeMounts": [mount]}
        },
    }


def by_dump(world: World) -> tuple[Object, list[str]]:
    return pg_dump(), ["prepare", "dump", "reread"]


def by_command(world: World) -> tuple[Object, list[str]]:
    command = ["/bin/sh", "-euc", GOOD]
    job: dict[str, Any] = {"image": world.cluster.images.postgres["15"], "command": command}
    job |= {"persistentVolumeClaim": {"claimName": CLAIM}}
    return {"job": job, "deadlineSeconds": 120}, ["login", "snapshot"]


@pytest.mark.parametrize("how", [by_dump, by_command])
def test_forth_and_back_without_a_password(world: World, rds: Database, how: Any) -> None:
    world.claim()
    snapshot, containers = how(world)
    shop = world.migration(rds, BOOKS | INDEX, rollback=ALLOW_LOSS, snapshot=snapshot, **iam(world, rds))
    shop.succeeded()
    assert rds.applied() == [FIRST, SECOND]

    shop.edit(target=FIRST)
    done = shop.succeeded()

    assert rds.applied() == [FIRST]
    (job,) = world.jobs_created("snapshot")
    ended = judge.first_end(world, job.name)
    assert [one["name"] for one in ended["status"]["initContainerStatuses"]] == containers
    for pod in world.pods():
        for one in (*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]):
            log = world.kube.log(world.namespace, pod["metadata"]["name"], one["name"])
            assert "X-Amz" not in log
    assert "X-Amz" not in str(done["status"])
