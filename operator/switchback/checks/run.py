"""One run of the checks of a stage, from the wait for the switch to the verdict."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchback.checks import kinds
from switchback.checks.loop import Failed, Probe, Tally, all_of, through, until_held
from switchback.checks.verify import verified
from switchback.contract.hide import hidden
from switchback.contract.reasons import Reason
from switchback.contract.result import Check as Outcome
from switchback.contract.words import CheckStage
from switchback.runner.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from switchback.checks.model import Check, Context

POLL_SECONDS = 0.02
NAMED = 4
"""So many checks are named in a message."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run.

    Attributes:
        stage: when this is.
        checks: those of the stage.
        seconds: longest time for a verdict; 0: no limit but the checks' own. AfterCutover has its own.
        soak_seconds: AfterCutover: so long they run.
        connect: AfterCutover: `host:port`, to each of which new connections are made.
        signal: AfterCutover: a file that has content once the traffic has moved; None: it has.
        wait_seconds: longest wait for that.
    """

    stage: CheckStage
    checks: tuple[Check, ...]
    seconds: float = 0
    soak_seconds: float = 0
    connect: tuple[str, ...] = ()
    signal: Path | None = None
    wait_seconds: float = 600


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it ended: a reason, a message for people, and what became of each check."""

    reason: Reason
    message: str
    checks: tuple[Outcome, ...] = ()


@dataclass(slots=True)
class Run:
    """One run. Whoever stops it cancels `verdict`, and asks `stopped` for what is known by then."""

    plan: Plan
    context: Context
    say: Callable[[str], None]
    probes: list[Probe] = field(default_factory=list)
    _knocked: list[Tally] = field(default_factory=list)

    async def verdict(self) -> Verdict:
        """Run the checks to a verdict.

        Raises:
            CheckError: one cannot be run as it is written.
        """
        self.probes = [
            Probe(check, kinds.make(check, self.context), self.say, self._clean) for check in self.plan.checks
        ]
        try:
            if self.plan.stage is CheckStage.AFTER_CUTOVER:
                return await self._after_cutover()
            return await self._once()
        finally:
            for probe in self.probes:
                probe.kind.close()

    def stopped(self, name: str) -> Verdict:
        """The verdict when somebody ends it, by a signal of that name."""
        return self._ended(Reason.INTERRUPTED, f"Stopped by {name} before the checks came to a verdict.")

    async def _once(self) -> Verdict:
        limit = self.plan.seconds or None
        try:
            async with asyncio.timeout(limit):
                await all_of(until_held(probe) for probe in self.probes)
        except Failed as failed:
            return self._failed(failed.tally)
        except TimeoutError:
            return self._inconclusive()
        return self._ended(Reason.SUCCEEDED, f"{self._names()} {self._hold()}.")

    async def _after_cutover(self) -> Verdict:
        await asyncio.gather(*(probe.kind.warm() for probe in self.probes))
        if self.plan.signal is not None:
            self.say("Ready; waiting for the switch.")
            if not await self._switched(self.plan.signal):
                why = f"The traffic did not move within {self.plan.wait_seconds:g} s."
                return self._ended(Reason.CHECKS_INCONCLUSIVE, why)
            self.say("The traffic has moved.")
        # The soak is counted from the switch: so does whoever waits for the verdict.
        end = asyncio.get_running_loop().time() + self.plan.soak_seconds
        self._knocked, failed = await verified(self.plan.connect, self.probes, self._clean)
        if failed is not None:
            return self._failed(failed, "right after the switch")
        for tally in self._knocked:
            self.say(f"{tally.name}: ok")
        left = end - asyncio.get_running_loop().time()
        try:
            await all_of([asyncio.sleep(left), *(through(probe, end) for probe in self.probes)])
        except Failed as found:
            return self._failed(found.tally)
        return self._ended(Reason.SUCCEEDED, self._held())

    async def _switched(self, signal: Path) -> bool:
        """Whether the file gets content in time. An empty one is what the kubelet makes of no annotation."""
        clock = asyncio.get_running_loop().time
        end = clock() + self.plan.wait_seconds
        while clock() < end:
            if _has_content(signal):
                return True
            await asyncio.sleep(POLL_SECONDS)
        return False

    def _clean(self, text: str) -> str:
        return hidden(Redactor(self.context.secrets).clean(text))

    def _held(self) -> str:
        said = []
        if self.probes:
            soak = f" for {self.plan.soak_seconds:g} s" if self.plan.soak_seconds else ""
            said.append(f"{self._names()} {'has' if len(self.probes) == 1 else 'have'} held{soak}.")
        if self._knocked:
            tries = sum(tally.runs for tally in self._knocked)
            bad = sum(tally.failures for tally in self._knocked)
            said.append(f"{tries} new connections were made, of which {bad or 'none'} failed.")
        return " ".join(said) or "There was nothing to check."

    def _names(self) -> str:
        names = [probe.check.name for probe in self.probes]
        more = len(names) - NAMED
        listed = ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
        return f"{'Check' if len(names) == 1 else 'Checks'} {listed}"

    def _hold(self) -> str:
        return "holds" if len(self.probes) == 1 else "hold"

    def _failed(self, tally: Tally, when: str = "") -> Verdict:
        times = f"{tally.row} times in a row" if tally.row > 1 else ""
        connects = any(tally is one for one in self._knocked)
        what = tally.name[0].upper() + tally.name[1:] if connects else f"Check {tally.name}"
        how = " ".join(filter(None, ("failed", times, when)))
        reason = Reason.CONNECTIONS_FAILED if connects else Reason.CHECKS_FAILED
        return self._ended(reason, f"{what} {how}: {tally.error.removesuffix('.')}.")

    def _inconclusive(self) -> Verdict:
        names = ", ".join(probe.check.name for probe in self.probes if probe.tally.passed is None)
        message = f"There was no verdict within {self.plan.seconds:g} s on {names}."
        return self._ended(Reason.CHECKS_INCONCLUSIVE, message)

    def _ended(self, reason: Reason, message: str) -> Verdict:
        tallies = [*(probe.tally for probe in self.probes), *self._knocked]
        # What has failed comes first: a result has little room.
        tallies.sort(key=lambda tally: tally.passed is not False)
        return Verdict(reason, self._clean(message), tuple(_outcome(tally) for tally in tallies))


def _has_content(path: Path) -> bool:
    try:
        return bool(path.read_bytes().strip())
    except OSError:
        return False


def _outcome(tally: Tally) -> Outcome:
    """What became of one thing. Where the run ended before its verdict, its last try counts."""
    passed = tally.passed if tally.passed is not None else tally.runs > 0 and not tally.row
    error = tally.error or ("" if passed else "the run ended before there was a verdict")
    return Outcome(tally.name, passed, tally.runs, tally.failures, error)
