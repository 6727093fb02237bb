from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchback.contract.hide import hidden, last_line

SECRET = "hunter2-canary"


@pytest.mark.parametrize(
    "text",
    [
        f"connecting to postgresql://shop:{SECRET}@db:5432/shop failed",
        f"postgres://shop:with@sign{SECRET}@db/shop",
        f"PGPASSWORD={SECRET} pg_basebackup",
        f"--password={SECRET}",
        f"password: {SECRET}",
        f'{{"password": "{SECRET}"}}',
        f"{{'db_passwd': '{SECRET} with blanks'}}",
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
        f"https://b.s3.amazonaws.com/k?X-Amz-Signature={SECRET}&X-Amz-Security-Token={SECRET}",
        f"Authorization: Bearer {SECRET}",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str) -> None:
    assert SECRET not in hidden(text)
    assert "***" in hidden(text)


@pytest.mark.parametrize(
    "text",
    [
        "could not connect to server: Connection refused",
        "/snapshots/pre-rollback-20260101T000000Z-shop-3f2a91c0-5b1e77",
        "s3://bucket/prefix@2",
        "snap-0123456789abcdef",
        "arn:aws:rds:eu-west-1:123456789012:snapshot:x",
        'password authentication failed for user "shop"',
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert hidden(text) == text


def test_the_last_line_that_says_something() -> None:
    assert last_line("one\ntwo\n\n  \n", 100) == "two"
    assert last_line("", 100) == ""
    assert last_line("\x1b[31mred\x07", 100) == "[31mred"
    assert last_line("x" * 300, 50).endswith("…")


@given(st.text(max_size=400), st.integers(3, 200))
def test_it_is_bounded_and_of_one_line(text: str, limit: int) -> None:
    found = last_line(text, limit)
    assert len(found.encode()) <= limit
    assert found.isprintable() or not found or all(not c.isspace() or c == " " for c in found)


@pytest.mark.parametrize("word", ["a", "password", "secret-", "://a:", "a:"])
def test_a_long_word_costs_no_time(word: str) -> None:
    """A program's last line may be one word of a megabyte, and other checks wait meanwhile."""
    begun = time.process_time()
    hidden("://" + word * 20_000)
    assert time.process_time() - begun < 2
