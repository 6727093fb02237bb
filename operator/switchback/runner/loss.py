"""A loss, and all losses of one half."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from switchback.contract.words import Risk, Severity

ORDER = tuple(Severity)

WORDS = {
    Severity.NOTHING: "goes",
    Severity.EMPTY: "is empty",
    Severity.DEFAULT_ONLY: "holds nothing but its default",
    Severity.DATA: "holds data",
    Severity.UNKNOWN: "cannot be judged",
}

_RISKS = {Severity.DATA: Risk.DATA_LOSS, Severity.UNKNOWN: Risk.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Loss:
    """One object that a statement would destroy, or one statement that nobody can judge.

    Attributes:
        severity: how much of it there is.
        object: kind and name, or what the statement is.
        file: path of the file.
        line: of the statement, counted from 1.
        why: why it is unknown, if it is.
        cascade: only CASCADE takes it.
    """

    severity: Severity
    object: str
    file: str
    line: int
    why: str = ""
    cascade: bool = False

    @property
    def text(self) -> str:
        """For people, such as `table public.books holds data`."""
        by = " by CASCADE" if self.cascade else ""
        why = f" ({self.why})" if self.why else ""
        return f"{self.object} {WORDS[self.severity]}{why}{by}"


@dataclass(frozen=True)
class Assessment:
    """What one half would destroy."""

    losses: tuple[Loss, ...] = ()

    @cached_property
    def severity(self) -> Severity:
        """The worst."""
        return max((loss.severity for loss in self.losses), key=ORDER.index, default=Severity.NOTHING)

    @cached_property
    def consents(self) -> frozenset[tuple[Risk, str]]:
        """What somebody has to accept for it, object by object."""
        found = {(Risk.CASCADE, loss.object) for loss in self.losses if loss.cascade}
        found |= {(_RISKS[loss.severity], loss.object) for loss in self.losses if loss.severity in _RISKS}
        return frozenset(found)

    @property
    def risks(self) -> tuple[Risk, ...]:
        """The kinds of what has to be accepted, in a fixed order."""
        found = {risk for risk, _ in self.consents}
        return tuple(risk for risk in Risk if risk in found)

    @property
    def texts(self) -> tuple[str, ...]:
        """The losses for people, worst first."""
        ranked = sorted(self.losses, key=lambda loss: -ORDER.index(loss.severity))
        return tuple(dict.fromkeys(loss.text for loss in ranked))
