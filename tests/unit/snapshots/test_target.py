from __future__ import annotations

import pytest

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots import target


@pytest.mark.parametrize("name", ["x" * 64, "x" * 70, "ü" * 32, "€" * 22, ""])
def test_a_name_that_the_server_would_cut_is_refused(name: str) -> None:
    with pytest.raises(RunnerError) as refusal:
        target.refuse_odd_name(name)
    assert refusal.value.reason is Reason.USAGE
    assert str(len(name.encode())) in refusal.value.message or not name


@pytest.mark.parametrize("name", ["x" * 63, "ü" * 31, "a b"])
def test_a_name_that_fits(name: str) -> None:
    target.refuse_odd_name(name)
