"""At the end of a test run: every status that was recorded is read by the tools that will read it.

What a tool reads wrong counts as an error of the run. Where the program that asks the tools is not built, a
run by hand says so and goes on; in CI (`CI` is set) it is built then.
"""

from __future__ import annotations

import os

import pytest

from tests.cluster import binaries
from tests.cluster.errors import BedError
from tests.consumers.expected import mistakes
from tests.consumers.records import LIMIT, RECORDS
from tests.consumers.verdicts import PROGRAM

SHOWN = 20
_SUMMARY: pytest.StashKey[str] = pytest.StashKey()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Comes after the fixtures of the session have ended, and before the terminal's summary."""
    resources = RECORDS.resources()
    if not resources:
        return
    if binaries.missing((PROGRAM,)) and not os.environ.get("CI"):
        missing = f"the program {PROGRAM} is missing, `make setup` builds it"
        session.config.stash[_SUMMARY] = f"{len(resources)} statuses were not judged: {missing}"
        return
    try:
        wrong = mistakes(resources)
    except BedError as error:
        wrong = [(PROGRAM, f"the recorded statuses could not be judged: {error}")]
    if RECORDS.left_out:
        wrong.append(("records", f"{RECORDS.left_out} statuses were left out: only {LIMIT} are kept"))
    text = f"{len(resources)} different statuses were read by kstatus, Argo CD and Flux, {len(wrong)} wrong"
    session.config.stash[_SUMMARY] = text
    for name, why in wrong[:SHOWN]:
        _report(session, name, why)
    if wrong and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line, also when all is well: nobody should take silence for a judgement."""
    if text := config.stash.get(_SUMMARY, ""):
        terminalreporter.write_line(f"consumers: {text}")


def _report(session: pytest.Session, name: str, why: str) -> None:
    """An error at the end of a test that is named after the resource: counted and shown like any other."""
    report = pytest.TestReport(
        nodeid=f"tests/consumers::{name}",
        location=("tests/consumers/plugin.py", 0, name),
        keywords={},
        outcome="failed",
        longrepr=why,
        when="teardown",
    )
    session.config.hook.pytest_runtest_logreport(report=report)
