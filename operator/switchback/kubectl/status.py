"""`kubectl switchback status`: a tree of one resource, or a table of several; once, or as they change."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Any

from switchback.contract.exits import ExitCode
from switchback.controller.kube.errors import RefusedError
from switchback.controller.kube.kinds import JOBS, MIGRATIONS, PODS
from switchback.kubectl import rails, states
from switchback.kubectl.draw import tree
from switchback.kubectl.follow import Seen, changes, named, only
from switchback.kubectl.jobs import job_lines, selector
from switchback.kubectl.kept import ARROW
from switchback.kubectl.picture import Picture
from switchback.kubectl.resource import Object, Resource
from switchback.kubectl.screen import JSON, YAML
from switchback.kubectl.text import columns, span
from switchback.kubectl.times import since
from switchback.kubectl.troubles import refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from switchback.controller.kube.kinds import Kind
    from switchback.kubectl.jobs import JobLine
    from switchback.kubectl.session import Session

TICK_SECONDS = 1.0
"""How often ages are drawn anew on a terminal. Nobody is asked for that."""

GATHER_SECONDS = 0.05
"""A Job and its pod change together; one picture is enough."""

HEAD = ("NAMESPACE", "", "NAME", "STATUS", "SCHEMA", "TARGET", "SLOT", "OPERATION", "AGE", "MESSAGE")


async def status(session: Session, *, name: str, everywhere: bool, watch: bool) -> int:
    """Show one resource, or all."""
    if name:
        return await _one(session, await session.pick(name), watch=watch)
    found = await session.every(everywhere=everywhere)
    if not everywhere and len(found) == 1 and session.screen.output not in {JSON, YAML}:
        return await _one(session, found[0], watch=watch)
    return await _all(session, found, everywhere=everywhere, watch=watch)


async def _one(session: Session, resource: Resource, *, watch: bool) -> int:
    screen, picture = session.screen, Picture(session.screen)
    screen.is_stream = watch
    if not watch:
        jobs, note = await _jobs(session, resource)
        if screen.output in {JSON, YAML}:
            screen.document(as_data(resource, jobs, note))
        else:
            screen.show(screen.tree(tree(resource, jobs, session.now(), wide=screen.wide, note=note)))
        return int(ExitCode.OK)
    told: object = None
    async for seen in _board(session, resource):
        current = only(seen[MIGRATIONS], resource)
        jobs = job_lines(seen[JOBS].objects, seen[PODS].objects, session.now())
        note = next((one.trouble for one in seen.values() if one.trouble), "")
        if screen.output in {JSON, YAML}:
            data = as_data(current, jobs, note)
            if data != told:
                screen.document(data)
                sys.stdout.flush()
            told = data
        else:
            picture.draw(screen.tree(tree(current, jobs, session.now(), wide=screen.wide, note=note)))
    return int(ExitCode.OK)


async def _jobs(session: Session, resource: Resource) -> tuple[list[JobLine], str]:
    """The Jobs with their pods, and why they are not shown."""
    found: dict[Kind, list[Object]] = {}
    note = ""
    for kind in (JOBS, PODS):
        try:
            found[kind], _ = await session.client.all(kind, resource.namespace, selector(resource.uid))
        except RefusedError as error:
            found[kind], note = [], _not_shown(error)
    return job_lines(found[JOBS], found[PODS], session.now()), note


def _not_shown(error: RefusedError) -> str:
    return f"not everything is shown: {refused(error).message}"


async def _board(session: Session, resource: Resource) -> AsyncIterator[dict[Kind, Seen]]:
    """What three watches see, after each change, and every second for the ages on a terminal."""
    news: asyncio.Queue[tuple[Kind, Seen | Exception]] = asyncio.Queue()
    wanted = {MIGRATIONS: named(resource.name), JOBS: selector(resource.uid), PODS: selector(resource.uid)}

    async def look(kind: Kind) -> None:
        try:
            async for seen in changes(session.client, kind, resource.namespace, wanted[kind]):
                await news.put((kind, seen))
        except RefusedError as error:
            optional = kind is not MIGRATIONS
            await news.put((kind, Seen([], _not_shown(error)) if optional else error))
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits for it
            await news.put((kind, error))

    board: dict[Kind, Seen] = {}
    tick = TICK_SECONDS if session.screen.is_terminal else None
    async with _running([look(kind) for kind in wanted]):
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(tick):
                    kind, seen = await news.get()
                    board[kind] = _or_raise(seen)
                await asyncio.sleep(GATHER_SECONDS)
                while not news.empty():
                    kind, seen = news.get_nowait()
                    board[kind] = _or_raise(seen)
            if len(board) == len(wanted):
                yield board


def _or_raise(seen: Seen | Exception) -> Seen:
    if isinstance(seen, Exception):
        raise seen
    return seen


@contextlib.asynccontextmanager
async def _running(work: list[Any]) -> AsyncIterator[None]:
    """Tasks that end with the block."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _all(session: Session, found: list[Resource], *, everywhere: bool, watch: bool) -> int:
    screen, picture = session.screen, Picture(session.screen)
    screen.is_stream = watch
    if not watch:
        _table(session, found, everywhere=everywhere, picture=picture)
        if not found:
            where = "" if everywhere else f" in namespace {session.namespace}"
            screen.note(f"There are no DatabaseMigrations{where}.")
        return int(ExitCode.OK)
    namespace = "" if everywhere else session.namespace
    async for seen in changes(session.client, MIGRATIONS, namespace, {}):
        ordered = sorted(map(Resource, seen.objects), key=lambda one: (one.namespace, one.name))
        _table(session, ordered, everywhere=everywhere, picture=picture)
    return int(ExitCode.OK)


def _table(session: Session, found: list[Resource], *, everywhere: bool, picture: Picture) -> None:
    screen = session.screen
    if screen.output in {JSON, YAML}:
        screen.document({"items": [as_data(one) for one in found]})
        sys.stdout.flush()
    elif found:
        rows = [_row(one, session.now(), everywhere=everywhere, wide=screen.wide) for one in found]
        picture.draw(screen.rows(columns(HEAD, rows)))


def _row(resource: Resource, now: datetime, *, everywhere: bool, wide: bool) -> list[tuple[str, str]]:
    symbol = states.symbol(resource)
    operation = resource.operation if resource.under_way else {}
    direction = str(operation.get("direction") or "")
    doing = " ".join(
        part for part in (ARROW.get(direction, ""), direction, str(operation.get("step") or "")) if part
    )
    return [
        span(resource.namespace if everywhere else ""),
        symbol,
        span(resource.name, "bold"),
        span(states.word(resource), symbol[1]),
        span(str(resource.part("schema").get("current", ""))),
        span(str(resource.spec.get("target", ""))),
        span(" ".join(part for part in (rails.way(resource), _switching(resource)) if part)),
        span(doing, "busy"),
        span(since(resource.metadata.get("creationTimestamp"), now), "dim"),
        span(resource.message if wide else ""),
    ]


def _switching(resource: Resource) -> str:
    """How far a switch is, while it is under way."""
    phase = rails.phase(resource)
    return phase if phase in rails.UNDER_WAY else ""


def as_data(resource: Resource, jobs: list[JobLine] | None = None, note: str = "") -> dict[str, Any]:
    """A resource for programs. Keys are stable; `status` is as the resource has it.

    Args:
        resource: the resource.
        jobs: its Jobs; None: nobody has looked for them.
        note: why they may not be all.
    """
    wish = {key: resource.spec[key] for key in ("target", "reason", "suspend") if resource.spec.get(key)}
    if slot := rails.wish(resource).get("activeSlot"):
        wish["activeSlot"] = slot
    data = {
        "name": resource.name,
        "namespace": resource.namespace,
        "uid": resource.uid,
        "generation": resource.generation,
        "state": states.word(resource),
        "seen": resource.is_seen,
        "spec": wish,
        "status": resource.status,
        "openRequests": resource.open_requests,
    }
    if note:
        data["note"] = note
    return data if jobs is None else {**data, "jobs": [job.as_data() for job in jobs]}
