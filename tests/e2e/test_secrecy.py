"""A password is found nowhere but in its Secret, however it is written."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest

from tests.e2e.diagnosis import OPERATOR_LABELS, OPERATOR_NAMESPACE
from tests.e2e.kube import RefusedError
from tests.e2e.shop import BOOKS, FIRST, INDEX, SHOP
from tests.e2e.states import operation
from tests.e2e.support import ALLOW_LOSS, KEY, pg_dump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.backends.base import Volume
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster

CANARY = "Kanarie/Vogel p@ss:w%rd+?#"
WRONG = "Falscher/Vogel p@ss:w%rd+?#"


def spellings(password: str) -> list[bytes]:
    """Every way in which it could be written, whole or inside something else."""
    forms = {password, quote(password, safe=""), quote(password), quote_plus(password)}
    forms |= {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), form) for form in list(forms)}
    plain = {form.encode() for form in forms}
    return sorted(plain | {inner for form in plain for inner in _inside_base64(form)})


def _inside_base64(text: bytes) -> Iterator[bytes]:
    """What base64 makes of it at each of the three offsets, without the characters shared with neighbours."""
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + text)[-(-offset * 8 // 6) : -4]
        yield coded
        yield coded.translate(bytes.maketrans(b"+/", b"-_"))


def test_the_password_is_only_in_its_secret(world: World, new_database: Callable[..., Database]) -> None:
    database = new_database(password=CANARY)
    volume = world.claim()
    live_a_full_life(world, database)

    places = dict(everything(world, database, volume))

    assert len(places) > 20
    assert any(b"rollback" in text for text in places.values())
    for password in (CANARY, WRONG):
        found = [place for place, text in places.items() if any(form in text for form in spellings(password))]
        assert found == [], f"{password!r} stands in {found}"
    # The search finds what is there: the Secret itself, and a URL in base64 at any offset.
    secret = world.kube.raw("GET", f"/api/v1/namespaces/{world.namespace}/secrets/shop-db")
    assert any(form in secret for form in spellings(CANARY))


def live_a_full_life(world: World, database: Database) -> None:
    """All that connects, in every way that fails: forward, bad SQL, bad access, back behind a snapshot."""
    bad = {**BOOKS, **INDEX, "0003_bad.up.sql": "SELECT 1 FROM nowhere;", "0003_bad.down.sql": "SELECT 1;"}
    shop = world.migration(
        database,
        bad,
        rollback=ALLOW_LOSS,
        snapshot=pg_dump(),
        jobHistoryLimit=100,
        reason="$(DATABASE_URL) $(PGPASSWORD)",
    )
    shop.stalled("SQLFailed")
    world.secret("shop-db", **{KEY: database.url_with(password=WRONG)})
    shop.refile(BOOKS)
    shop.retrying("AuthenticationFailed")
    # libpq quotes such a URL, password and all, when it cannot read it.
    world.secret(
        "shop-db", **{KEY: f"postgresql://{database.name}:{CANARY}@{database.server.host}:54x32/?%zz"}
    )
    shop.refile(BOOKS | INDEX)
    refused = shop.retrying("UrlInvalid")
    world.secret("shop-db", **{KEY: database.url})
    shop.refile(SHOP)
    shop.succeeded(after=operation(refused)["id"])
    shop.edit(target=FIRST)
    shop.succeeded()
    assert database.applied() == [FIRST]


def everything(world: World, database: Database, volume: Volume) -> Iterator[tuple[str, bytes]]:
    """(place, text) of all that is written down anywhere, but Secrets."""
    yield "audit log", world.cluster.backend.audit_log.read_bytes()[world.since :]
    yield from objects(world, world.namespace)
    yield from objects(world, OPERATOR_NAMESPACE)
    yield from logs(world, world.namespace)
    yield from logs(world, OPERATOR_NAMESPACE, OPERATOR_LABELS)
    for state in world.recorder.states("DatabaseMigration", world.namespace):
        yield (
            f"an earlier state, {state['metadata']['resourceVersion']}",
            json.dumps(state, ensure_ascii=False).encode(),
        )
    for table in ("migrations", "events", "meta"):
        rows = database.sql(f"SELECT to_jsonb(t)::text FROM switchback.{table} t")
        yield f"ledger {table}", "\n".join(row[0] for row in rows).encode()
    if volume.files is not None:
        for file in volume.files.rglob("*"):
            if file.is_file():
                yield f"restore point: {file.name}", file.read_bytes()


def objects(world: World, namespace: str) -> Iterator[tuple[str, bytes]]:
    """Every object in a namespace, of every kind that the API server can list, but Secrets."""
    groups = [("api/v1", "v1")]
    groups += [
        (f"apis/{group['preferredVersion']['groupVersion']}", group["name"])
        for group in world.kube.json("GET", "/apis")["groups"]
    ]
    for base, name in groups:
        for kind in world.kube.json("GET", f"/{base}")["resources"]:
            listed = kind["namespaced"] and "list" in kind["verbs"] and "/" not in kind["name"]
            if not listed or (name == "v1" and kind["name"] == "secrets"):
                continue
            try:
                answer = world.kube.json("GET", f"/{base}/namespaces/{namespace}/{kind['name']}")
            except RefusedError as error:
                if error.code in {404, 405}:
                    continue
                raise
            for item in answer["items"]:
                place = f"{namespace} {kind['name']} {item['metadata']['name']}"
                yield place, json.dumps(item, ensure_ascii=False).encode()


def logs(world: World, namespace: str, labels: str = "") -> Iterator[tuple[str, bytes]]:
    """What every container of every pod has written."""
    for pod in world.kube.list("Pod", namespace, labels=labels):
        spec, name = pod["spec"], pod["metadata"]["name"]
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            yield (
                f"log of {name} {container['name']}",
                world.kube.log(namespace, name, container["name"]).encode(),
            )
