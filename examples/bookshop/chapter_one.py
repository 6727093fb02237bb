"""Chapter one: a schema that grows with the shop, one bad migration, and the way back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from examples.bookshop import restore
from examples.bookshop.chapter import (
    BEFORE,
    DBM,
    HERE,
    OPERATION_SECONDS,
    Chapter,
    columns,
    ended,
    expect,
)
from examples.bookshop.shop import compare, differences, show
from examples.bookshop.telling import command, say, table

if TYPE_CHECKING:
    from examples.bookshop.shop import State

BAD = "0008_spring_sale"
INCIDENT = "INC-4711 books are sold at a tenth of their price"


class ChapterOne(Chapter):
    """The steps, in the order in which they are told."""

    def play(self) -> None:
        """Tell the story from the first migration to what is left to read."""
        self.database()
        self.first_release()
        self.business()
        self.second_release()
        before = self.remember()
        self.bad_release()
        during = self.busy_day(before)
        token = self.incident(during)
        self.approve(token)
        self.compare_with_before(before, during)
        self.compare_with_restored(during)
        self.read_back()

    def database(self) -> None:
        """PostgreSQL and the claim for restore points."""
        with self.story.step("The shop's database: PostgreSQL 15 in a namespace of its own"):
            self.kube.show("apply", "-f", "examples/bookshop/manifests/database.yaml")
            self.kube.show("rollout", "status", "statefulset/postgres", "--timeout=120s", seconds=130)

    def first_release(self) -> None:
        """The resource is applied for the first time."""
        with self.story.step("The wish: schema at 0003, out of seven migrations in a ConfigMap"):
            self.ship(BEFORE)
            say((HERE / "manifests" / "migration.yaml").read_text().split("\n", 1)[1])
            self.kube.show("apply", "-f", "examples/bookshop/manifests/migration.yaml")
            self.finished("0003_orders")

    def business(self) -> None:
        """Rows appear, at a version that is known."""
        with self.story.step("A year of business: customers, books, orders"):
            self.shop.play("seed.sql")
            say(f"{self.shop.state().total:,} rows")

    def second_release(self) -> None:
        """Migrations that move live rows."""
        with self.story.step("The target rises to latest: enum, index, backfill, split of a column"):
            self.kube.show("patch", DBM, "--type=merge", "-p", '{"spec": {"target": "latest"}}')
            self.finished(BEFORE)

    def remember(self) -> State:
        """The state that the rollback has to bring back."""
        with self.story.step("What the shop holds now: the state to come back to"):
            state = self.shop.state()
            show(state)
        return state

    def bad_release(self) -> None:
        """New files in the ConfigMap are enough: the target is latest."""
        with self.story.step("A release brings the spring sale: it applies without a complaint"):
            self.ship(BAD)
            # The generation does not change with a ConfigMap, so it is the version that is waited for.
            self.kube.wait(DBM, f"jsonpath={{.status.schema.current}}={BAD}", seconds=OPERATION_SECONDS)
            self.finished(BAD)
            say("Ten per cent off was meant; ten per cent of the price is what is left:")
            prices = self.shop.ask("SELECT title, list_price_cents, price_cents FROM books LIMIT 3")
            table([("book", "before", "now"), *((row[0], row[1], row[2]) for row in prices)])

    def busy_day(self, before: State) -> State:
        """What makes the rollback more than a formality."""
        with self.story.step("Customers find it before the shop does: orders and vouchers come in"):
            self.shop.play("busy-day.sql")
            state = self.shop.state()
            gathered = state.rows["orders"].count - before.rows["orders"].count
            vouchers = state.rows["vouchers"].count
            expect(gathered > 0 and vouchers > 0, "the busy day has left no orders or no vouchers")
            say(f"{gathered} new orders, {vouchers} vouchers: rolling back will destroy the vouchers")
        return state

    def incident(self, during: State) -> str:
        """Ask for the way back; nothing happens before somebody has seen what it destroys."""
        with self.story.step(f"Incident: the target goes back to {BEFORE[:4]}, with a reason"):
            patch = json.dumps({"spec": {"target": BEFORE[:4], "reason": INCIDENT}})
            self.kube.show("patch", DBM, "--type=merge", "-p", patch)
            ready = 'jsonpath={.status.conditions[?(@.type=="Ready")].reason}=AwaitingApproval'
            self.kube.wait(DBM, ready, seconds=OPERATION_SECONDS)
            status = self.status()
            approval, steps = status["approval"], status["operation"]["steps"]
            for step in steps:
                say(f"{step['direction']} {step['id']}, severity {step['severity']}:")
                say("\n".join(f"- {loss}" for loss in step.get("losses", ())), indent=6)
            say(f"risks to accept: {', '.join(approval['risks'])}    token: {approval['token']}")
            losses = [loss for step in steps for loss in step.get("losses", ())]
            expect(any("vouchers" in loss for loss in losses), "the plan does not name the vouchers")
            expect(not self.jobs("snapshot"), "a snapshot was begun before the approval")
            expect(self.shop.rows() == during.rows, "rows have changed before the approval")
            say("Nothing has changed yet, and nothing will without an approval.")
        return str(approval["token"])

    def approve(self, token: str) -> None:
        """One annotation, bound to this plan; then snapshot and rollback run on their own."""
        with self.story.step("Approved by its token: restore point first, then the rollback"):
            me = self.kube.quiet("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}").strip()
            yes = (f"switchback.dev/approve={token}", f"switchback.dev/approved-by={me}")
            self.kube.show("annotate", DBM, *yes)
            self.finished(BEFORE)
            sealed = max(map(ended, self.pods("snapshot")), default="")
            begun = min((job["metadata"]["creationTimestamp"] for job in self.jobs("rollback")), default="")
            table([("restore point sealed", "rollback Job created"), (sealed, begun)])
            expect("" < sealed <= begun, "the rollback did not begin after the restore point was sealed")
            (point,) = [each for each in self.status()["snapshots"] if each["phase"] == "Ready"]
            say(f"restore point {point['path']}, {point['sizeBytes']:,} bytes, manifest {point['digest']}")

    def compare_with_before(self, before: State, during: State) -> None:
        """What was there before is there again, and nothing else was touched."""
        with self.story.step("Compared with the state before the bad migration"):
            after = self.shop.state()
            kept = self.shop.rows(until=before)
            compare(("before", "now"), before.rows, kept)
            expect(not differences(before.rows, kept), "rows are not what they were before the bad migration")
            expect(after.schema == before.schema, "the schema is not what it was before the bad migration")
            expect("vouchers" not in after.rows, "the table vouchers is still there")
            expect(after.rows["orders"].count == during.rows["orders"].count, "orders of the day were lost")
            new = after.rows["orders"].count - before.rows["orders"].count
            say(f"The schema is the same to the letter. The {new} orders of the day were kept.")

    def compare_with_restored(self, during: State) -> None:
        """What the rollback destroyed is in the restore point."""
        with self.story.step("The restore point, restored beside and compared with that moment"):
            name = restore.beside(self.kube, self.status())
            restored = self.shop.state(name)
            compare(("before rollback", "restored"), during.rows, restored.rows)
            expect(not differences(during.rows, restored.rows), "the restored rows are not of that moment")
            expect(restored.schema == during.schema, "the restored schema is not that of that moment")
            vouchers = restored.rows["vouchers"].count
            say(f"Nothing is gone for good: the {vouchers} vouchers are there, in the database {name}.")

    def read_back(self) -> None:
        """What a person finds afterwards."""
        with self.story.step("What is left to read"):
            self.kube.show("get", "dbm")
            status = self.status()
            command(f"kubectl -n {self.kube.namespace} get {DBM} -o yaml   # conditions, then history")
            table(columns(status["conditions"], "type", "status", "reason", "message"))
            say()
            told = ("operationID", "direction", "from", "to", "outcome", "requestedBecause")
            table(columns(status["history"], *told))
            outcomes = [entry["outcome"] for entry in status["history"]]
            expect(outcomes == ["Succeeded"] * 4, f"the history tells of other outcomes: {outcomes}")
