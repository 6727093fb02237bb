"""The judge says no when it has to: each of these statuses misleads a tool, or breaks a promise."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from switchback.api.conditions import Situation
from tests.cluster.paths import CHECKOUT
from tests.consumers.expected import mistakes
from tests.consumers.records import Records
from tests.consumers.statuses import resource, status
from tests.consumers.verdicts import GITOPS, words

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.consumers.verdicts import Object


def turn(kind: str, answer: str) -> Callable[[Object], None]:
    """Changes the status of a condition, as a mistake in the table would."""

    def change(made: Object) -> None:
        next(one for one in made["status"]["conditions"] if one["type"] == kind)["status"] = answer

    return change


def old(kind: str) -> Callable[[Object], None]:
    """A condition that was forgotten when the others were written anew."""

    def change(made: Object) -> None:
        next(one for one in made["status"]["conditions"] if one["type"] == kind)["observedGeneration"] -= 1

    return change


def without(kind: str) -> Callable[[Object], None]:
    def change(made: Object) -> None:
        conditions = made["status"]["conditions"]
        conditions[:] = [one for one in conditions if one["type"] != kind]

    return change


def because(kind: str, reason: str) -> Callable[[Object], None]:
    def change(made: Object) -> None:
        next(one for one in made["status"]["conditions"] if one["type"] == kind)["reason"] = reason

    return change


def observed(value: object) -> Callable[[Object], None]:
    def change(made: Object) -> None:
        made["status"]["observedGeneration"] = value

    return change


WRONG: dict[str, tuple[Situation, Callable[[Object], None]]] = {
    "a failure that does not say Stalled": (Situation.FAILED, turn("Stalled", "False")),
    "a failure that nobody's wait ends at": (Situation.FAILED, turn("Finished", "False")),
    "failed and at work": (Situation.FAILED, turn("Reconciling", "True")),
    "failed and Ready": (Situation.FAILED, turn("Ready", "True")),
    "done and at work": (Situation.DONE, turn("Reconciling", "True")),
    "done and not finished": (Situation.DONE, turn("Finished", "False")),
    "done for a reason of its own": (Situation.DONE, because("Ready", "Migrating")),
    "at work and finished": (Situation.WORKING, turn("Finished", "True")),
    "at work and Ready": (Situation.WORKING, turn("Ready", "True")),
    "waiting for a person, and nobody is told": (Situation.AWAITING_APPROVAL, turn("Reconciling", "False")),
    "neither true nor false": (Situation.DONE, turn("Reconciling", "Unknown")),
    "Finished is missing": (Situation.DONE, without("Finished")),
    "Ready is missing": (Situation.DONE, without("Ready")),
    "Finished of an older generation": (Situation.DONE, old("Finished")),
    "ahead of the spec": (Situation.DONE, observed(2)),
    "a text for a number": (Situation.DONE, observed("1")),
    "deleting what is not deleted": (Situation.WORKING, because("Reconciling", "Deleting")),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_status_is_found(case: str) -> None:
    situation, spoil = WRONG[case]
    made = resource(status(situation, "SQLFailed"))
    assert mistakes([made]) == []
    spoil(made)
    ((who, why),) = mistakes([made])
    assert who == "test/shop (generation 1)"
    assert "kstatus" in why, "what the tools say belongs to the finding"


def test_a_tool_that_reads_it_wrong_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that takes a wait for a person for a failure; expressions that do not look at Stalled."""
    script = (GITOPS / "argocd" / "health.lua").read_text().replace('"Suspended", ready', '"Degraded", ready')
    expressions = (GITOPS / "flux" / "bookshop.yaml").read_text().replace("'Stalled'", "'Stolen'")
    for name, text in {"HEALTH": script, "KUSTOMIZATION": expressions}.items():
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(f"tests.consumers.verdicts.{name}", tmp_path / name)
    waiting, failed = (resource(status(one, "x")) for one in (Situation.AWAITING_APPROVAL, Situation.FAILED))
    found = mistakes([waiting, failed])
    assert "Argo CD Degraded" in found[0][1]
    assert "Argo CD Suspended" in found[0][1]
    assert "Flux's expressions InProgress" in found[1][1]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('return {status = "Fine"}', "no health status"),
        ("return obj.status.nothing.at_all", "attempt to index"),
        ('return {status = string.upper("healthy")}', "attempt to index"),
        ("return io.open('/etc/passwd')", "attempt to index"),
        ("while true do end", "context deadline exceeded"),
        ("return 1", "not a table"),
    ],
)
def test_a_script_that_argo_cd_could_not_run_gives_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    """It has no standard library and one second, here as there."""
    (tmp_path / "health.lua").write_text(script)
    monkeypatch.setattr("tests.consumers.verdicts.HEALTH", tmp_path / "health.lua")
    (told,) = words([resource(status(Situation.DONE, "Succeeded"))])
    assert told["argo"].startswith("error: ")
    assert said in told["argo"]


def test_one_of_each_shape_is_kept() -> None:
    records = Records(limit=3)
    for generation in (1, 2, 3):
        records.add(resource(status(Situation.DONE, "x", generation=generation), generation=generation))
        records.add(resource(status(Situation.DONE, "x", generation=generation), generation=generation + 1))
    assert len(records.resources()) == 2, "seen, and not seen since an edit"
    records.add(resource(status(Situation.DONE, "x"), deleting=True))
    records.add(resource(None))
    assert len(records.resources()) == 3
    assert records.left_out == 1


def run_of(tmp_path: Path, finished: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A test run in which a test passes that sees a failure written."""
    said = status(Situation.FAILED, "SQLFailed")
    turn("Finished", finished)(resource(said))
    (tmp_path / "test_it.py").write_text(
        f"from tests.consumers.records import record\ndef test_it():\n    record({said!r}, 1, 'story')\n"
    )
    argv = ["-m", "pytest", "-p", "tests.consumers.plugin", "-p", "no:cacheprovider", "-c", os.devnull]
    return subprocess.run(
        [sys.executable, *argv, "--rootdir", tmp_path, tmp_path / "test_it.py"],
        capture_output=True, text=True, timeout=120, check=False, cwd=CHECKOUT,
        env={**os.environ, "CI": "true", **environment},
    )  # fmt: skip


def test_a_run_in_which_a_wrong_status_was_written_fails_and_names_it(tmp_path: Path) -> None:
    done = run_of(tmp_path, "False")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert "1 passed, 1 error" in done.stdout
    assert "ERROR at teardown of story/shop (generation 1)" in done.stdout
    assert "no row has Ready False/SQLFailed and Stalled True" in done.stdout
    assert "1 different statuses were read by kstatus, Argo CD and Flux, 1 wrong" in done.stdout


def test_a_run_in_which_all_is_well_says_so(tmp_path: Path) -> None:
    done = run_of(tmp_path, "True")
    assert done.returncode == pytest.ExitCode.OK, done.stdout
    assert "1 different statuses were read by kstatus, Argo CD and Flux, 0 wrong" in done.stdout


def test_without_the_program_a_run_by_hand_says_what_was_not_judged(tmp_path: Path) -> None:
    done = run_of(tmp_path, "False", XDG_CACHE_HOME=str(tmp_path / "cache"), CI="")
    assert done.returncode == pytest.ExitCode.OK, done.stdout
    assert "1 statuses were not judged: the program verdicts is missing" in done.stdout
