"""Fields of the spec that say how: each has an effect that can be seen in the database or the pods."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import certificates, source_image
from tests.e2e.postgres import Server
from tests.e2e.shop import BOOKS, FIRST, FOURTH, INDEX, SECOND, SHOP, STOCK, THIRD, pair
from tests.e2e.states import condition, is_true, operation, reason
from tests.e2e.support import ALLOW_LOSS, KEY, NO_SNAPSHOT, pg_dump

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster

BACK: dict[str, Any] = {"rollback": ALLOW_LOSS, "snapshot": NO_SNAPSHOT}


def files(**more: Any) -> dict[str, Any]:
    return {"source": {"configMapRefs": [{"name": "shop-files"}], **more}}


def url(**more: Any) -> dict[str, Any]:
    return {"database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": KEY}}, **more}}


def test_a_database_that_is_ahead_is_kept(world: World, database: Database) -> None:
    shop = world.migration(database, SHOP, **BACK, **files(aheadPolicy="Keep"))
    before = shop.succeeded()

    shop.refile(BOOKS | INDEX)
    done = shop.succeeded(after=operation(before)["id"])

    assert database.applied() == [FIRST, SECOND, THIRD]
    assert done["status"]["schema"]["current"] == THIRD
    assert "rollback" not in world.steps()


def test_a_database_that_is_ahead_goes_back_with_its_source(world: World, database: Database) -> None:
    shop = world.migration(database, SHOP, **BACK, **files(aheadPolicy="Rollback"))
    before = shop.succeeded()

    shop.refile(BOOKS | INDEX)
    done = shop.succeeded(after=operation(before)["id"])

    assert database.applied() == [FIRST, SECOND]
    assert done["status"]["history"][-1]["direction"] == "Backward"


def test_a_late_file_before_an_applied_one(world: World, database: Database) -> None:
    shop = world.migration(database, BOOKS | STOCK)
    before = shop.succeeded()

    shop.refile(BOOKS | INDEX | STOCK)
    stalled = shop.stalled("OutOfOrder", after=operation(before)["id"])
    shop.edit(**files(outOfOrderPolicy="Allow"))
    shop.succeeded(after=operation(stalled)["id"])

    assert database.applied() == [FIRST, FOURTH, SECOND]


def test_the_history_of_another_tool_is_adopted(world: World, database: Database) -> None:
    database.sql("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
    database.sql("INSERT INTO schema_migrations VALUES (2, false)")
    database.sql(
        "CREATE TABLE books (id int PRIMARY KEY, title text NOT NULL, author text NOT NULL); "
        "CREATE INDEX books_title ON books (title)"
    )
    database.sql(f'ALTER TABLE books OWNER TO "{database.name}"')
    database.sql(f'ALTER TABLE schema_migrations OWNER TO "{database.name}"')

    shop = world.migration(database, SHOP)
    stalled = shop.stalled("BaselineRequired")
    assert "schema_migrations" in condition(stalled, "Ready")["message"]
    shop.edit(**files(adoptionPolicy="IfNoLedger"))
    shop.succeeded(after=operation(stalled)["id"])

    assert database.applied() == [FIRST, SECOND, THIRD]


def test_role_ledger_schema_and_search_path(world: World, database: Database) -> None:
    owner = f"{database.name}_owner"
    database.sql(f'CREATE ROLE "{owner}"')
    database.sql(f'GRANT "{owner}" TO "{database.name}"')
    database.sql(f'GRANT CREATE ON DATABASE "{database.name}" TO "{owner}"')
    database.sql(f'CREATE SCHEMA shop AUTHORIZATION "{owner}"')
    world.claim()
    world.secret("shop-db", **{KEY: database.url})

    shop = world.migration(
        database,
        BOOKS | INDEX,
        rollback=ALLOW_LOSS,
        snapshot=pg_dump(),
        **url(role=owner, ledgerSchema="shop_ledger", searchPath=["shop"]),
    )
    shop.succeeded()

    where = "SELECT schemaname, tableowner FROM pg_tables WHERE tablename = 'books'"
    assert database.sql(where) == [("shop", owner)]
    assert [row[0] for row in database.sql("SELECT id FROM shop_ledger.migrations ORDER BY 1")] == [
        FIRST,
        SECOND,
    ]
    assert not database.has_ledger()

    shop.edit(target=FIRST)
    shop.succeeded()
    assert [row[0] for row in database.sql("SELECT id FROM shop_ledger.migrations")] == [FIRST]
    assert "snapshot" in world.steps()
    database.sql(f'REASSIGN OWNED BY "{owner}" TO postgres; DROP OWNED BY "{owner}"; DROP ROLE "{owner}"')


def test_the_servers_certificate_is_verified(world: World, tmp_path: Path) -> None:
    place = world.elsewhere()
    world.kube.patch(
        "Namespace",
        "",
        place.namespace,
        {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": None}}},
    )
    host = f"postgres-15.{place.namespace}.svc"
    ca, certificate, key = certificates.make(tmp_path, host)
    place.secret("tls", **{"tls.crt": certificate, "tls.key": key})
    # The one whose image is Debian's: the other is built without TLS.
    server = Server(world.cluster, world.kube, place.namespace, "15", tls="tls")
    server.wait()
    database = server.database()
    (tmp_path / "other").mkdir()
    world.files("wrong-ca", {"ca.crt": certificates.make(tmp_path / "other", host)[0]})
    world.files("right-ca", {"ca.crt": ca})
    world.secret("parts", user=database.name, password=database.password)
    world.claim()

    def connection(ca_map: str) -> dict[str, Any]:
        given = {
            "host": host,
            "name": database.name,
            "sslMode": "verify-full",
            "usernameFrom": {"secretKeyRef": {"name": "parts", "key": "user"}},
            "passwordFrom": {"secretKeyRef": {"name": "parts", "key": "password"}},
        }
        return {"connection": given, "caFrom": {"configMapKeyRef": {"name": ca_map, "key": "ca.crt"}}}

    shop = world.migration(
        database,
        BOOKS | INDEX,
        database=connection("wrong-ca"),
        execution={"backoffLimit": 0},
        rollback=ALLOW_LOSS,
        snapshot=pg_dump(),
    )
    stalled = shop.stalled("TLSFailed")
    shop.edit(database=connection("right-ca"))
    shop.succeeded(after=operation(stalled)["id"])
    shop.edit(target=FIRST)
    shop.succeeded()

    assert database.applied() == [FIRST]
    assert "snapshot" in world.steps()
    used = "SELECT count(*) FROM pg_stat_ssl WHERE ssl"
    assert database.sql(used) is not None


def test_a_rollback_needs_a_reason(world: World, database: Database) -> None:
    shop = world.migration(
        database, BOOKS | INDEX, snapshot=NO_SNAPSHOT, rollback={**ALLOW_LOSS, "reasonPolicy": "Required"}
    )
    shop.succeeded()

    shop.edit(target=FIRST)
    shop.stalled("ReasonRequired")
    assert database.applied() == [FIRST, SECOND]
    shop.edit(reason="INC-4711")
    shop.succeeded()
    assert database.applied() == [FIRST]


def test_whose_way_back_runs_when_file_and_ledger_differ(world: World, database: Database) -> None:
    shop = world.migration(database, BOOKS | INDEX, **BACK)
    shop.succeeded()
    other = "DROP INDEX books_title; CREATE TABLE from_the_file (a int);"
    shop.refile(BOOKS | pair(SECOND, "CREATE INDEX books_title ON books (title);", other))
    shop.edit(target=FIRST)
    stalled = shop.stalled("FileChanged")

    shop.edit(rollback={**ALLOW_LOSS, "downSource": "Ledger"})
    shop.succeeded(after=operation(stalled)["id"])

    assert database.applied() == [FIRST]
    assert database.sql("SELECT to_regclass('from_the_file')") == [(None,)]


def test_a_way_back_is_found_in_the_image_that_was_applied_last(
    world: World, database: Database, tmp_path: Path
) -> None:
    """Applied without a way back; a later image brings one; an older image is deployed again."""
    up_only = {"0002_titles.up.sql": INDEX["0002_titles.up.sql"]}
    names = {}
    for word, content in (("first", BOOKS | up_only), ("mended", BOOKS | INDEX), ("old", BOOKS)):
        names[word] = f"localhost/shop-{word}:{secrets.token_hex(4)}"
        (tmp_path / word).mkdir()
        source_image.load(world.cluster, names[word], "/migrations", content, tmp_path / word)

    def image(word: str) -> dict[str, Any]:
        return {"image": {"reference": names[word]}, "aheadPolicy": "Rollback"}

    shop = world.migration(database, source=image("first"), **BACK)
    done = shop.succeeded()
    assert done["status"]["source"]["image"] == names["first"]
    assert "sha256:" in done["status"]["source"]["imageID"]
    shop.edit(source=image("mended"))
    done = shop.succeeded()
    assert done["status"]["appliedSource"]["image"] == names["mended"]

    shop.edit(source=image("old"))
    done = shop.succeeded()

    assert operation(done)["downImage"] == names["mended"]
    assert database.applied() == [FIRST]
    assert is_true(done, "Ready")


def test_a_namespace_that_asks_for_approval(world: World, database: Database) -> None:
    label = {"metadata": {"labels": {"switchback.dev/require-approval": "migrate.rollback"}}}
    world.kube.patch("Namespace", "", world.namespace, label)
    shop = world.migration(database, BOOKS, snapshot=NO_SNAPSHOT)

    asked = shop.until("asks", lambda state: reason(state, "Ready") == "AwaitingApproval")
    assert database.sql("SELECT to_regclass('books')") == [(None,)]
    shop.annotate(approve=asked["status"]["approval"]["token"])
    shop.succeeded()
    assert database.applied() == [FIRST]
