"""Right after a switch: new connections, so that it is known that they reach somebody who answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from switchback.checks.loop import Failed, Tally, all_of
from switchback.checks.net import knock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from switchback.checks.loop import Probe

CONNECTIONS = 20
"""So many new connections in a row have to do."""

AT_ONCE = 10
VERIFY_SECONDS = 3.0
"""How long sets are begun: a blip must not undo a release, and what lasts longer is none."""

LAST_SECONDS = 10.0
"""So much longer the last set may take: whoever waits for the verdict does not wait for ever."""

KNOCK_SECONDS = 2.0
PAUSE_SECONDS = 0.3


async def verified(
    places: Sequence[str], probes: Sequence[Probe], clean: Callable[[str], str]
) -> tuple[list[Tally], Tally | None]:
    """20 new connections to each place, and 20 requests of each check that makes new connections.

    Each is tried in sets of 20 until one of these sets has no failure; sets are begun for 3 s.

    A check that fails is not believed before all places have been reached: where nobody answers, both fail,
    and that is no matter of what the check asks.

    Args:
        places: `host:port` each.
        probes: checks to be asked.
        clean: takes secrets out of an error.

    Returns:
        What became of each place, and what has failed: a place, before any check.
    """
    knocked = [Tally(f"connect {place}") for place in places]

    async def knock_at(tally: Tally, place: str) -> None:
        await _sets(tally, lambda: knock(place, KNOCK_SECONDS), clean)
        tally.passed = True

    async def ask(probe: Probe) -> None:
        # What fails here is no failure in a row of the check, which has a pace of its own.
        counted = Tally(probe.check.name)
        try:
            await _sets(counted, probe.ask, clean)
        finally:
            probe.tally.runs += counted.runs
            probe.tally.failures += counted.failures
            probe.tally.error = counted.error or probe.tally.error
            if counted.passed is False or counted.row:
                probe.tally.passed = False

    async def ask_all() -> Tally | None:
        try:
            await all_of(ask(probe) for probe in probes if probe.kind.fresh)
        except Failed as failed:
            return failed.tally
        return None

    asking = asyncio.create_task(ask_all())
    try:
        await all_of(knock_at(tally, place) for tally, place in zip(knocked, places, strict=True))
        return knocked, await asking
    except Failed as failed:
        return knocked, failed.tally
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def _sets(tally: Tally, try_once: Callable[[], Awaitable[str]], clean: Callable[[str], str]) -> None:
    """Sets of connections until one has no failure.

    Raises:
        Failed: none had, for as long as it was tried.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + VERIFY_SECONDS
    turn = asyncio.Semaphore(AT_ONCE)

    async def one() -> str:
        async with turn:
            return clean(await try_once())

    try:
        async with asyncio.timeout_at(end + LAST_SECONDS):
            while True:
                errors = await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
                bad = [error for error in errors if error]
                tally.runs += len(errors)
                tally.failures += len(bad)
                tally.row = int(bool(bad))  # whoever is cut short was not well
                tally.error = bad[-1] if bad else tally.error
                if not bad:
                    return
                if clock() >= end:
                    tally.error = f"{len(bad)} of {CONNECTIONS} new connections failed: {bad[-1]}"
                    break
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        tally.error = f"{CONNECTIONS} new connections took longer than {VERIFY_SECONDS + LAST_SECONDS:g} s"
    tally.passed = False
    raise Failed(tally)
