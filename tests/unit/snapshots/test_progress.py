from __future__ import annotations

from switchback.snapshots.progress import Meter


def test_short_work_is_silent_and_long_work_speaks_every_few_seconds() -> None:
    now, said = [0.0], list[str]()
    meter = Meter(said.append, "hashed", 4096, every=5, clock=lambda: now[0])
    for second in range(1, 13):
        now[0] = float(second)
        meter.add(256)
    assert said == ["hashed: 1.2 KiB of about 4.0 KiB", "hashed: 2.5 KiB of about 4.0 KiB"]
