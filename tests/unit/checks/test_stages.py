"""When a stage has a verdict: how often a check is tried, and what a switch has to prove."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from switchback.checks import loop, verify
from switchback.checks.model import Check, Context
from switchback.checks.net import knock
from switchback.checks.run import Plan, Run
from switchback.contract.reasons import Reason
from switchback.contract.words import CheckStage
from tests.unit.checks.web import answering, free_port, http_get, run, serving

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.unit.checks.web import Visit

AFTER = CheckStage.AFTER_CUTOVER
OPTIONS = {"query": "1", "comparison": "Equal", "expectValue": "1", "emptyResult": "Fail", "headers": []}


def silent(visit: Visit) -> None:
    visit.connection.recv(1)


class TestOtherStages:
    def test_the_first_success_is_enough(self) -> None:
        with serving(answering(503, 503, 200, 503)) as server:
            verdict = run(http_get(server.url(), threshold=3))
            assert len(server.requests) == 3
        assert (verdict.reason, verdict.message) == (Reason.SUCCEEDED, "Check web holds.")
        (check,) = verdict.checks
        assert (check.passed, check.runs, check.failures) == (True, 3, 2)
        assert check.error.startswith("status 503 instead of 200")

    def test_failures_in_a_row_are_the_end(self) -> None:
        with serving(answering(503, 503, 503, 200)) as server:
            verdict = run(http_get(server.url("/x"), threshold=3))
        assert verdict.reason is Reason.CHECKS_FAILED
        assert verdict.message.startswith(
            "Check web failed 3 times in a row: status 503 instead of 200 (http"
        )
        (check,) = verdict.checks
        assert (check.passed, check.runs, check.failures) == (False, 3, 3)

    def test_an_error_that_is_a_sentence_ends_with_one_full_stop(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("DATABASE_URL", raising=False)
        asks = {"query": "SELECT true", "expectValue": "t"}
        verdict = run(Check("data", "sql", asks, period=1, timeout=1, threshold=1))
        assert verdict.message == "Check data failed: No database is named: DATABASE_URL is not set."

    def test_tries_come_each_period(self) -> None:
        begun = time.monotonic()
        with serving(answering(503)) as server:
            run(http_get(server.url(), threshold=4, period=0.2))
        assert 0.6 <= time.monotonic() - begun < 3

    def test_a_try_that_takes_longer_than_the_period_is_followed_at_once(self) -> None:
        begun = time.monotonic()
        with serving(silent) as server:
            run(http_get(server.url(), threshold=3, period=0.1, timeout=0.3))
        assert 0.9 <= time.monotonic() - begun < 4

    def test_no_answer_at_all_is_a_failure(self) -> None:
        with serving(silent) as server:
            verdict = run(http_get(server.url(), threshold=2, timeout=0.1))
        assert verdict.reason is Reason.CHECKS_FAILED
        assert "no answer within 0.1 s" in verdict.message

    def test_all_run_beside_each_other_and_one_failure_ends_the_rest(self) -> None:
        begun = time.monotonic()
        with serving(answering(503)) as bad, serving(silent) as slow, serving(answering(200)) as good:
            verdict = run(
                http_get(slow.url(), "slow", timeout=10.0),
                http_get(good.url(), "good"),
                http_get(bad.url(), "bad", threshold=3, period=0.1),
            )
        assert time.monotonic() - begun < 5
        assert verdict.message.startswith("Check bad failed 3 times in a row: status 503")
        # What has failed comes first, then the order of the spec. The good one has had its verdict.
        assert [(one.name, one.passed) for one in verdict.checks] == [
            ("bad", False),
            ("slow", False),
            ("good", True),
        ]
        assert verdict.checks[1].error == "the run ended before there was a verdict"

    def test_a_limit_without_a_verdict_is_inconclusive(self) -> None:
        with serving(silent) as slow, serving(answering(200)) as good:
            checks = http_get(slow.url(), "slow", timeout=10.0), http_get(good.url(), "good")
            verdict = run(*checks, seconds=0.4)
        assert verdict.reason is Reason.CHECKS_INCONCLUSIVE
        assert verdict.message == "There was no verdict within 0.4 s on slow."


class TestAfterCutover:
    def test_20_new_connections_and_one_try_are_enough_without_a_soak(self) -> None:
        with serving(answering(200)) as server:
            verdict = run(http_get(server.url()), stage=AFTER, connect=(f"localhost:{server.port}",))
            web = [request for request in server.requests if request]
            assert (len(web), len(server.requests)) == (21, 41)
        assert verdict.reason is Reason.SUCCEEDED
        assert verdict.message == "Check web has held. 20 new connections were made, of which none failed."
        assert [(one.name, one.runs, one.passed) for one in verdict.checks] == [
            ("web", 21, True),
            (f"connect localhost:{server.port}", 20, True),
        ]

    def test_a_blip_does_not_undo_a_release(self) -> None:
        def handler(visit: Visit) -> None:
            if visit.number == 7:
                visit.reset()
            else:
                answering(200)(visit)

        with serving(handler) as server:
            verdict = run(http_get(server.url()), stage=AFTER)
        assert verdict.reason is Reason.SUCCEEDED
        (check,) = verdict.checks
        assert (check.passed, check.runs, check.failures) == (True, 41, 1)

    def test_every_tenth_connection_that_fails_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(verify, "VERIFY_SECONDS", 0.5)

        def handler(visit: Visit) -> None:
            answering(503 if visit.number % 10 == 3 else 200)(visit)

        with serving(handler) as server:
            verdict = run(http_get(server.url()), stage=AFTER)
        assert verdict.reason is Reason.CHECKS_FAILED
        assert verdict.message.startswith(
            "Check web failed right after the switch: 2 of 20 new connections failed: status 503"
        )

    def test_a_port_that_is_closed_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(verify, "VERIFY_SECONDS", 0.5)
        port = free_port()
        verdict = run(stage=AFTER, connect=(f"127.0.0.1:{port}",))
        assert verdict.reason is Reason.CONNECTIONS_FAILED
        assert verdict.message.startswith(f"Connect 127.0.0.1:{port} failed right after the switch: 20 of 20")
        assert verdict.checks[0].name == f"connect 127.0.0.1:{port}"

    def test_where_nobody_answers_it_is_the_connections_that_have_failed_and_not_the_check(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Both see it. Whichever does so first, a switch to nobody is not a check that was too strict."""
        monkeypatch.setattr(verify, "VERIFY_SECONDS", 0.5)
        monkeypatch.setattr(verify, "PAUSE_SECONDS", 0.1)
        port = free_port()
        for knocks in (0.0, 0.3):

            async def late(place: str, seconds: float, pause: float = knocks) -> str:
                await asyncio.sleep(pause)
                return await knock(place, seconds)

            monkeypatch.setattr(verify, "knock", late)
            verdict = run(http_get(f"http://127.0.0.1:{port}/"), stage=AFTER, connect=(f"127.0.0.1:{port}",))
            assert verdict.reason is Reason.CONNECTIONS_FAILED
            assert verdict.message.startswith(f"Connect 127.0.0.1:{port} failed right after the switch")
            assert {one.passed for one in verdict.checks} == {False}

    def test_errors_behind_connections_that_are_answered_are_the_check_s(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verify, "VERIFY_SECONDS", 0.5)
        with serving(answering(503)) as server:
            verdict = run(http_get(server.url()), stage=AFTER, connect=(f"127.0.0.1:{server.port}",))
        assert verdict.reason is Reason.CHECKS_FAILED
        assert [(one.name, one.passed) for one in verdict.checks] == [
            ("web", False),
            (f"connect 127.0.0.1:{server.port}", True),
        ]

    def test_the_soak_is_as_long_as_it_is(self) -> None:
        begun = time.monotonic()
        with serving(answering(200)) as server:
            verdict = run(http_get(server.url(), period=0.2), stage=AFTER, soak_seconds=1)
        assert 1.0 <= time.monotonic() - begun < 4
        assert verdict.message == "Check web has held for 1 s."
        assert 20 < verdict.checks[0].runs <= 25

    def test_a_soak_without_checks_is_waited_for_all_the_same(self) -> None:
        begun = time.monotonic()
        assert run(stage=AFTER, soak_seconds=0.5).reason is Reason.SUCCEEDED
        assert time.monotonic() - begun >= 0.5

    def test_failures_in_a_row_end_the_soak_at_once(self) -> None:
        begun = time.monotonic()
        with serving(answering(*[200] * 22, 503)) as server:
            verdict = run(http_get(server.url(), threshold=3, period=0.1), stage=AFTER, soak_seconds=60)
        assert time.monotonic() - begun < 10
        assert verdict.reason is Reason.CHECKS_FAILED
        assert verdict.message.startswith("Check web failed 3 times in a row: status 503")

    def test_failures_that_are_not_in_a_row_are_borne(self) -> None:
        def handler(visit: Visit) -> None:
            answering(200 if visit.number < 20 or visit.number % 3 else 503)(visit)

        with serving(handler) as server:
            verdict = run(http_get(server.url(), threshold=2), stage=AFTER, soak_seconds=1)
        assert verdict.reason is Reason.SUCCEEDED
        assert verdict.checks[0].failures > 2

    def test_the_soak_does_not_end_on_a_failure(self) -> None:
        """What fails when the time is over has to hold again, or fail for good."""
        with serving(answering(*[200] * 21, 503)) as server:
            verdict = run(http_get(server.url(), threshold=2, period=1.0), stage=AFTER, soak_seconds=1.5)
        assert verdict.reason is Reason.CHECKS_FAILED
        assert verdict.checks[0].runs == 23

    def test_what_still_fails_some_time_after_the_soak_has_failed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loop, "CLOSING_SECONDS", 0.3)
        begun = time.monotonic()
        with serving(answering(*[200] * 21, 503)) as server:
            check = http_get(server.url(), threshold=100, period=0.1)
            verdict = run(check, stage=AFTER, soak_seconds=1.5)
        assert time.monotonic() - begun < 8
        assert verdict.reason is Reason.CHECKS_FAILED
        assert "times in a row: status 503 instead of 200" in verdict.message

    def test_a_try_that_does_not_end_with_the_soak_is_left_to_itself(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The last word is that of the last try that has ended, if there is one."""
        monkeypatch.setattr(loop, "CLOSING_SECONDS", 0.2)

        def handler(visit: Visit) -> None:
            if visit.number > 21:
                silent(visit)
            answering(200)(visit)

        with serving(handler) as server:
            check = http_get(server.url(), period=0.2, timeout=30.0)
            verdict = run(check, stage=AFTER, soak_seconds=0.5)
        assert verdict.reason is Reason.SUCCEEDED
        with serving(silent) as server:
            slow = Check("slow", "prometheus", OPTIONS | {"serverURL": server.url("")}, 1, 30, 1)
            verdict = run(slow, stage=AFTER, soak_seconds=0.2)
        assert verdict.reason is Reason.CHECKS_FAILED
        assert verdict.checks[0].error == "no try has ended within 0.2 s"

    def test_20_connections_that_take_too_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(verify, "VERIFY_SECONDS", 0.2)
        monkeypatch.setattr(verify, "LAST_SECONDS", 0.2)
        begun = time.monotonic()
        with serving(silent) as server:
            verdict = run(http_get(server.url(), timeout=30.0), stage=AFTER)
        assert time.monotonic() - begun < 5
        assert verdict.message == (
            "Check web failed right after the switch: 20 new connections took longer than 0.4 s."
        )

    def test_a_check_of_another_kind_is_tried_in_the_soak_alone(self) -> None:
        with serving(
            lambda visit: visit.say(
                b'HTTP/1.1 200 OK\r\n\r\n{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}'
            )
        ) as server:
            options = OPTIONS | {"serverURL": server.url("")}
            verdict = run(Check("one", "prometheus", options, 1, 1, 1), stage=AFTER)
            assert len(server.requests) == 1
        assert verdict.reason is Reason.SUCCEEDED


class TestSignal:
    def test_nothing_is_asked_before_the_signal_has_content(self, tmp_path: Path) -> None:
        file = tmp_path / "switched"
        file.write_text("")
        seen: list[tuple[float, int]] = []
        with serving(answering(200)) as server:

            def switch() -> None:
                time.sleep(0.5)
                seen.append((time.monotonic(), len(server.requests)))
                file.write_text("cutover-1")

            thread = threading.Thread(target=switch)
            thread.start()
            verdict = run(http_get(server.url()), stage=AFTER, signal=file, wait_seconds=10)
            thread.join()
        assert verdict.reason is Reason.SUCCEEDED
        assert seen[0][1] == 0
        assert time.monotonic() - seen[0][0] < 3

    def test_a_file_that_comes_later_will_do(self, tmp_path: Path) -> None:
        """A downward API volume is made of links that are changed all at once."""
        file = tmp_path / "signal" / "switched"

        def switch() -> None:
            time.sleep(0.2)
            made = tmp_path / "made"
            made.mkdir()
            (made / "switched").write_text("1")
            file.parent.symlink_to(made)

        threading.Thread(target=switch).start()
        assert run(stage=AFTER, signal=file, wait_seconds=10).reason is Reason.SUCCEEDED

    def test_a_switch_that_does_not_come_is_inconclusive(self, tmp_path: Path) -> None:
        with serving(answering(200)) as server:
            verdict = run(http_get(server.url()), stage=AFTER, signal=tmp_path / "no", wait_seconds=0.2)
            assert server.requests == []
        assert verdict.reason is Reason.CHECKS_INCONCLUSIVE
        assert verdict.message == "The traffic did not move within 0.2 s."


def test_a_name_service_that_hangs_does_not_keep_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: time.sleep(5))
    begun = time.monotonic()
    verdict = run(http_get("http://shop-web/", timeout=0.3), seconds=1)
    assert "no answer" in verdict.checks[0].error or verdict.reason is Reason.CHECKS_INCONCLUSIVE
    assert time.monotonic() - begun < 3


def test_all_of_leaves_nothing_running() -> None:
    async def scene() -> int:
        before = len(asyncio.all_tasks())
        with serving(answering(503)) as bad, serving(silent) as slow:
            checks = (http_get(bad.url(), "bad"), http_get(slow.url(), "slow", timeout=10.0))
            await Run(Plan(CheckStage.AFTER_MIGRATE, checks), Context(), lambda _: None).verdict()
            return len(asyncio.all_tasks()) - before

    assert asyncio.run(scene()) == 0
