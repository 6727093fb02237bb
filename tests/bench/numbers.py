"""Reading numbers: Prometheus' text format, quantiles of histograms and of lists, load of the machine."""

from __future__ import annotations

import math
import os
import re
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LINE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Numbers:
    """One answer of /metrics: name, labels and value of each series."""

    values: tuple[tuple[str, dict[str, str], float], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """From Prometheus' text format."""
        found = (_LINE.fullmatch(line) for line in text.splitlines() if not line.startswith("#"))
        return cls(tuple((it[1], dict(_LABEL.findall(it[2] or "")), float(it[3])) for it in found if it))

    def sum(self, name: str, **labels: str) -> float:
        """All series of a name added up, or those with these labels."""
        return sum(
            value for known, told, value in self.values if known == name and labels.items() <= told.items()
        )

    def quantile(self, name: str, share: float, before: Numbers | None = None) -> float:
        """The value below which this share of a histogram's observations lies, since `before`.

        Within a bucket it is guessed along a line, as Prometheus does.
        """
        counts: dict[float, float] = {}
        for numbers, sign in ((self, 1), (before, -1)):
            for known, told, value in numbers.values if numbers else ():
                if known == f"{name}_bucket":
                    edge = float(told["le"])
                    counts[edge] = counts.get(edge, 0.0) + sign * value
        total = counts.get(math.inf, 0.0)
        low = reached = 0.0
        for edge in sorted(counts):
            if total and counts[edge] >= share * total:
                if math.isinf(edge) or counts[edge] == reached:
                    return low
                return low + (edge - low) * (share * total - reached) / (counts[edge] - reached)
            low, reached = edge, counts[edge]
        return math.nan


def spread(values: Iterable[float]) -> tuple[float, float, float]:
    """Median, 95th percentile and maximum; of nothing, no numbers."""
    known = sorted(values)
    if not known:
        return math.nan, math.nan, math.nan
    return statistics.median(known), known[math.ceil(0.95 * len(known)) - 1], known[-1]


def overlap(spans: Sequence[tuple[float, float]]) -> int:
    """How many of these spans of time there were at once, at most."""
    edges = sorted((edge, step) for begin, end in spans for edge, step in ((begin, 1), (end, -1)))
    most = now = 0
    for _, step in edges:
        now += step
        most = max(most, now)
    return most


def load() -> str:
    """How busy the machine is: numbers of a machine that others use say little."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
