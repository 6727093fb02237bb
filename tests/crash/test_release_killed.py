"""Schema and traffic in one release: wherever the operator dies, each thing is done once, and in order."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.crash.chance import CAMPAIGN
from tests.crash.proxy import Moment
from tests.crash.switch_story import AtWrites, check_writes
from tests.e2e.shop import pair
from tests.traffic.rules import PHASE, STEP
from tests.traffic.slots import BLUE, GREEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.crash.conftest import Tell
    from tests.crash.switch_story import SwitchStory
    from tests.e2e.postgres import Database, Server

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

AROUND_JOBS = ("create jobs", " named", " seen")
"""While a Job that changes the schema is under way; the writes of a switch have a test of their own."""

FAULTS = [
    AtWrites(Moment.BEFORE_SEND, Moment.AFTER_SEND, words=() if CAMPAIGN else AROUND_JOBS),
    *([AtWrites(Moment.AFTER_REPLY)] if CAMPAIGN else []),
]
FIRST, SECOND, LAST = "0001_books", "0002_price", "0003_no_author"
OLD = pair(FIRST, "CREATE TABLE books (id int PRIMARY KEY, author text);", "DROP TABLE books;")
NEW = pair(SECOND, "ALTER TABLE books ADD COLUMN price int;", "ALTER TABLE books DROP COLUMN price;")
CONTRACT = pair(
    LAST,
    "-- switchback: phase=contract\nALTER TABLE books DROP COLUMN author;",
    "ALTER TABLE books ADD COLUMN author text;",
)


@dataclass
class Release:
    """A shop with a database."""

    story: SwitchStory
    database: Database

    def files(self, files: dict[str, str]) -> None:
        """What the next release consists of."""
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "files"}, "data": files}
        self.story.cluster.apply(body, namespace=self.story.namespace)

    def ask(self, target: str, active: str) -> None:
        """Wishes for a version and a slot."""
        self.story.ask(
            active,
            spec={
                "target": target,
                "database": {"urlFrom": {"secretKeyRef": {"name": "db", "key": "url"}}},
                "source": {"configMapRefs": [{"name": "files"}]},
                "snapshot": {"none": {"acknowledge": True}},
                "jobHistoryLimit": 10,
            },
        )

    def runs(self) -> list[tuple[str, str]]:
        """Phase and name of each Job that has changed the schema, oldest first."""
        story = self.story
        taken = story.cluster.audit(
            since=story.since, namespace=story.namespace, verb="create", resource="jobs", code=201
        )
        found = [(one.response["metadata"].get("labels") or {}, one.name) for one in taken]
        return [(labels.get(PHASE, ""), name) for labels, name in found if labels.get(STEP) == "migrate"]

    def changes(self) -> list[str]:
        """What the ledger tells of its migrations, oldest first."""
        return [f"{one.kind} {one.migration}" for one in self.database.events() if one.migration]


@pytest.fixture
def new_release(server: Server, new_switch: Callable[..., SwitchStory]) -> Iterator[Callable[[], Release]]:
    """Makes shops with a database, from any thread."""
    made: list[Database] = []

    def make() -> Release:
        story, database = new_switch(), server.database()
        made.append(database)
        # Past the Service: on a busy machine its probe may fail, and a refused attempt is one too many.
        address = story.kube.get("Pod", server.namespace, server.name)["status"]["podIP"]
        url = {"url": database.url_with(host=address)}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": url}
        story.cluster.apply(secret, namespace=story.namespace)
        return Release(story, database)

    yield make
    for database in made:
        database.drop()


def released(release: Release, telling: Tell, fault: AtWrites) -> None:
    """The first version at blue; then the second one at green, with deaths all the way; then its contract."""
    story = release.story
    with story.oracle() as oracle, telling(story, fault), story.load() as load:
        release.files(OLD)
        release.ask(FIRST, BLUE)
        story.succeeded()
        fault.armed = True
        release.files(OLD | NEW | CONTRACT)
        release.ask("latest", GREEN)
        story.succeeded(300)
        assert story.slots.live() == GREEN
        assert release.database.applied() == [FIRST, SECOND], "nothing is taken from blue while it is there"
        story.slots.scale(BLUE, 0)
        story.until(lambda: release.database.applied() == [FIRST, SECOND, LAST], 120, "contract")
        story.succeeded(300)
        end = time.time()
    print(fault.told(), release.runs())
    assert not [one for one in load.tally.failed if one.kind == "new"], load.tally.text()
    assert [phase for phase, _ in release.runs()][-1] == "contract"
    assert len({name for _, name in release.runs()}) == len(release.runs())
    changes = release.changes()
    assert len(changes) == len(set(changes)), f"something ran twice: {changes}"
    assert story.probes() == ["1"]
    check_writes(oracle, [GREEN])
    fault.check_pace(end)


def test_schema_traffic_and_contract_come_once_wherever_the_operator_dies(
    new_release: Callable[[], Release], telling: Tell
) -> None:
    with ThreadPoolExecutor(len(FAULTS)) as pool:
        list(pool.map(lambda fault: released(new_release(), telling, fault), FAULTS))
    for fault in FAULTS:
        assert {"create jobs", "patch databasemigrations/status"} <= set(fault.kinds)
