"""What the plugin asks of an operator, on the real API server. The tests answer in the operator's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from switchback.api import names
from switchback.api.conditions import Situation
from switchback.api.status import (
    ApprovalState,
    LastHandled,
    LookKind,
    OperationState,
    Outcome,
    Preview,
    PreviewPhase,
    Status,
    Want,
)
from switchback.contract.words import Direction, Risk
from tests.cluster.run import wait_for
from tests.e2e.plugin_bed import Plugin, Shop, place, played, plugin, shop
from tests.unit.kubectl import statuses
from tests.unit.kubectl.statuses import BACK, HISTORY, OPERATION, SCHEMA, later

if TYPE_CHECKING:
    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Kube

__all__ = ["place", "played", "plugin", "shop"]

pytestmark = pytest.mark.cluster

TOKEN = "0f3c9a6b1d2e4857"
ASKS = ApprovalState(
    token=TOKEN, wants=(Want.ROLLBACK,), risks=(Risk.DATA_LOSS,), deadline_time=later(days=3650)
)
GOING_BACK = Status(schema_state=SCHEMA, operation=BACK, history=HISTORY)


def asks(shop: Shop, token: str = TOKEN) -> Status:
    """A plan waits for a yes."""
    status = GOING_BACK.model_copy(update={"approval": ASKS.model_copy(update={"token": token})})
    shop.stands(status, Situation.AWAITING_APPROVAL, message="Rolling back would lose: column books.first.")
    return status


def approved(status: Status, by: str) -> Status:
    assert status.approval is not None
    return status.model_copy(
        update={
            "approval": status.approval.model_copy(update={"approved_by": by}),
            "last_handled": LastHandled(approve=status.approval.token),
        }
    )


def settled(shop: Shop, **handled: str) -> Status:
    """Everything is applied, nothing is under way."""
    status = Status(
        schema_state=SCHEMA.model_copy(update={"target": "0003_names", "pending_count": 0}),
        operation=BACK.model_copy(update={"id": statuses.EARLIER, "direction": Direction.FORWARD}),
        history=HISTORY,
        last_handled=LastHandled(**handled),
    )
    shop.stands(status, Situation.DONE, reason="Succeeded", message="3 migrations applied.")
    return status


# yes and no


def test_a_yes_is_signed_and_waits_for_the_end(plugin: Plugin, shop: Shop) -> None:
    status = asks(shop)
    with plugin.begin("approve", "shop", "--yes") as call:
        assert shop.asked("approve") == TOKEN
        who = shop.annotation("approved-by")
        shop.stands(approved(status, who), Situation.ROLLING_BACK, reason="RollingBack")
        shop.ends(approved(status, who), Outcome.SUCCEEDED, "rolled back to 0002_titles")
        code, out, err = call.end()
    assert code == 0, err
    assert who
    assert "Plan  1 step · risks: DataLoss" in out
    assert "at stake: column public.books.first holds data" in out
    assert "✔ shop: Succeeded. rolled back to 0002_titles" in out


def test_who_approves_is_who_the_api_server_says(plugin: Plugin, shop: Shop) -> None:
    asks(shop)
    words = ("--as", "ada", "--as-group", "system:masters")
    code, told = plugin.json("approve", "shop", "--yes", "--no-wait", *words)
    assert (code, told["reason"]) == (0, "Asked")
    assert told["request"] == {"approve": TOKEN, "approvedBy": "ada"}
    assert (shop.annotation("approve"), shop.annotation("approved-by")) == (TOKEN, "ada")


def test_a_yes_needs_somebody_who_has_seen_the_plan(plugin: Plugin, shop: Shop) -> None:
    asks(shop)
    blind = plugin("approve", "shop")
    assert blind.returncode == 11
    assert "neither --token nor --yes was given; nothing was sent." in blind.stderr
    other = plugin("approve", "shop", "--token", "0123456789abcdef")
    assert other.returncode == 12
    assert TOKEN in other.stderr
    assert shop.annotation("approve") == ""
    assert plugin("approve", "shop", "--token", TOKEN, "--no-wait").returncode == 0
    assert shop.annotation("approve") == TOKEN


def test_a_person_answers_on_a_terminal(plugin: Plugin, shop: Shop) -> None:
    asks(shop)
    terminal = plugin.terminal("approve", "shop")
    try:
        shown = terminal.until("[y/N]")
        assert any("undo  0003_names  Data" in line for line in shown)
        assert any("accepting DataLoss?" in line for line in shown)
        terminal.send("n\n")
        assert terminal.end() == 130
        assert "Nothing was done." in "\n".join(terminal.screen())
    finally:
        terminal.kill()
    assert shop.annotation("approve") == ""


def test_ctrl_c_at_the_question_sends_nothing(plugin: Plugin, shop: Shop) -> None:
    asks(shop)
    terminal = plugin.terminal("approve", "shop")
    try:
        terminal.until("[y/N]")
        assert terminal.interrupt() == 130
        assert "Traceback" not in terminal.raw.decode()
    finally:
        terminal.kill()
    assert shop.annotation("approve") == ""


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_plan_that_moves_while_somebody_reads_it_is_not_answered(
    plugin: Plugin, shop: Shop, word: str
) -> None:
    asks(shop)
    terminal = plugin.terminal(word, "shop", columns=200)
    try:
        terminal.until("[y/N]")
        asks(shop, token="fedcba9876543210")
        terminal.send("y\n")
        assert terminal.end() == 12
        assert "has changed since it was shown; nothing was sent." in "\n".join(terminal.screen())
    finally:
        terminal.kill()
    assert shop.annotation(word) == ""


def test_another_write_of_the_operator_is_no_reason_to_refuse(plugin: Plugin, shop: Shop) -> None:
    asks(shop)
    terminal = plugin.terminal("approve", "shop", "--no-wait")
    try:
        terminal.until("[y/N]")
        shop.stands(
            GOING_BACK.model_copy(update={"approval": ASKS}),
            Situation.AWAITING_APPROVAL,
            message="other words",
        )
        terminal.send("y\n")
        assert terminal.end() == 0
    finally:
        terminal.kill()
    assert shop.annotation("approve") == TOKEN


def test_nothing_waits(plugin: Plugin, shop: Shop) -> None:
    settled(shop)
    for word in ("approve", "reject"):
        done = plugin(word, "shop", "--yes")
        assert done.returncode == 11
        assert "waits for approval: it is Succeeded." in done.stderr


def test_a_policy_that_refuses_is_quoted(plugin: Plugin, shop: Shop, played: Cluster) -> None:
    asks(shop)
    name, group = f"switchback-plugin-{plugin.namespace[-6:]}", "admissionregistration.k8s.io/v1"
    rule = {
        "apiGroups": [names.GROUP], "apiVersions": ["*"], "operations": ["UPDATE"],
        "resources": [names.PLURAL],
    }  # fmt: skip
    expression = f"!('{names.ANNOTATION_APPROVE}' in object.metadata.?annotations.orValue({{}}))"
    spec = {
        "matchConstraints": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": plugin.namespace}},
            "resourceRules": [rule],
        },
        "validations": [{"expression": expression, "message": "only the night shift may approve"}],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    kind = "ValidatingAdmissionPolicy"
    try:
        played.apply(
            {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec},
            {"apiVersion": group, "kind": f"{kind}Binding", "metadata": {"name": name}, "spec": binding},
        )

        def in_force() -> bool:
            done = plugin("approve", "shop", "--yes", "--no-wait")
            if done.returncode == 0:
                played.kubectl(
                    "annotate", f"databasemigrations.{names.GROUP}", "shop", f"{names.ANNOTATION_APPROVE}-",
                    "-n", plugin.namespace,
                )  # fmt: skip
            return done.returncode != 0

        wait_for("the policy is in force", in_force, timeout=30)
        code, told = plugin.json("approve", "shop", "--yes")
    finally:
        played.kubectl("delete", f"{kind}Binding,{kind}", name, "--ignore-not-found")
    assert (code, told["reason"]) == (11, "RefusedByPolicy")
    assert "only the night shift may approve" in told["message"]


def test_who_may_not_patch_is_told(plugin: Plugin, shop: Shop, kube: Kube) -> None:
    asks(shop)
    viewer = ("--as", "eve", "--as-group", "none")
    done = plugin("approve", "shop", "--yes", *viewer)
    assert done.returncode == 11
    assert "you (eve) may not get databasemigrations" in done.stderr


def test_a_yes_to_a_plan_that_has_moved_is_told(plugin: Plugin, shop: Shop) -> None:
    asks(shop)
    with plugin.begin("approve", "shop", "--yes") as call:
        shop.asked("approve")
        asks(shop, token="fedcba9876543210")
        code, _, err = call.end()
    assert code == 12
    assert "a new one waits" in err


def test_a_no_ends_the_operation(plugin: Plugin, shop: Shop) -> None:
    status = asks(shop)
    with plugin.begin("reject", "shop") as call:
        assert shop.asked("reject") == TOKEN
        assert shop.annotation("rejected-by") != ""
        shop.ends(status, Outcome.REJECTED, "the plan 0003_names → 0002_titles was rejected by ada.")
        code, out, err = call.end()
    assert code == 0, err
    assert "Rejected" in out


def test_an_operator_that_does_not_answer(plugin: Plugin, shop: Shop) -> None:
    asks(shop)
    code, told = plugin.json("approve", "shop", "--yes", "--timeout", "1s")
    assert (code, told["reason"]) == (13, "NoAnswer")
    done = plugin("approve", "shop", "--yes", "--timeout", "1s")
    assert "The request stands" in done.stderr
    assert "kubectl get pods -A -l app.kubernetes.io/name=switchback" in done.stderr
    assert shop.annotation("approve") == TOKEN


def test_who_stops_waiting_stops_nothing_else(plugin: Plugin, shop: Shop) -> None:
    asks(shop)
    terminal = plugin.terminal("approve", "shop", "--yes")
    try:
        terminal.until("Plan  1 step")
        shop.asked("approve")
        assert terminal.interrupt() == 130
        assert "What was asked for goes on." in "\n".join(terminal.screen())
    finally:
        terminal.kill()
    assert shop.annotation("approve") == TOKEN


# end it, try again


def test_an_abort_is_for_this_operation(plugin: Plugin, shop: Shop) -> None:
    shop.stands(GOING_BACK, Situation.ROLLING_BACK, reason="RollingBack")
    with plugin.begin("abort", "shop", "--yes") as call:
        value = shop.asked("abort")
        shop.ends(GOING_BACK, Outcome.ABORTED, f"ended on request {value}")
        code, out, err = call.end()
    assert value.startswith(f"{OPERATION}/")
    assert code == 0, err
    assert "✔ shop: Aborted." in out
    nothing = plugin("abort", "shop", "--yes")
    assert nothing.returncode == 11
    assert "no operation of shop" in nothing.stderr


def test_an_abort_that_comes_too_late_says_so(plugin: Plugin, shop: Shop) -> None:
    shop.stands(GOING_BACK, Situation.ROLLING_BACK, reason="RollingBack")
    with plugin.begin("abort", "shop") as call:
        shop.asked("abort")
        shop.ends(GOING_BACK, Outcome.SUCCEEDED)
        code, _, err = call.end()
    assert code == 12
    assert "has ended otherwise: Succeeded" in err


def test_a_retry_after_a_failure_waits_for_the_operation_that_begins(plugin: Plugin, shop: Shop) -> None:
    shop.ends(GOING_BACK, Outcome.FAILED, "it failed")
    with plugin.begin("retry", "shop") as call:
        value = shop.asked("retry")
        anew = GOING_BACK.model_copy(
            update={
                "operation": OperationState(id="559c4f00-again1", retry=value, to="0002_titles"),
                "last_handled": LastHandled(retry=value),
            }
        )
        shop.stands(anew, Situation.WORKING, reason="Migrating")
        shop.ends(anew, Outcome.FAILED, "it failed again")
        code, _, err = call.end()
    assert value.startswith(f"{OPERATION}/")
    assert code == 8
    assert "it failed again" in err


def test_there_is_nothing_to_try_again(plugin: Plugin, shop: Shop) -> None:
    settled(shop)
    done = plugin("retry", "shop")
    assert done.returncode == 11
    assert "nothing to try again" in done.stderr


# looks


def look(value: str, kind: LookKind, **update: Any) -> Preview:
    return Preview(
        request=value,
        kind=kind,
        phase=PreviewPhase.READY,
        target="0002_titles",
        current="0003_names",
        **update,
    )


def test_a_plan_is_worked_out_and_shown(plugin: Plugin, shop: Shop) -> None:
    status = settled(shop)
    with plugin.begin("plan", "shop", "--steps", "1", "--exit-code") as call:
        value = shop.asked("preview")
        seen = look(
            value, LookKind.PREVIEW, direction=Direction.BACKWARD, pending_count=1, steps=BACK.steps,
            risks=(Risk.DATA_LOSS,),
        )  # fmt: skip
        going = seen.model_copy(update={"phase": PreviewPhase.IN_PROGRESS, "steps": ()})
        shop.stands(status.model_copy(update={"preview": going}), Situation.DONE, reason="Succeeded")
        shop.stands(status.model_copy(update={"preview": seen}), Situation.DONE, reason="Succeeded")
        code, out, err = call.end()
    assert value.startswith("0002_titles/")
    assert code == 3, err
    assert "0003_names → 0002_titles undoes 1 migration" in out
    assert "at stake: column public.books.last holds data" in out
    assert "Asked for, it would wait for a person's approval." in out


def test_a_plan_that_cannot_be_worked_out(plugin: Plugin, shop: Shop) -> None:
    status = settled(shop)
    with plugin.begin("plan", "shop", "--target", "base", "-o", "json") as call:
        value = shop.asked("preview")
        failed = look(
            value, LookKind.PREVIEW, reason="NoDown", message="0001_books has no way back"
        ).model_copy(update={"phase": PreviewPhase.FAILED})
        shop.stands(status.model_copy(update={"preview": failed}), Situation.DONE, reason="Succeeded")
        code, out, err = call.end()
    assert code == 5, err
    assert '"reason": "NoDown"' in out
    assert "0001_books has no way back" in err


def test_an_inspection_tells_where_the_schema_is(plugin: Plugin, shop: Shop) -> None:
    status = settled(shop)
    with plugin.begin("inspect", "shop") as call:
        value = shop.asked("inspect")
        seen = look(value, LookKind.INSPECT, direction=Direction.BACKWARD, pending_count=1)
        shop.stands(
            status.model_copy(update={"preview": seen, "last_handled": LastHandled(inspect=value)}),
            Situation.DONE, reason="Succeeded",
        )  # fmt: skip
        code, out, err = call.end()
    assert code == 0, err
    assert "is at 0003_names; 1 migration to undo to reach 0002_titles." in out


def test_a_look_that_somebody_else_has_overtaken(plugin: Plugin, shop: Shop) -> None:
    status = settled(shop)
    with plugin.begin("inspect", "shop") as call:
        value = shop.asked("inspect")
        shop.stands(
            status.model_copy(
                update={"preview": look("x/1", LookKind.PREVIEW), "last_handled": LastHandled(inspect=value)}
            ),
            Situation.DONE, reason="Succeeded",
        )  # fmt: skip
        code, _, _ = call.end()
    assert code == 12
