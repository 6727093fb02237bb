"""`kubectl switchback snapshots`: which restore points there are, whose, how good, what may be deleted."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from switchback.contract.exits import ExitCode
from switchback.controller.kube.errors import KubeError, NotFoundError, RefusedError
from switchback.controller.kube.kinds import JOBS, Kind
from switchback.kubectl import own_jobs, prune, states
from switchback.kubectl.kept import size_text
from switchback.kubectl.points import READY, Line, merged, of_object, of_status, of_volume
from switchback.kubectl.problems import Problem
from switchback.kubectl.restore_points import PG_DUMP
from switchback.kubectl.scan import scan_job
from switchback.kubectl.screen import JSON, YAML
from switchback.kubectl.text import columns, span
from switchback.kubectl.times import since
from switchback.kubectl.troubles import refused

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from switchback.kubectl.resource import Object, Resource
    from switchback.kubectl.session import Session
    from switchback.kubectl.text import Span

KINDS = {
    "volumeSnapshot": Kind("snapshot.storage.k8s.io", "v1", "volumesnapshots", "VolumeSnapshot"),
    "cloudNativePG": Kind("postgresql.cnpg.io", "v1", "backups", "Backup"),
}
"""Kinds of objects that are restore points, by provider."""

SELECTOR = "app.kubernetes.io/managed-by=switchback"
HEAD = (
    "NAMESPACE", "", "RESOURCE", "NAME", "PROVIDER", "PURPOSE", "PHASE", "AGE", "SIZE", "RESTORE POINT",
    "SCHEMA", "NOTES", "SINCE", "OPERATION", "ID", "DIGEST",
)  # fmt: skip


async def snapshots(
    session: Session,
    *,
    name: str,
    everywhere: bool,
    scan: bool,
    prune_plan: bool,
    image: str,
    seconds: float,
) -> int:
    """List the restore points of one resource, of a namespace or of the cluster."""
    chosen = await session.pick(name) if name or prune_plan else None
    resources = await session.every(everywhere=everywhere)
    wanted = [chosen] if chosen is not None else resources
    notes: list[str] = []
    looked: set[tuple[str, str]] = set()
    lines = [line for one in wanted for line in of_status(one)]
    for provider, kind in KINDS.items():
        found = await _objects(session, kind, "" if everywhere else session.namespace, notes)
        if found is not None:
            looked |= {(one.uid, provider) for one in resources}
            lines += [line for one in found if (line := of_object(provider, one)) is not None]
    for one in wanted if scan or prune_plan else ():
        listed = await _scanned(session, one, image, seconds, notes)
        if listed is not None:
            looked.add((one.uid, PG_DUMP))
            lines += of_volume(one.namespace, listed)
    notes += [note for one in wanted if (note := _elsewhere(one, looked))]
    if chosen is not None:
        lines = [line for line in lines if _is_of(line, chosen) or (scan and line.seen == ("volume",))]
    told = merged(lines, {one.uid for one in resources}, looked)
    if chosen is not None and prune_plan:
        complete = any((chosen.uid, provider) in looked for provider in _providers(chosen))
        return prune.show(session, chosen, told, notes, complete=complete)
    _show(session, told, notes, everywhere=everywhere)
    return int(ExitCode.OK)


def _is_of(line: Line, resource: Resource) -> bool:
    """Of this resource, or of one of its name that was there before."""
    if line.uid:
        return line.uid == resource.uid or _is_former(line, resource)
    return _is_former(line, resource)


def _is_former(line: Line, resource: Resource) -> bool:
    return (line.namespace, line.resource) == (resource.namespace, resource.name)


async def _objects(session: Session, kind: Kind, namespace: str, notes: list[str]) -> list[Object] | None:
    """Objects of the operator's that are restore points; None: we may not look.

    A kind that the cluster does not know has none.
    """
    try:
        return await session.client.find(kind, namespace, labels=SELECTOR)
    except NotFoundError:
        return []
    except RefusedError as error:
        notes.append(f"{kind.plural} are not shown: {refused(error).message}")
        return None


async def _scanned(
    session: Session, resource: Resource, image: str, seconds: float, notes: list[str]
) -> list[Object] | None:
    """What lies on the claim or in the bucket of a resource; None: it has neither, or it was not read."""
    describe = scan_job(resource, secrets.token_hex(3))
    if describe is None:
        return None
    why = f"where the dumps of {resource.name} are kept was not read: "
    try:
        job = describe(await own_jobs.images(session, resource, image))
        await own_jobs.make(session, job)
    except Problem as problem:
        notes.append(why + problem.message)
        return None
    session.screen.progress(f"Job {job['metadata']['name']} lists the dumps of {resource.name}")
    try:
        ended = await own_jobs.end_of(session, job, seconds=seconds)
        found: list[Object] | None = await own_jobs.answer(session, ended, _document)
    except Problem as problem:
        notes.append(why + problem.message)
        return None
    finally:
        await _remove(session, job)
    if found is None or ended.judged.exit_code != 0:
        told = ended.judged.trouble.message if ended.judged.trouble is not None else "its log is no list"
        notes.append(why + told)
        return None
    return found


def _document(log: str) -> list[Object] | None:
    start = log.find("[")
    try:
        found = json.loads(log[start:]) if start >= 0 else None
    except ValueError:
        return None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else None


async def _remove(session: Session, job: Object) -> None:
    """The Job has answered. Where we may not delete it, it goes by itself a day later."""
    metadata = job["metadata"]
    try:
        there = await session.client.get(JOBS, metadata["namespace"], metadata["name"])
        await session.client.delete(
            JOBS, metadata["namespace"], metadata["name"], uid=there["metadata"]["uid"]
        )
    except KubeError:
        return


def _providers(resource: Resource) -> set[str]:
    """What spec.snapshot names."""
    return set((resource.spec.get("snapshot") or {}).keys())


def _elsewhere(resource: Resource, looked: Collection[tuple[str, str]]) -> str:
    """Where to look for what was not listed; empty when all of them are shown."""
    snapshot = resource.spec.get("snapshot") or {}
    told = f"{resource.name}: only those of the status are shown"
    if snapshot.get("rds"):
        rds = snapshot["rds"]
        words = f"--region {rds.get('region')} --db-instance-identifier {rds.get('instance')}"
        return f"{told}; all of them: aws rds describe-db-snapshots --snapshot-type manual {words}"
    if snapshot.get(PG_DUMP) and (resource.uid, PG_DUMP) not in looked:
        return f"{told}; --scan reads where the dumps are kept."
    return ""


def _show(session: Session, found: list[Line], notes: list[str], *, everywhere: bool) -> None:
    screen = session.screen
    if screen.output in {JSON, YAML}:
        screen.document({"items": [line.as_data() for line in found], "notes": notes})
        return
    if found:
        rows = [_row(line, session.now(), everywhere=everywhere, wide=screen.wide) for line in found]
        screen.show(screen.rows(columns(HEAD, rows)))
    else:
        where = "" if everywhere else f" in namespace {session.namespace}"
        screen.note(f"There are no restore points{where}.")
    for note in notes:
        screen.note(note)


def _row(line: Line, now: datetime, *, everywhere: bool, wide: bool) -> list[Span]:
    symbol = {READY: states.GOOD, "InProgress": states.BUSY}.get(line.phase, states.BAD)
    notes = [
        "orphaned" if line.orphaned else "",
        f"protected: {line.protected}" if line.protected else "",
        "writers fenced" if line.fenced else "",
    ]
    return [
        span(line.namespace if everywhere else ""),
        symbol,
        span(line.resource, "bold"),
        span(line.name),
        span(line.provider),
        span(line.purpose),
        span(line.phase, symbol[1]),
        span(since(line.made, now), "dim"),
        span(size_text(line.size)),
        span(line.time),
        span(line.version),
        span(", ".join(filter(None, notes)), "wait" if line.orphaned else ""),
        span(_count(line.transactions) if wide else ""),
        span(line.operation if wide else "", "dim"),
        span(line.identity if wide else "", "dim"),
        span(line.digest if wide else "", "dim"),
    ]


def _count(number: int | None) -> str:
    return f"{number} transactions" if number is not None else ""
