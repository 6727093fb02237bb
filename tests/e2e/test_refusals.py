"""What is refused, and that nothing has changed then."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.shop import BOOKS, INDEX, SECOND, SHOP, THIRD
from tests.e2e.states import is_true, operation
from tests.e2e.support import ALLOW_LOSS, NO_SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.postgres import Database
    from tests.e2e.support import World

pytestmark = pytest.mark.cluster

FREE: dict[str, Any] = {"rollback": ALLOW_LOSS, "snapshot": NO_SNAPSHOT}
ONE_WAY = {name: text for name, text in SHOP.items() if name != f"{THIRD}.down.sql"}
CHANGED = {**SHOP, f"{THIRD}.down.sql": "SELECT 1;\n"}


@dataclass
class Refusal:
    """An edit that cannot be followed, and the word for it."""

    reason: str
    edit: Mapping[str, Any]
    spec: Mapping[str, Any] = field(default_factory=lambda: FREE)
    files: Mapping[str, str] = field(default_factory=lambda: SHOP)
    later: Mapping[str, str] | None = None
    """The files after the first run."""


REFUSALS = {
    "losses are denied": Refusal(
        "DataLossDenied", {"target": SECOND}, {**FREE, "rollback": {"dataLossPolicy": "Deny"}}
    ),
    "nobody approves": Refusal(
        "ApprovalExpired", {"target": SECOND}, {"snapshot": NO_SNAPSHOT, "approval": {"timeoutSeconds": 2}}
    ),
    "no such version": Refusal("TargetUnknown", {"target": "0042"}),
    "no way back": Refusal("NoDown", {"target": "base"}, files=ONE_WAY),
    "another way back than was applied": Refusal("FileChanged", {"target": SECOND}, later=CHANGED),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_nothing_changes(world: World, database: Database, refusal: Refusal) -> None:
    shop = world.migration(database, refusal.files, **refusal.spec)
    last = shop.succeeded()
    before, events = database.contents(), database.events()

    if refusal.later is not None:
        shop.refile(refusal.later)
        last = shop.finished(after=operation(last)["id"])
    shop.edit(**refusal.edit)
    stalled = shop.stalled(refusal.reason, after=operation(last)["id"])

    assert database.contents() == before
    assert database.events() == events
    assert set(world.steps()) <= {"migrate", "inspect"}
    assert not is_true(stalled, "SchemaReady")
    shop.edit(target=THIRD)  # taking it back is enough
    shop.finished(after=operation(stalled)["id"])
    assert database.events() == events


def test_sixty_files_fit_into_one_status(world: World, database: Database) -> None:
    """What does not fit into the pod's last words, or into status, is counted."""
    files = dict(BOOKS | INDEX)
    for number in range(10, 70):
        name = f"{number:04}_a_rather_long_name_for_a_table_of_no_importance_whatsoever"
        table = f"table_with_a_rather_long_name_of_no_importance_{number}"
        files[f"{name}.up.sql"] = f"CREATE TABLE {table} (id int);\nINSERT INTO {table} VALUES (1);\n"
        files[f"{name}.down.sql"] = f"DROP TABLE {table};\n"
    shop = world.migration(database, files, snapshot=NO_SNAPSHOT)
    shop.succeeded()

    shop.edit(target=SECOND)
    asked = shop.until("asks for approval", lambda state: bool(state["status"].get("approval")))

    shown = operation(asked)
    assert len(shown["steps"]) + shown["stepsOmitted"] == 60
    assert shown["steps"][0]["id"].startswith("0069_")
    assert shown["steps"][0]["severity"] == "Data"
    shop.annotate(approve=asked["status"]["approval"]["token"])
    shop.succeeded()
    assert len(database.applied()) == 2
