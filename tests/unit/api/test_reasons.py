from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from switchback.api.reasons import REASONS, OperatorReason, explain
from switchback.contract.reasons import MEANINGS, Reason


def test_every_reason_has_a_meaning_and_advice() -> None:
    assert set(REASONS) == set(OperatorReason)
    for reason in [*OperatorReason, *Reason]:
        known = explain(reason)
        assert known is not None, reason
        assert known.meaning.endswith("."), reason
        assert known.advice.endswith("."), reason


@pytest.mark.parametrize("reason", [OperatorReason.ABORTED, OperatorReason.ROLLED_BACK])
def test_what_a_person_has_ended_takes_another_wish_or_a_retry(reason: OperatorReason) -> None:
    """Any edit clears a failure, but not these two."""
    advice = REASONS[reason].advice
    assert "target, database, source or activeSlot" in advice
    assert "switchback.dev/retry" in advice


def test_to_apply_what_is_there_already_is_no_advice() -> None:
    """It is no edit, so nothing would happen."""
    assert [one for one in OperatorReason if "apply it again" in REASONS[one].advice] == []


def test_no_word_has_two_meanings() -> None:
    assert not {str(reason) for reason in OperatorReason} & {str(reason) for reason in Reason}


@pytest.mark.parametrize("reason", [*OperatorReason, *Reason])
def test_reasons_are_what_kubernetes_takes_as_a_reason(reason: str) -> None:
    assert re.fullmatch(r"[A-Z][A-Za-z0-9]{1,63}", reason)


def test_the_advice_of_a_run_is_the_contracts() -> None:
    known = explain(Reason.STANDBY)
    assert known is not None
    assert known.advice == MEANINGS[Reason.STANDBY].advice


def test_a_word_of_somebody_else_is_not_explained() -> None:
    assert explain("ReplicaSetUpdated") is None


def test_every_reason_is_given_somewhere() -> None:
    folder = files("switchback")
    said = "".join(
        file.read_text()
        for part in ("controller", "traffic", "api", "snapshots", "aws")
        for file in sorted(Path(str(folder / part)).rglob("*.py"))
        if file.name not in {"reasons.py", "reason_words.py", "traffic_reasons.py"}
    )
    given = set(re.findall(r"\b(?:OperatorReason|_O|R)\.([A-Z_]+)\b", said))
    assert {one.name for one in OperatorReason} == given
