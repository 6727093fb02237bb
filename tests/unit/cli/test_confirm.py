"""The question before a rollback."""

from __future__ import annotations

import signal
from typing import Any, NoReturn, cast

import pytest

from switchback.cli import confirm, show
from switchback.cli.console import Console
from switchback.runner.stop import Stopped


def test_a_signal_before_the_answer_finds_nothing_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the plan is still being shown."""

    def stopped(*_: object, **__: object) -> NoReturn:
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr(show, "show", stopped)
    with pytest.raises(Stopped) as raised:
        confirm.ask(cast("Any", None), "here", Console(), frozenset())
    assert raised.value.said == "Stopped by SIGTERM. Nothing was changed."
    assert raised.value.signum == signal.SIGTERM
