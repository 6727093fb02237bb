"""The plugin's way back, brake and waits on the real API server. Tests answer in the operator's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from switchback.api import names
from switchback.api.conditions import Situation
from switchback.api.status import LastHandled, LookKind, OperationKind, Outcome, Preview, PreviewPhase, Status
from switchback.contract.words import Direction
from tests.cluster.run import wait_for
from tests.e2e.kube import url_path
from tests.e2e.plugin_bed import Plugin, Shop, place, played, plugin, shop
from tests.unit.kubectl import statuses
from tests.unit.kubectl.statuses import BACK, HISTORY, SCHEMA

if TYPE_CHECKING:
    from tests.e2e.kube import Kube

__all__ = ["place", "played", "plugin", "shop"]

pytestmark = pytest.mark.cluster

TEN = tuple(f"{number:04}_m" for number in range(5, 15))


def settled(shop: Shop, tail: tuple[str, ...] = SCHEMA.applied_tail) -> Status:
    """Everything is applied, nothing is under way."""
    status = Status(
        schema_state=SCHEMA.model_copy(
            update={"target": tail[-1], "current": tail[-1], "applied_tail": tail}
        ),
        operation=BACK.model_copy(update={"id": statuses.EARLIER, "direction": Direction.FORWARD}),
        history=HISTORY,
    )
    shop.stands(status, Situation.DONE, reason="Succeeded", message="all applied.")
    return status


def applied_by(kube: Kube, namespace: str, manager: str) -> Shop:
    """A resource that this field manager keeps by server-side apply, as a GitOps tool does."""
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": "kept"},
        "spec": {**statuses.SPEC, "target": "latest", "snapshot": {"none": {"acknowledge": True}}},
    }
    kube.json(
        "PATCH", url_path(names.KIND, namespace, "kept"), query={"fieldManager": manager, "force": "true"},
        body=body, content_type="application/apply-patch+yaml",
    )  # fmt: skip
    return Shop(kube, namespace, "kept")


def edited(shop: Shop, field: str, value: Any) -> None:
    """The plugin has edited the spec."""
    wait_for(f"spec.{field}", lambda: shop.now()["spec"].get(field) == value, timeout=20)


# back


def test_without_an_owner_the_spec_is_edited(plugin: Plugin, kube: Kube, place: str) -> None:
    shop = Shop(kube, place, "shop")
    shop.create(target="latest")
    status = settled(shop)
    with plugin.begin("rollback", "shop", "--steps", "2", "--reason", "INC-4712") as call:
        edited(shop, "target", "0001_books")
        shop.ends(status.model_copy(update={"operation": BACK}), Outcome.SUCCEEDED, "rolled back")
        code, out, err = call.end()
    assert code == 0, err
    spec = shop.now()["spec"]
    assert (spec["target"], spec["reason"]) == ("0001_books", "INC-4712")
    assert shop.annotation("rollback") == ""
    assert "Roll back database shop (Secret shop-db): 0003_names → 0001_books" in err
    assert "undoes    2 migrations: 0003_names, 0002_titles" in err
    assert "by an edit of spec.target" in err
    assert "✔ shop: rolled back" in out
    managers = {one["manager"] for one in shop.now()["metadata"]["managedFields"]}
    assert "kubectl-switchback" in managers


@pytest.mark.parametrize("manager", ["argocd-controller", "kustomize-controller", "some-applier"])
def test_where_git_owns_the_spec_it_is_a_request(
    plugin: Plugin, kube: Kube, place: str, manager: str
) -> None:
    shop = applied_by(kube, place, manager)
    status = settled(shop)
    with plugin.begin("rollback", "kept", "--target", "2") as call:
        value = shop.asked("rollback")
        operation = BACK.model_copy(update={"kind": OperationKind.ROLLBACK, "target": "0002_titles"})
        going = status.model_copy(
            update={"operation": operation, "last_handled": LastHandled(rollback=value)}
        )
        shop.stands(going, Situation.ROLLING_BACK, reason="RollingBack")
        shop.ends(going, Outcome.ROLLED_BACK, "rolled back to 0002_titles on request")
        code, out, err = call.end()
    assert code == 0, err
    assert value.startswith(f"0002_titles/{BACK.intent_digest}/"), "each request is one of its own"
    assert shop.now()["spec"]["target"] == "latest"
    assert "by a request beside the spec" in err
    assert manager in err
    assert "RolledBack" in out


def test_the_way_can_be_chosen(plugin: Plugin, kube: Kube, place: str, shop: Shop) -> None:
    settled(shop)
    kept = applied_by(kube, place, "argocd-controller")
    settled(kept)
    assert plugin("rollback", "shop", "--target", "0001", "--via", "request", "--no-wait").returncode == 0
    assert shop.annotation("rollback").startswith("0001_books/")
    done = plugin("rollback", "kept", "--target", "0001", "--via", "spec", "--no-wait")
    assert done.returncode == 0
    assert "although Argo CD may undo it" in done.stderr
    assert kept.now()["spec"]["target"] == "0001_books"


def test_a_request_of_a_spec_that_has_moved_is_told(plugin: Plugin, kube: Kube, place: str) -> None:
    shop = applied_by(kube, place, "argocd-controller")
    settled(shop)
    last = BACK.model_copy(update={"id": statuses.EARLIER, "kind": OperationKind.ROLLBACK})
    entry = HISTORY[0].model_copy(update={"outcome": Outcome.ROLLED_BACK, "message": "an earlier rollback"})
    status = Status(schema_state=SCHEMA, operation=last, history=(entry,))
    shop.stands(status, Situation.DONE, reason="Succeeded")
    with plugin.begin("rollback", "kept") as call:
        value = shop.asked("rollback")
        shop.stands(
            status.model_copy(update={"last_handled": LastHandled(rollback=value)}), Situation.DONE,
            reason="Succeeded",
        )  # fmt: skip
        code, _, err = call.end()
    assert code == 12
    assert "nothing follows" in err


def test_a_rollback_that_asks_for_approval_says_how_to_give_it(plugin: Plugin, shop: Shop) -> None:
    settled(shop)
    with plugin.begin("rollback", "shop", "--target", "0001_books") as call:
        edited(shop, "target", "0001_books")
        shop.show(statuses.awaiting_approval())
        code, out, err = call.end()
    assert (code, out) == (3, "")
    assert f"kubectl switchback approve shop -n {plugin.namespace}" in err


def test_a_person_is_asked_first(plugin: Plugin, shop: Shop) -> None:
    settled(shop)
    terminal = plugin.terminal("rollback", "shop", "--target", "base")
    try:
        shown = "\n".join(terminal.until("[y/N]"))
        assert "database shop (Secret shop-db): 0003_names → base" in shown
        assert "3 migrations: 0003_names, 0002_titles, 0001_books" in shown
        assert "losses    wait for an approval" in shown
        terminal.send("\n")
        assert terminal.end() == 130
    finally:
        terminal.kill()
    assert shop.now()["spec"]["target"] == "0002_titles"


@pytest.mark.parametrize(
    ("spec", "words", "answer"),
    [
        ({}, "--steps 4", (11, "only 3 are applied")),
        ({}, "--target 0009", (2, "0009 is not applied to shop")),
        ({}, "--target latest", (2, "no way back")),
        ({}, "--target a/b", (2, "no target")),
        ({"rollback": {"reasonPolicy": "Required"}}, "", (2, "Pass --reason.")),
        ({"rollback": {"policy": "Deny"}}, "", (11, "spec.rollback.policy is Deny")),
        ({"snapshot": None}, "", (11, "spec.snapshot is not set")),
    ],
)
def test_what_the_operator_would_refuse_is_not_asked(  # noqa: PLR0917 - pytest hands them over by name
    plugin: Plugin, kube: Kube, place: str, spec: dict[str, Any], words: str, answer: tuple[int, str]
) -> None:
    shop = Shop(kube, place, "shop")
    shop.create(**spec)
    settled(shop)
    version = shop.now()["metadata"]["resourceVersion"]
    done = plugin("rollback", "shop", *words.split())
    assert done.returncode == answer[0]
    assert answer[1] in done.stderr
    assert shop.now()["metadata"]["resourceVersion"] == version, "nothing was sent"


def test_there_already(plugin: Plugin, shop: Shop) -> None:
    settled(shop)
    code, told = plugin.json("rollback", "shop", "--target", "3")
    assert (code, told["reason"]) == (0, "UpToDate")


def test_what_the_status_does_not_tell_is_looked_up_in_the_database(plugin: Plugin, shop: Shop) -> None:
    status = settled(shop, TEN)
    assert plugin("rollback", "shop", "--steps", "10").returncode == 2
    with plugin.begin("rollback", "shop", "--target", "0099", "--via", "spec") as call:
        value = shop.asked("preview")
        seen = Preview(
            request=value, kind=LookKind.PREVIEW, phase=PreviewPhase.READY, target="0099_new",
            pending_count=2, current=TEN[-1], direction=Direction.FORWARD,
        )  # fmt: skip
        shop.stands(status.model_copy(update={"preview": seen}), Situation.DONE, reason="Succeeded")
        code, _, err = call.end()
    assert code == 2
    assert "reaching 0099 would apply 2 migrations, not undo any." in err
    assert shop.now()["spec"]["target"] == "0002_titles", "never forward by a rollback"


def test_suspended_it_is_left_for_later(plugin: Plugin, kube: Kube, place: str) -> None:
    shop = Shop(kube, place, "shop")
    shop.create(target="latest", suspend=True)
    settled(shop)
    code, told = plugin.json("rollback", "shop")
    assert (code, told["reason"]) == (3, "Suspended")
    assert shop.now()["spec"]["target"] == "0002_titles"


# brake


def test_suspend_and_resume(plugin: Plugin, shop: Shop) -> None:
    status = settled(shop)
    with plugin.begin("suspend", "shop") as call:
        edited(shop, "suspend", value=True)
        shop.stands(status, Situation.SUSPENDED_REACHED)
        code, out, err = call.end()
    assert code == 0, err
    assert "it is suspended" in out
    assert "already" in plugin("suspend", "shop").stdout
    assert plugin("resume", "shop", "--no-wait").returncode == 0
    assert shop.now()["spec"]["suspend"] is False


def test_a_brake_that_git_may_release_is_told(plugin: Plugin, kube: Kube, place: str) -> None:
    shop = applied_by(kube, place, "other")
    kube.patch(
        names.KIND, place, "kept", {"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}}
    )
    done = plugin("suspend", "kept", "--no-wait")
    assert done.returncode == 0
    assert "Flux may undo this" in done.stderr
    assert shop.now()["spec"]["suspend"] is True


# waits


def test_wait_ends_as_soon_as_it_is_so(plugin: Plugin, shop: Shop) -> None:
    with plugin.begin("wait", "shop") as call:
        shop.show(statuses.taking_snapshot())
        shop.show(statuses.done())
        code, out, err = call.end()
    assert code == 0, err
    assert "✔ shop: 3 migrations applied." in out


@pytest.mark.parametrize(
    ("case", "what", "code"),
    [
        ("failed", "finished", 8),
        ("failed", "ready", 8),
        ("failed", "approval", 8),
        ("done", "approval", 12),
        ("awaiting_approval", "approval", 0),
        ("awaiting_approval", "finished", 3),
    ],
)
def test_wait_ends_early_when_it_cannot_be(
    plugin: Plugin, shop: Shop, case: str, what: str, code: int
) -> None:
    shop.show(getattr(statuses, case)())
    done = plugin("wait", "shop", "--for", what, "--timeout", "2s")
    assert done.returncode == code, done.stderr


def test_wait_for_an_operator_that_does_not_look(plugin: Plugin, shop: Shop) -> None:
    code, told = plugin.json("wait", "shop", "--timeout", "1s")
    assert (code, told["reason"]) == (13, "NoAnswer")


def test_an_older_success_is_not_the_end_of_a_newer_wish(plugin: Plugin, shop: Shop, kube: Kube) -> None:
    shop.show(statuses.done())
    kube.patch(names.KIND, plugin.namespace, "shop", {"spec": {"target": "0001_books"}})
    assert plugin("wait", "shop", "--timeout", "1s").returncode == 13
