"""The story of a bookshop: a schema that grows with the shop, one bad migration, and the way back.

Run it with `make demo`, or `python -m examples.bookshop.demo` where a cluster and the operator are ready.
KEEP=1 leaves everything in place at the end. The last line is `demo: ok` and the exit code 0, or the story
says what went wrong, shows what is there, and ends with another code: 2 where no cluster can be made.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.bookshop import restore
from examples.bookshop.cluster import IMPOSSIBLE, InterruptedStoryError, Stage
from examples.bookshop.kube import FailedError, Kube
from examples.bookshop.shop import Shop, State, compare, differences, show
from examples.bookshop.telling import Story, command, say, styled, table

if TYPE_CHECKING:
    from types import FrameType

HERE = Path(__file__).parent
DBM = "dbm/bookshop"
CONFIG_MAP = "bookshop-migrations"
OPERATION_SECONDS = 180
BEFORE, BAD = "0007_customer_names", "0008_spring_sale"
INCIDENT = "INC-4711 books are sold at a tenth of their price"


class Demo:
    """The steps, in the order in which they are told."""

    def __init__(self, story: Story, kube: Kube) -> None:
        self.story = story
        self.kube = kube
        self.shop = Shop(kube)

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

    def ship(self, last: str) -> None:
        """Put the migrations up to `last` into the ConfigMap, as a release pipeline would."""
        with tempfile.TemporaryDirectory(prefix="release-") as folder:
            for file in sorted((HERE / "migrations").glob("*.sql")):
                if file.name.split(".")[0] <= last:
                    shutil.copy(file, folder)
            create = ["create", "configmap", CONFIG_MAP, f"--from-file={folder}"]
            create += ["--dry-run=client", "-o", "yaml"]
            shown = " ".join(create).replace(folder, "migrations/")
            command(f"kubectl -n {self.kube.namespace} {shown} | kubectl apply -f -")
            said = self.kube.apply(self.kube.quiet(*create))
        say(styled(f"{said.strip()} (migrations up to {last})", "dim"))

    def finished(self, version: str) -> None:
        """Wait for the end of the operation, and see that it ended well and where."""
        self.kube.wait(DBM, "condition=Finished", seconds=OPERATION_SECONDS)
        ready = self.kube.condition(DBM, "Ready")
        expect(ready.startswith("True/"), f"the operation has ended, and Ready is {ready}")
        current = self.kube.read(DBM, ".status.schema.current")
        expect(current == version, f"the schema is at {current}, not at {version}")
        self.kube.show("get", DBM)

    def status(self) -> dict[str, Any]:
        """`status` of the resource."""
        found: dict[str, Any] = json.loads(self.kube.quiet("get", DBM, "-o", "json"))["status"]
        return found

    def jobs(self, step: str) -> list[dict[str, Any]]:
        """Jobs of one step."""
        return self.items("jobs", step)

    def pods(self, step: str) -> list[dict[str, Any]]:
        """Pods of one step."""
        return self.items("pods", step)

    def items(self, kind: str, step: str) -> list[dict[str, Any]]:
        """Objects of one kind that belong to one step."""
        said = self.kube.quiet("get", kind, f"--selector=switchback.dev/step={step}", "-o", "json")
        found: list[dict[str, Any]] = json.loads(said)["items"]
        return found


def columns(entries: list[dict[str, Any]], *names: str) -> list[tuple[str, ...]]:
    """Some fields of a list of objects as a table with a heading."""
    return [names, *(tuple(str(entry.get(name, "-")) for name in names) for entry in entries)]


def expect(fact: bool, otherwise: str) -> None:  # noqa: FBT001 - reads like the sentence it is
    """End the story unless `fact`.

    Raises:
        FailedError: with `otherwise`.
    """
    if not fact:
        raise FailedError(otherwise)


def ended(pod: dict[str, Any]) -> str:
    """When the container `switchback` of a pod ended well, RFC 3339; empty when it did not."""
    for container in pod["status"].get("containerStatuses", ()):
        end = container.get("state", {}).get("terminated")
        if container["name"] == "switchback" and end and end["exitCode"] == 0:
            return str(end["finishedAt"])
    return ""


def interrupt(number: int, frame: FrameType | None) -> None:
    """Turn a signal into an exception, so that what was started is removed."""
    del frame
    raise InterruptedStoryError(number)


def main() -> int:
    """Run the story; the exit code says how it ended."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    story = Story()
    stage = Stage(story)
    try:
        kube = stage.up()
        Demo(story, kube).play()
    except FailedError as error:
        if error.code == IMPOSSIBLE:
            stage.down()
            say(f"demo: {error}", indent=0)
            return error.code
        say()
        say(styled(f"step {story.number}, {story.title}: {error}", "red"), indent=0)
        ending = f"demo: failed in step {story.number} after {story.total()}: {error}"
        stage.diagnose()
        stage.down()
        say(ending, indent=0)
        return 1
    except InterruptedStoryError as error:
        ending = f"demo: interrupted in step {story.number}; it may be run again at any time"
        stage.down()
        say(ending, indent=0)
        return 128 + error.number
    stage.down()
    say(f"demo: took {story.total()}", indent=0)
    say("demo: ok", indent=0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
