from __future__ import annotations

from tests.bench.report import Row, judged, lines


def test_columns_and_verdicts() -> None:
    rows = [
        Row("AT REST", "", ""),
        judged("GETs", "0", "3", good=False),
        judged("LISTs", "≤ 40", "20", good=True),
    ]
    told = lines(rows)
    assert told[0] == "AT REST"
    assert told[1].endswith("3 [MISSED]")
    assert told[2].endswith("20 [met]")
    assert told[1].index("3 [") == told[2].index("20 [")
