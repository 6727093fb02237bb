"""What is known of the secrets of an address before it is read, and when it cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.connect import Wishes
from switchback.runner.errors import RunnerError
from switchback.runner.opening import Opener


def opener(text: str) -> Opener:
    return Opener(text, Wishes(operation_id="cli-1"), lambda _: None, lambda _: None)


@pytest.mark.parametrize("text", ["postgres", "user", "host", "postgresql://u:p\udce9@127.0.0.1:1/x"])
def test_an_address_that_cannot_be_read_leaves_our_words_as_they_are(text: str) -> None:
    opening = opener(text)
    with pytest.raises(RunnerError) as raised:
        _ = opening.address
    error = raised.value
    assert error.reason is Reason.URL_INVALID
    clean = opening.redactor().clean
    assert (clean(error.message), clean(error.advice)) == (error.message, error.advice)


def test_a_url_in_another_encoding_is_no_bug(tmp_path: Path) -> None:
    (tmp_path / "1_a.up.sql").write_text("SELECT 1;")
    program = Path(sys.executable).parent / "switchback"
    words = [program, "status", "--dir", tmp_path, "--url", b"postgresql://u:p\xe9@127.0.0.1:1/x"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (7, "")
    assert "not UTF-8" in done.stderr


def test_an_address_that_nobody_has_read_is_not_shown() -> None:
    text = "postgresql://u:canary@h/d"
    assert opener(text).redactor().clean(f"x {text}") == "x ***"
