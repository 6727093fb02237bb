"""Chapter two: blue and green web servers under load, and schema and traffic that change by one edit."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from examples.bookshop.chapter import (
    BEFORE,
    DBM,
    HERE,
    MANIFESTS,
    OPERATION_SECONDS,
    Chapter,
    ended,
    expect,
)
from examples.bookshop.customers import Customers
from examples.bookshop.telling import command, say, table, tell_bottom

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.bookshop.kube import Kube
    from examples.bookshop.telling import Story

BLUE, GREEN = "blue", "green"
EXPANDED, CONTRACTED = "0009_book_currency", "0010_currency_required"
ROLLOUT_SECONDS = 90
LOOK_SECONDS = 2
SWITCHES = 5
"""There, to the bad one and back, back with the schema, and there again."""


class ChapterTwo(Chapter):
    """The steps, in the order in which they are told."""

    def __init__(self, story: Story, kube: Kube) -> None:
        super().__init__(story, kube)
        self.customers = Customers(kube)
        self.numbers = ""

    def play(self, *, alone: bool = False) -> None:
        """Tell the story up to the end of the old slot. Alone: first comes what chapter one would leave."""
        if alone:
            self.the_shop()
        self.two_slots()
        self.first_customers()
        with self.customers.watched():
            self.under_load()
            self.one_edit()
            self.bad_blue()
            self.one_edit_back()
            self.for_good()
            self.read_back()

    def the_shop(self) -> None:
        """Database, migrations and rows."""
        with self.story.step("The shop as chapter one leaves it: seven migrations, a year of business"):
            self.kube.show("apply", "-f", f"{MANIFESTS}/database.yaml")
            self.kube.show("rollout", "status", "statefulset/postgres", "--timeout=120s", seconds=130)
            self.ship(BEFORE)
            self.kube.show("apply", "-f", f"{MANIFESTS}/migration.yaml")
            self.finished("0003_orders")
            self.shop.play("seed.sql")
            self.kube.show("patch", DBM, "--type=merge", "-p", '{"spec": {"target": "0007"}}')
            self.finished(BEFORE)

    def two_slots(self) -> None:
        """The operator learns which slot is live; nothing moves."""
        with self.story.step("Two slots and a Service: blue runs version 1, green is still empty"):
            self.kube.show("apply", "-f", f"{MANIFESTS}/web.yaml")
            self._rolled_out(BLUE)
            manifest = (HERE / "manifests" / "blue-green.yaml").read_text()
            say("...\n" + manifest[manifest.index("  cutover:") :])
            self.kube.show("apply", "-f", f"{MANIFESTS}/blue-green.yaml")
            self.finished(BEFORE)
            self._lives(BLUE)
            say("Every ready pod was a pod of blue, so that is what the Service says now. Nothing has moved.")

    def first_customers(self) -> None:
        """The load begins."""
        with self.story.step("Customers: 200 requests a second, on new connections and on open ones"):
            self.kube.show("apply", "-f", f"{MANIFESTS}/customers.yaml")
            self.kube.wait("pod/customers", "condition=Ready", seconds=60)

    def under_load(self) -> None:
        """What is normal."""
        with self._counted("From here on every request is counted"):
            self.customers.begun()
            time.sleep(LOOK_SECONDS)
            count = self.customers.seen()
            expect(not count.good[GREEN], "green has answered, and is not live")

    def one_edit(self) -> None:
        """Schema first, then traffic."""
        with self._counted("A release, as ONE edit: new migrations, and green is to be live"):
            self._ship_release()
            self.kube.show("scale", "deployment/shop-green", "--replicas=2")
            self._rolled_out(GREEN)
            since = time.time()
            self._edit(target="latest", slot=GREEN, reason="books have a currency")
            self.finished(EXPANDED)
            self._lives(GREEN)
            migrated = max(map(ended, self.pods("migrate")), default="")
            answered = _text(self.customers.first(GREEN, since))
            table([("schema migrated", "first answer of green"), (migrated, answered)])
            expect("" < migrated <= answered, "the schema did not go first")
            say("Schema first, then traffic: blue worked with the new schema meanwhile.")
            say("What blue still answers comes on open connections: a switch moves new ones only.")
            waits = self.kube.condition(DBM, "ContractApplied")
            expect(waits.startswith("False/"), f"ContractApplied is {waits}")
            say(f"{CONTRACTED} would break blue, so it waits. ContractApplied is {waits}")

    def bad_blue(self) -> None:
        """A version that is ready and does not work."""
        with self._counted(
            "Version 3 goes into blue: it is ready, but one answer in five is an error, and it is not healthy"
        ):
            self.kube.show(
                "set", "env", "deployment/shop-blue", "VERSION=3", "WEB_ERRORS=0.2", "WEB_UNHEALTHY=true"
            )
            self._rolled_out(BLUE)
            said = self.kube.quiet("get", "pods", "--selector=slot=blue", "-o", "name")
            self.customers.beware(name.removeprefix("pod/") for name in said.split())
            self._edit(slot=BLUE, reason="version 3")
            self.kube.wait(DBM, "condition=Finished", seconds=OPERATION_SECONDS)
            back = self.kube.condition(DBM, "Ready")
            self._lives(GREEN)
            self.kube.show("switchback", "status", "bookshop", "-n", self.kube.namespace)
            expect("/RolledBack:" in back, f"Ready is {back}")
            count = self.customers.seen()
            expect(count.failed_by_bad > 0, "the bad version has failed no request")
            failed, got = count.failed_by_bad, count.failed_by_bad + count.answered_by_bad
            say("Traffic is back at green by itself. The schema stayed: rollback.automatic is Traffic.")
            say(f"Version 3 has failed {failed:,} of the {got:,} requests it got. No other one failed.")
            say("Open connections stay with it until it goes: some more may come.")

    def one_edit_back(self) -> None:
        """Traffic first, then snapshot, then schema."""
        with self._counted(
            "The release has to go, schema and all, as ONE edit: blue with version 1, target 0007"
        ):
            self.kube.show("rollout", "undo", "deployment/shop-blue")
            self._rolled_out(BLUE)
            since = time.time()
            self._edit(target="0007", slot=BLUE, reason="INC-4712 the till knows no currencies")
            self.finished(BEFORE)
            self._lives(BLUE)
            answered = _text(self.customers.first(BLUE, since))
            sealed = max(map(ended, self.pods("snapshot")), default="")
            jobs = [job["metadata"]["creationTimestamp"] for job in self.jobs("rollback")]
            begun = min((moment for moment in jobs if moment >= _text(since)), default="")
            times = ("first answer of blue", "restore point sealed", "rollback Job created")
            table([times, (answered, sealed, begun)])
            expect(answered <= sealed <= begun, "traffic, restore point and schema came in another order")
            expect(not self._has_currency(), "the column books.currency is still there")
            say("Traffic first, then the restore point, then the schema: green never missed its column.")

    def for_good(self) -> None:
        """The same release again, and then the end of the old slot."""
        with self._counted("Mended, and forward again; then blue is not needed any more"):
            self._edit(target="latest", slot=GREEN, reason="the till knows currencies now")
            self.finished(EXPANDED)
            self._lives(GREEN)
            self.kube.show("scale", "deployment/shop-blue", "--replicas=0")
            # The spec does not change with a Deployment, so it is the version that is waited for.
            self.kube.wait(
                DBM, f"jsonpath={{.status.schema.current}}={CONTRACTED}", seconds=OPERATION_SECONDS
            )
            self.finished(CONTRACTED)
            say(f"The last pod of blue was gone: {CONTRACTED} was applied by itself.")

    def read_back(self) -> None:
        """What a person finds afterwards."""
        with self.story.step("What is left to read"):
            count = self.customers.ended()
            self.kube.show("switchback", "history", "bookshop", "-n", self.kube.namespace)
            self.customers.none_failed()
            got = count.failed_by_bad + count.answered_by_bad
            self.numbers = (
                f"{count.sent:,} requests, traffic moved {SWITCHES} times: {count.failed} failed; "
                f"and the bad version failed {count.failed_by_bad:,} of the {got:,} that it got"
            )

    @contextmanager
    def _counted(self, title: str) -> Iterator[None]:
        """A step under load: it ends with the count, and no request may have failed."""
        with self.story.step(title):
            yield
            self.customers.seen()
            tell_bottom()
            self.customers.none_failed()

    def _edit(self, *, slot: str, reason: str, target: str = "") -> None:
        spec = {"target": target} if target else {}
        patch = {"spec": {**spec, "cutover": {"activeSlot": slot}, "reason": reason}}
        self.kube.show("patch", DBM, "--type=merge", "-p", json.dumps(patch))

    def _rolled_out(self, slot: str) -> None:
        words = ("rollout", "status", f"deployment/shop-{slot}", f"--timeout={ROLLOUT_SECONDS}s")
        self.kube.tell(*words)
        said = self.kube.quiet(*words, seconds=ROLLOUT_SECONDS + 10)
        say(said.strip().splitlines()[-1])

    def _lives(self, slot: str) -> None:
        command(f"kubectl -n {self.kube.namespace} get service shop-web -o jsonpath={{.spec.selector}}")
        selector = self.kube.read("service/shop-web", ".spec.selector")
        say(selector)
        expect(json.loads(selector).get("slot") == slot, f"the Service does not point at {slot}")

    def _ship_release(self) -> None:
        self.ship(BEFORE, *sorted((HERE / "release").glob("*.sql")))

    def _has_currency(self) -> bool:
        asked = (
            "SELECT 1 FROM information_schema.columns WHERE table_name = 'books' AND column_name = 'currency'"
        )
        return bool(self.shop.ask(asked))


def _text(moment: float) -> str:
    """A moment as the API server writes it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
