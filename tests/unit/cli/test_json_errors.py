"""Who asks for JSON gets JSON, also when the command never began."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from switchback.cli import main
from switchback.contract.exits import ExitCode
from switchback.contract.reasons import Reason
from switchback.contract.result import decode
from tests.unit.cli.test_main import call

PROGRAM = Path(sys.executable).parent / "switchback"


@pytest.mark.parametrize(
    ("words", "operation", "command"),
    [
        ("migrate --json --steps 0", "migrate", "migrate"),
        ("up --steps 0 --json", "migrate", "migrate"),
        ("migrate --json --nope", "migrate", "migrate"),
        ("rollback --json --target 1 --steps 1", "rollback", "rollback"),
        ("redo --json --nope", "rollback", "redo"),
        ("repair --json", "release", "repair"),
        ("protect --json --nope", "release", "protect"),
        ("adopt --json --nope", "migrate", "adopt"),
        ("wait --json --nope", "inspect", "wait"),
        ("restore X --json", "snapshot", "restore"),
        ("snapshot list /nonexist --json", "snapshot", "snapshot list"),
        ("snapshot create --json", "snapshot", "snapshot create"),
        ("status --json extra", "inspect", "status"),
        ("plan --json --nope", "inspect", "plan"),
    ],
)
def test_wrong_words(words: str, operation: str, command: str) -> None:
    done = call(*words.split())
    told = json.loads(done.stdout)
    assert (told["reason"], told["exitCode"], told["operation"]) == ("Usage", ExitCode.USAGE, operation)
    assert told["command"] == command, "several commands share an operation"
    assert done.returncode == ExitCode.USAGE
    assert told["message"]
    assert told["message"] in done.stderr, "people read the same"
    assert set(told) >= {"operationId", "at", "direction"}, "the fields of every other error"


def test_an_operation_that_there_is_not_is_left_out() -> None:
    told = json.loads(call("run", "--operation", "foo", "--operation-id", "aa-1", "--json").stdout)
    assert (told["v"], told["reason"], told["operation_id"]) == (1, "Usage", "aa-1")
    assert "operation" not in told


def test_run_answers_in_the_form_of_its_results() -> None:
    done = call("run", "--operation=migrate", "--operation-id=aa-1", "--reserve-seconds", "0", "--json")
    assert len(done.stdout.splitlines()) == 1
    assert (decode(done.stdout).reason, decode(done.stdout).operation) == ("Usage", "migrate")


def test_an_unknown_command() -> None:
    told = json.loads(call("rolback", "--json").stdout)
    assert told["message"] == "No such command: rolback. Did you mean rollback?"
    assert "command" not in told


def test_without_json_stdout_is_empty() -> None:
    assert call("migrate", "--steps", "0").stdout == ""
    assert call("migrate", "--steps", "0", "--", "--json").stdout == ""


@pytest.mark.parametrize(
    ("error", "reason", "code"),
    [
        (KeyboardInterrupt(), "Interrupted", ExitCode.INTERRUPTED),
        (click.Abort(), "Interrupted", ExitCode.INTERRUPTED),
        (ImportError("no", name="kopf"), "Usage", ExitCode.USAGE),
        (ZeroDivisionError("secret in it"), "Bug", ExitCode.BUG),
    ],
    ids=repr,
)
def test_every_other_end(
    error: BaseException,
    reason: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.command()
    @click.option("--json", is_flag=True)
    def command(**_: bool) -> None:
        raise error

    monkeypatch.delenv("SWITCHBACK_DEBUG", raising=False)
    monkeypatch.setattr("sys.argv", ["switchback", "--json"])
    assert main.run(command, "switchback") == code
    told = json.loads(capsys.readouterr().out)
    assert (told["reason"], told["exitCode"]) == (reason, code)
    assert "secret" not in told["message"]


def test_a_list_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert json.loads(call("snapshot", "list", str(tmp_path / "file"), "--json").stdout)["reason"] == "Usage"


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--operation", "migrate", "--operation-id", "aa-1", "--from-the-future"),
        ("run", "--operation", "migrate", "--operation-id", "aa-1", "--expect-ledger", "x"),
        ("snapshot", "seal", "--operation-id", "aa-1", "--from-the-future"),
    ],
)
def test_the_operator_hears_of_wrong_words(words: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    file.touch()
    done = subprocess.run(
        [PROGRAM, *words, f"--result-file={file}"], capture_output=True, text=True, timeout=60, check=False
    )
    result = decode(file.read_text())
    assert (done.returncode, result.exit_code, result.reason) == (2, 2, Reason.USAGE)
    assert (result.operation_id, done.stdout) == ("aa-1", "")
    assert words[-1] in result.message


def test_a_result_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    file.write_text("there")
    subprocess.run(
        [PROGRAM, "run", "--wrong", "--result-file", str(file)], capture_output=True, timeout=60, check=False
    )
    assert file.read_text() == "there"
