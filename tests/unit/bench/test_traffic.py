from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.bench.street import Measured
from tests.bench.traffic import moved, went_back
from tests.traffic.by_hand import Times

if TYPE_CHECKING:
    from tests.bench.report import Row


def times(*seconds: float) -> list[Times]:
    return [Times(0.01, 0.02, value, value) for value in seconds]


def measured(**fields: object) -> Measured:
    return Measured(
        **{  # type: ignore[arg-type]
            "operator": times(0.1, 0.11, 0.12),
            "by_hand": times(0.1, 0.1, 0.1),
            "until_patch": [2.0],
            "pods": [2.0],
            "until_back": [0.4, 0.5],
            "sent": 1000,
            **fields,
        }
    )


def verdicts(rows: list[Row]) -> dict[str, str]:
    return {row.what: row.verdict for row in rows if row.verdict}


def test_good_numbers_meet_each_goal() -> None:
    assert set(verdicts([*moved(measured()), *went_back(measured())]).values()) == {"met"}


def test_each_goal_can_be_missed() -> None:
    slow = measured(operator=times(0.1, 0.2, 1.6), violations=["never_both: x"], until_back=[0.1] * 9 + [1.1])
    slow.faults = Counter(refused=2, timeout=1)
    rows = [*moved(slow), *went_back(slow)]
    assert set(verdicts(rows).values()) == {"MISSED"}
    assert any(row.measured == "3 of 1000 (2 refused, 1 timeout)" for row in rows)


def test_a_machine_that_sends_late_is_named() -> None:
    def busy(late: float) -> bool:
        return any("too busy" in row.what for row in moved(measured(late=late)))

    assert (busy(0.01), busy(0.5)) == (False, True)
