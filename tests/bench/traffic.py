"""Part traffic: how fast and how safely the traffic moves, beside the same patch by hand."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from tests.bench.numbers import load, spread
from tests.bench.report import Row, judged
from tests.bench.street import Measured, Street
from tests.cluster.console import say

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from tests.cluster.handle import Cluster
    from tests.traffic.by_hand import Times

RATIO = 1.3
LONGEST_SECONDS = 1.5
BACK_SECONDS = 1.0
LATE_SECONDS = 0.25
"""So much later than due requests may be sent before the numbers are those of a busy machine."""


def measure(
    cluster: Cluster, namespaces: list[str], web: str, image: str, *, cycles: int, spoilt: int
) -> Iterator[list[Row]]:
    """Each table as soon as it can be told."""
    street, measured = Street(cluster, namespaces, web, image), Measured()
    with street.folder:
        street.start()
        for done in street.rounds(cycles, measured):
            say(f"{done} of {cycles} cycles, failed: {_failed(measured.sent, measured.faults)}; {load()}")
        yield moved(measured)
        for done in street.spoilt(spoilt, measured):
            if done == spoilt or not done % 5:
                say(f"{done} of {spoilt} switches whose check fails; {load()}")
        yield went_back(measured)


def moved(measured: Measured) -> list[Row]:
    """Switches that were good."""
    ours, theirs = measured.operator, measured.by_hand
    ratio = _median(ours) / _median(theirs)
    longest = max(one.first_new for one in ours)
    pod = statistics.median(measured.pods)
    asked = statistics.median(measured.until_patch)
    rows = [
        Row(f"{len(ours)} SWITCHES BY THE OPERATOR, {len(theirs)} BY HAND, seconds", "", ""),
        _three("by hand: patch until the new slot answers", [one.first_new for one in theirs]),
        _three("operator: patch until the new slot answers", [one.first_new for one in ours]),
        judged("medians, operator / by hand", f"≤ {RATIO}", f"{ratio:.2f}", good=ratio <= RATIO),
        judged(
            "the longest of the operator's",
            f"≤ {LONGEST_SECONDS}",
            f"{longest:.3f}",
            good=longest <= LONGEST_SECONDS,
        ),
        _three("by hand: last new connection to the old slot", [one.last_old for one in theirs]),
        _three("operator: last new connection to the old slot", [one.last_old for one in ours]),
        _three("by hand: slices hold the new slot only", [one.in_slices for one in theirs]),
        _three("operator: slices hold the new slot only", [one.in_slices for one in ours]),
        _three("a bare Job until its container runs", measured.pods),
        _three("resource edited until the patch", measured.until_patch),
        Row("medians, edit until patch / bare Job", "", f"{asked / pod:.2f}"),
        judged(
            f"failed requests in {len(ours) // 2} cycles",
            "0",
            _failed(measured.sent, measured.faults),
            good=not measured.faults,
        ),
        Row("the same by hand", "", _failed(measured.sent_by_hand, measured.faults_by_hand)),
        judged("what the audit log blames", "0", str(len(measured.violations)), good=not measured.violations),
        Row("requests sent later than due by, 999 of 1000", "", f"{measured.late:.3f}"),
    ]
    if measured.late > LATE_SECONDS:
        rows.append(Row("this machine is too busy to send requests in time: the numbers say little", "", ""))
    return rows


def went_back(measured: Measured) -> list[Row]:
    """Switches whose check has failed."""
    _, high, _ = spread(measured.until_back)
    return [
        Row(f"{len(measured.until_back)} SWITCHES WHOSE CHECK FAILS IN THE SOAK, seconds", "", ""),
        _three("end of the check's pod until the selector is back", measured.until_back),
        judged("95 of 100", f"≤ {BACK_SECONDS}", f"{high:.3f}", good=high <= BACK_SECONDS),
    ]


def _failed(sent: int, faults: Counter[str]) -> str:
    text = f"{faults.total()} of {sent}"
    return f"{text} ({', '.join(f'{count} {fault}' for fault, count in faults.items())})" if faults else text


def _median(times: list[Times]) -> float:
    return statistics.median(one.first_new for one in times)


def _three(what: str, values: list[float]) -> Row:
    middle, high, most = spread(values)
    return Row(what, "", f"p50 {middle:.3f}, p95 {high:.3f}, max {most:.3f}")
