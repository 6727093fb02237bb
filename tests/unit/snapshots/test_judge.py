from __future__ import annotations

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots.judge import Report, headline, judge_dump, judge_reread, report_of

VERSION_15 = "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
VERSION_18 = "pg_dump (PostgreSQL) 18.6"


def dump(stderr: str, code: int | None = 1, version: str = VERSION_18) -> Reason | None:
    try:
        judge_dump(Report("dump", version, code, stderr), 18)
    except RunnerError as error:
        return error.reason
    return None


def test_a_complete_dump_passes_with_warnings_too() -> None:
    assert dump("", 0) is None
    assert dump("pg_dump: warning: there are circular foreign-key constraints on this table:", 0) is None


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        (
            (
                "pg_dump: error: could not write to file: No space left on device\n"
                "pg_dump: error: a worker process died unexpectedly"
            ),
            Reason.SNAPSHOT_VOLUME_FULL,
        ),
        ("pg_dump: error: could not open output file: Disk quota exceeded", Reason.SNAPSHOT_VOLUME_FULL),
        (
            (
                'pg_dump: error: Error message from server: ERROR:  could not write to file "base/x": '
                "No space left on device"
            ),
            Reason.SNAPSHOT_FAILED,
        ),
        (
            (
                'pg_dump: error: could not obtain lock on relation "public.orders"\n'
                "This usually means that someone requested an ACCESS EXCLUSIVE lock"
            ),
            Reason.OBJECTS_LOCKED,
        ),
        (
            (
                "pg_dump: error: query failed: ERROR:  canceling statement due to statement timeout\n"
                "pg_dump: detail: Query was: LOCK TABLE public.orders IN ACCESS SHARE MODE"
            ),
            Reason.OBJECTS_LOCKED,
        ),
        (
            (
                "pg_dump: error: query failed: ERROR:  permission denied for table orders\n"
                "pg_dump: detail: Query was: LOCK TABLE public.orders IN ACCESS SHARE MODE"
            ),
            Reason.PERMISSION_DENIED,
        ),
        ("pg_dump: error: something new", Reason.SNAPSHOT_FAILED),
        ("", Reason.SNAPSHOT_FAILED),
    ],
)
def test_the_words_of_pg_dump_decide_the_reason(stderr: str, reason: Reason) -> None:
    assert dump(stderr) is reason


def test_the_client_must_have_the_servers_major() -> None:
    assert dump("", None, VERSION_15) is Reason.SNAPSHOT_CLIENT_TOO_OLD
    assert dump("", 0, "pg_dump (PostgreSQL) 19beta1") is Reason.SNAPSHOT_CLIENT_TOO_NEW
    assert dump("", None, "/bin/sh: pg_dump: not found") is Reason.SNAPSHOT_FAILED
    assert dump("", None, "") is Reason.SNAPSHOT_FAILED


def test_a_dump_that_never_ran_and_one_that_was_killed_are_no_dumps() -> None:
    assert dump("", None) is Reason.SNAPSHOT_FAILED
    with pytest.raises(RunnerError, match="ended by signal 9"):
        judge_dump(Report("dump", VERSION_18, 137, ""), 18)


def test_a_dump_that_cannot_be_read_back_is_unreadable() -> None:
    stderr = "pg_restore: error: could not uncompress data: (null)"
    with pytest.raises(RunnerError, match="could not uncompress data") as refusal:
        judge_reread(Report("reread", "pg_restore (PostgreSQL) 18.6", 1, stderr), 18)
    assert refusal.value.reason is Reason.SNAPSHOT_UNREADABLE


def test_the_headline_leaves_details_and_statements_out() -> None:
    stderr = (
        "pg_dump: warning: something\n"
        "pg_dump: error: query failed: ERROR:  broken\n"
        "pg_dump: detail: Query was: SELECT 'canary'\n"
    )
    assert headline(stderr) == "query failed: ERROR: broken"
    assert len(headline("pg_dump: error: " + "ä" * 1000).encode()) <= 400


def test_reports_of_parts_that_did_not_run_are_empty(tmp_path_factory: pytest.TempPathFactory) -> None:
    report = report_of(tmp_path_factory.mktemp("work"), "dump")
    assert report == Report("dump", "", None, "")
