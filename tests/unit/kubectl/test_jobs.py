"""Jobs and pods as people see them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from switchback.contract.exits import ExitCode
from switchback.contract.words import Operation
from switchback.controller.kube.errors import Refusal, RefusedError
from switchback.kubectl import status as work
from switchback.kubectl.jobs import job_lines, selector
from switchback.kubectl.problems import Problem
from switchback.kubectl.screen import Screen
from switchback.kubectl.session import Session
from tests.unit.kubectl import statuses
from tests.unit.kubectl.statuses import NOW, UID, ago, job, pod

if TYPE_CHECKING:
    from switchback.controller.kube.kinds import Kind


def seen(phase: str, container: dict[str, Any], **status: Any) -> Any:
    of = job(Operation.MIGRATE, 1, created=ago(minutes=1), state="running")
    return job_lines([of], [pod(of, phase=phase, container=container, **status)], NOW)[0].pods[0]


@pytest.mark.parametrize(
    ("phase", "container", "status", "word", "symbol"),
    [
        ("Pending", {}, {}, "Pending", "◷"),
        ("Pending", {"waiting": {"reason": "ContainerCreating"}}, {}, "Starting", "◌"),
        ("Pending", {"waiting": {"reason": "CreateContainerConfigError", "message": "x"}}, {},
         "CreateContainerConfigError", "✖"),
        ("Running", {"running": {}}, {}, "Running", "◌"),
        ("Succeeded", {"terminated": {"exitCode": 0, "reason": "Completed"}}, {}, "Completed", "✔"),
        ("Failed", {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, {}, "OOMKilled", "✖"),
        ("Failed", {}, {"reason": "Evicted"}, "Evicted", "✖"),
        ("Unknown", {"running": {}}, {}, "Unknown", "◷"),
    ],
)  # fmt: skip
def test_states_of_pods(phase: str, container: Any, status: Any, word: str, symbol: str) -> None:
    found = seen(phase, container, **status)
    assert (found.word, found.symbol[0]) == (word, symbol)


def test_what_is_wrong_is_told_while_it_happens() -> None:
    found = seen(
        "Pending", {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "a" not found'}}
    )
    assert found.trouble == "Secret a does not exist"
    assert seen("Failed", {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}).exit_code == 137


def test_jobs_are_in_order_with_their_pods() -> None:
    found = job_lines(*statuses.world(), NOW)
    assert [(one.step, one.attempt, one.word) for one in found] == [
        ("migrate", "1", "Backward"),
        ("snapshot", "3", "Failed"),
        ("snapshot", "4", "Running"),
    ]
    assert [len(one.pods) for one in found] == [1, 1, 1]
    data = found[1].as_data()
    assert (data["step"], data["attempt"], data["state"]) == ("snapshot", 3, "Failed")
    assert data["pods"][0]["exitCode"] == 8  # type: ignore[index]
    assert data["pods"][0]["message"].startswith("SnapshotFailed: ")  # type: ignore[index]


@pytest.mark.parametrize(("tries", "word"), [(0, "Failed"), (3, "Running")])
def test_a_job_whose_only_pod_has_failed_has_failed_too(tries: int, word: str) -> None:
    of = job(Operation.MIGRATE, 1, created=ago(minutes=1), state="running")
    of["spec"] = {"backoffLimit": tries}
    ended = pod(of, phase="Failed", container={"terminated": {"exitCode": 8, "reason": "Error"}})
    assert job_lines([of], [ended], NOW)[0].word == word
    waits = pod(of, phase="Pending", container={"waiting": {"reason": "ErrImagePull"}})
    assert job_lines([of], [waits], NOW)[0].word == "Running"


def test_jobs_are_found_by_the_life_of_the_resource() -> None:
    assert selector(UID) == {"labelSelector": "switchback.dev/uid-hash=559c4f00"}


def test_a_job_of_another_release_is_shown_as_it_is() -> None:
    strange = job(Operation.MIGRATE, 1, created=ago(minutes=1))
    strange["metadata"]["labels"] = {"switchback.dev/step": "switch"}
    assert job_lines([strange], [], NOW)[0].step == "switch"


class Hidden:
    """An API server that shows the Jobs of nobody, and then loses the resource."""

    host = "https://example"

    async def get(self, *_: object) -> dict[str, Any]:
        return statuses.done().data

    async def all(self, kind: Kind, *_: object) -> tuple[list[dict[str, Any]], str]:
        message = f'User "ada" cannot list resource "{kind.plural}" in API group "": no'
        raise RefusedError("GET", Refusal(403, "Forbidden", message))


@pytest.mark.asyncio
async def test_programs_are_told_that_jobs_are_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    session = Session(Hidden(), Screen("json"), "team-shop")  # type: ignore[arg-type]  # as much of a client as status uses
    await work.status(session, name="shop", everywhere=False, watch=False)
    told = json.loads(capsys.readouterr().out)
    assert told["jobs"] == []
    assert "may not list" in told["note"]


def test_an_error_in_a_stream_is_a_line_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen("json")
    screen.is_stream = True
    screen.document({"a": 1})
    screen.problem(Problem(ExitCode.USAGE, "Deleted", "it is gone"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("reason") for line in lines] == [None, "Deleted"]
