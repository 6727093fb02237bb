"""`switchback check` as a process: what a Job gets from it, and what a person sees."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from switchback.checks import layout
from switchback.contract.exits import ExitCode
from switchback.contract.reasons import Reason
from switchback.contract.result import decode
from switchback.contract.words import Operation
from tests.unit.checks.web import answering, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.checks.web import Server, Visit

PROGRAM = Path(sys.executable).parent / "switchback"
PACE = {"periodSeconds": 0.05, "timeoutSeconds": 1, "failureThreshold": 2}


def variables(*checks: dict[str, Any], **more: str) -> dict[str, str]:
    """The environment that a pod's description gives to these checks."""
    found = {layout.spec_variable(number): json.dumps(check) for number, check in enumerate(checks)}
    return {"PATH": "/usr/bin:/bin", **found, **more}


def web(url: str, name: str = "web", **options: Any) -> dict[str, Any]:
    return {
        "name": name,
        "httpGet": {"url": url, "expectStatus": 200, "expectBody": "", "headers": [], **options},
        **PACE,
    }


def call(*words: str, env: dict[str, str], text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, "check", *words],
        env=env,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def good() -> Iterator[Server]:
    with serving(answering(200)) as server:
        yield server


@pytest.fixture
def bad() -> Iterator[Server]:
    with serving(answering(503)) as server:
        yield server


class TestJob:
    def test_a_result_of_checks_that_hold(self, good: Server, tmp_path: Path) -> None:
        file = tmp_path / "result"
        done = call(
            *("--stage", "AfterMigrate", "--operation-id", "op-1", "--result-file", str(file)),
            env=variables(web(good.url())),
        )
        assert (done.returncode, done.stderr) == (0, "")
        result = decode(file.read_text())
        assert (result.operation, result.operation_id) == (Operation.CHECK, "op-1")
        assert (result.reason, result.exit_code) == (Reason.SUCCEEDED, 0)
        (check,) = result.checks
        assert (check.name, check.passed, check.runs, check.failures, check.error) == ("web", True, 1, 0, "")

    def test_a_result_of_checks_that_do_not(self, good: Server, bad: Server, tmp_path: Path) -> None:
        file = tmp_path / "result"
        done = call(
            *("--stage", "BeforeCutover", "--operation-id", "op-1", "--result-file", str(file)),
            env=variables(web(good.url(), "good"), web(bad.url(), "bad")),
        )
        assert done.returncode == ExitCode.FAILED
        result = decode(file.read_text())
        assert (result.reason, result.exit_code) == (Reason.CHECKS_FAILED, ExitCode.FAILED)
        assert result.message.startswith("Check bad failed 2 times in a row: status 503 instead of 200")
        assert [(check.name, check.passed) for check in result.checks] == [("bad", False), ("good", True)]
        assert f"error: {result.message}" in done.stderr

    def test_16_checks_that_fail_fit_into_the_budget(self, tmp_path: Path) -> None:
        """Which one has failed is there in any case."""
        file = tmp_path / "result"
        port = free_port()
        many = [web(f"http://127.0.0.1:{port}/{'x' * 300}", f"{'n' * 38}{number:02}") for number in range(16)]
        call(
            *("--stage", "AfterMigrate", "--operation-id", "op-1", "--result-file", str(file)),
            env=variables(*many),
        )
        assert file.stat().st_size <= 3072
        result = decode(file.read_text())
        assert result.reason is Reason.CHECKS_FAILED
        assert result.checks[0].passed is False

    @pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_with_a_result(self, tmp_path: Path, signum: signal.Signals) -> None:
        def silent(visit: Visit) -> None:
            visit.connection.recv(1)

        file = tmp_path / "result"
        with serving(silent) as server:
            check = web(server.url()) | {"timeoutSeconds": 60}
            words = ["--stage", "AfterMigrate", "--operation-id", "op-1", "--result-file", str(file)]
            process = subprocess.Popen(
                [PROGRAM, "check", *words], env=variables(check), stderr=subprocess.PIPE, text=True
            )
            while not server.requests:
                time.sleep(0.01)
            begun = time.monotonic()
            process.send_signal(signum)
            _, error = process.communicate(timeout=20)
        assert time.monotonic() - begun < 10
        assert process.returncode == 128 + signum
        result = decode(file.read_text())
        assert (result.reason, result.exit_code) == (Reason.INTERRUPTED, 128 + signum)
        assert f"Stopped by {signum.name} before the checks came to a verdict." in error
        assert "Traceback" not in error

    def test_a_signal_during_the_wait_for_the_switch(self, good: Server, tmp_path: Path) -> None:
        file = tmp_path / "result"
        words = ["--stage", "AfterCutover", "--operation-id", "op-1", "--result-file", str(file)]
        process = subprocess.Popen(
            [PROGRAM, "check", *words, "--signal", str(tmp_path / "switched")],
            env=variables(web(good.url())), stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "Ready; waiting for the switch.\n"
        process.terminate()
        assert process.wait(20) == ExitCode.TERMINATED
        assert decode(file.read_text()).reason is Reason.INTERRUPTED
        assert good.requests == []

    def test_no_value_of_a_secret_is_seen_anywhere(self, tmp_path: Path) -> None:
        """Not even when the other side says it: Prometheus repeats what it cannot read."""

        def handler(visit: Visit) -> None:
            body = b'{"status":"error","errorType":"bad_data","error":"tenant %s"}' % visit.request.replace(
                b"\r\n", b" "
            ).replace(b'"', b"")
            visit.say(b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

        headers = [{"name": "Authorization", "valueFrom": {}}]
        options: dict[str, Any] = {
            "query": "up",
            "comparison": "Equal",
            "expectValue": "1",
            "emptyResult": "Fail",
        }
        file = tmp_path / "result"
        with serving(handler) as server:
            options |= {"serverURL": server.url(""), "headers": headers}
            done = call(
                *("--stage", "AfterMigrate", "--operation-id", "op-1", "--result-file", str(file)),
                env=variables(
                    {"name": "up", "prometheus": options, **PACE},
                    SWITCHBACK_HEADER_UP_0="Bearer s3cr3t-canary\n",
                ),
            )
            assert b"Bearer s3cr3t-canary" in server.requests[0]
        assert done.returncode == ExitCode.FAILED
        assert "Prometheus says bad_data" in file.read_text()
        assert "canary" not in done.stdout + done.stderr + file.read_text()

    def test_a_check_that_is_none_is_told_in_the_result(self, tmp_path: Path) -> None:
        file = tmp_path / "result"
        words = ["--stage", "AfterMigrate", "--operation-id", "op-1", "--result-file", str(file)]
        done = call(*words, env=variables({"name": "x", **PACE}))
        assert done.returncode == ExitCode.USAGE
        result = decode(file.read_text())
        assert result.reason is Reason.USAGE
        assert "exactly one of httpGet, sql, prometheus, command" in result.message

    def test_words_that_are_wrong_are_told_in_the_result(self, tmp_path: Path) -> None:
        file = tmp_path / "result"
        words = ["--operation-id", "op-1", "--result-file", str(file), "--connect", "shop-web"]
        assert call("--stage", "AfterCutover", *words, env=variables()).returncode == ExitCode.USAGE
        result = decode(file.read_text())
        assert (result.operation, result.reason) == (Operation.CHECK, Reason.USAGE)
        assert "shop-web is not host:port" in result.message

    def test_nothing_to_check_is_a_mistake(self) -> None:
        done = call("--stage", "AfterMigrate", env=variables())
        assert done.returncode == ExitCode.USAGE
        assert "There is no check" in done.stderr


MANIFEST = """
apiVersion: v1
kind: Service
metadata: {name: shop-web}
---
apiVersion: switchback.dev/v1alpha1
kind: DatabaseMigration
metadata: {name: shop}
spec:
  checks:
  - name: health
    stages: [BeforeCutover, AfterCutover]
    httpGet: {url: "URL"}
  - name: closed
    stages: [BeforeCutover]
    httpGet: {url: "CLOSED"}
    failureThreshold: 1
  - name: buy
    stages: [BeforeCutover]
    command: {image: shop, command: [buy]}
"""


class TestLaptop:
    @pytest.fixture
    def manifest(self, good: Server, tmp_path: Path) -> str:
        file = tmp_path / "resource.yaml"
        file.write_text(
            MANIFEST.replace("URL", good.url()).replace("CLOSED", f"http://127.0.0.1:{free_port()}/")
        )
        return str(file)

    def test_what_fails_is_named(self, manifest: str) -> None:
        done = call("-f", manifest, "--stage", "BeforeCutover", env=dict(os.environ))
        assert done.returncode == ExitCode.FAILED
        assert "warning: check buy is left out: a command runs in a pod of the cluster." in done.stderr
        assert "error: Check closed failed: no connection to 127.0.0.1:" in done.stderr

    def test_only_some(self, manifest: str) -> None:
        done = call("-f", manifest, "--stage", "BeforeCutover", "--only", "health", env=dict(os.environ))
        assert (done.returncode, done.stdout) == (0, "health: ok\nCheck health holds.\n")

    def test_json(self, manifest: str) -> None:
        words = ["-f", manifest, "--stage", "AfterCutover", "--json"]
        done = call(*words, env=dict(os.environ))
        said = json.loads(done.stdout)
        assert (said["reason"], said["exitCode"], said["operation"]) == ("Succeeded", 0, "check")
        assert said["checks"] == [{"name": "health", "passed": True, "runs": 21, "failures": 0, "error": ""}]

    def test_standard_input(self, manifest: str) -> None:
        words = ["-f", "-", "--stage", "AfterCutover"]
        assert call(*words, env=dict(os.environ), text=Path(manifest).read_text()).returncode == 0

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--stage", "AfterRollback"], "no check of AfterRollback can be run here. There are checks of"),
            (
                ["--stage", "BeforeCutover", "--only", "x"],
                "There is no check x at BeforeCutover; there is heal",
            ),
            (["--stage", "BeforeCutover", "--name", "other"], "there is no DatabaseMigration other in it"),
        ],
    )
    def test_what_is_not_there(self, manifest: str, words: list[str], said: str) -> None:
        done = call("-f", manifest, *words, env=dict(os.environ))
        assert done.returncode == ExitCode.USAGE
        assert said in done.stderr

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (("httpGet", "httpget"), "check health: a check has exactly one of httpGet"),
            (("stages: [BeforeCutover, ", "stages: [Sometime, "), "spec.checks[0].stages[0]: "),
            (("kind: Database", "kind: ["), "this is no YAML"),
        ],
    )
    def test_what_is_not_written_as_it_should_be(
        self, manifest: str, change: tuple[str, str], said: str
    ) -> None:
        Path(manifest).write_text(Path(manifest).read_text().replace(*change))
        done = call("-f", manifest, "--stage", "AfterCutover", env=dict(os.environ))
        assert done.returncode == ExitCode.USAGE
        assert said in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_file_that_is_not_there(self) -> None:
        done = call("-f", "/no/such", "--stage", "AfterCutover", env=dict(os.environ))
        assert (done.returncode, done.stderr) == (
            2,
            "error: /no/such cannot be read: No such file or directory.\n",
        )


def test_what_a_job_imports(good: Server) -> None:
    """A pod begins soon: no model of the API, no client of Kubernetes, no driver without a check of sql."""
    program = (
        "import json, sys; from switchback.cli import main; code = main.run(main.cli, 'switchback');"
        "print(json.dumps([code, sorted({name.partition('.')[0] for name in sys.modules})]))"
    )
    words = [sys.executable, "-c", program, "check", "--stage", "AfterMigrate", "--operation-id", "x"]
    done = subprocess.run(
        words, env=variables(web(good.url())), capture_output=True, text=True, timeout=60, check=True
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    assert not {"pydantic", "kubernetes", "kopf", "yaml", "psycopg", "aiohttp", "boto3", "email"} & set(
        modules
    )
