"""What `switchback snapshot verify`, `list` and `prune` do. Imports the driver: they do when they run."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from switchback.api.names import uid_hash
from switchback.cli import outcome, places, work
from switchback.cli.plain import plain
from switchback.cli.snapshot_work import perform_here
from switchback.contract.reasons import Reason
from switchback.contract.result import encode
from switchback.contract.retention import Delete, Policy
from switchback.contract.words import Operation
from switchback.runner.operations.base import Answer
from switchback.snapshots import contents
from switchback.snapshots import prune as pruning
from switchback.snapshots.places import point_at, store_at
from switchback.snapshots.progress import Meter
from switchback.snapshots.store import size_text

if TYPE_CHECKING:
    from switchback.cli.console import Console
    from switchback.runner.opening import Opener
    from switchback.runner.operations.perform import Ending
    from switchback.snapshots.manifest import Manifest
    from switchback.snapshots.prune import Line, Wish
    from switchback.snapshots.store import Content


def verify(console: Console, **values: Any) -> int:
    """`switchback snapshot verify`."""
    seen: list[tuple[Manifest, str]] = []

    def act(_: Opener) -> Answer:
        kept, name = point_at(places.place(values["point"], values))
        known, digest = kept.read(name)
        if values["digest"] is not None:
            contents.refuse_other_digest(kept.locate(name), digest, values["digest"])
        kept.verify(name, Meter(console.say, "verified", known.size).add)
        seen.append((known, digest))
        return Answer(
            Reason.SUCCEEDED, f"{len(known.files)} files, {size_text(known.size)}: all as they were."
        )

    flags = {"as_json": values["as_json"], "debug": values["debug"]}
    ending = perform_here(console, outcome.laptop_id(), act, **flags)
    if values["as_json"]:
        data = outcome.of(ending)
        if seen:
            data |= {"digest": seen[0][1], "manifest": asdict(seen[0][0])}
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))
    elif seen:
        known = seen[0][0]
        console.print(ending.result.message)
        console.print(f"digest          {seen[0][1]}")
        console.print(f"restore point   {plain(known.restore_point)}")
        console.print(f"database        {plain(known.origin.database)}, PostgreSQL {known.origin.major}")
        if known.ledger is not None:
            console.print(f"current         {plain(known.ledger.current)} ({known.ledger.applied} applied)")
    return ending.result.exit_code


def show(console: Console, **values: Any) -> int:
    """`switchback snapshot list`."""
    found: list[Content] = []

    def act(_: Opener) -> Answer:
        found.append(store_at(places.place(values["root"], values)).content())
        return Answer(Reason.SUCCEEDED, "")

    flags = {"as_json": values["as_json"], "debug": values["debug"]}
    ending = perform_here(console, outcome.laptop_id(), act, **flags)
    if not found:
        if values["as_json"]:
            click.echo(json.dumps(outcome.of(ending), ensure_ascii=False, indent=2))
        return ending.result.exit_code
    if found[0].trouble:
        console.warn(found[0].trouble)
    lines = sorted(pruning.judged(found[0], _wish(values)), key=_moment, reverse=True)
    if values["as_json"]:
        click.echo(json.dumps([_data(line, values) for line in lines], ensure_ascii=False, indent=2))
    elif lines:
        head = ("NAME", "STATE", "RESTORE POINT", "DATABASE", "CURRENT", "SIZE", "OWNER")
        told = ("RETENTION",) if values["uid"] else ()
        console.table((*head, *told), [tuple(map(plain, _cells(line, values))) for line in lines])
    else:
        console.print(f"{values['root']} holds no restore point.")
    return ending.result.exit_code


def prune(console: Console, **values: Any) -> int:
    """`switchback snapshot prune`."""
    wish = _wish(values)
    lines: list[Line] = []
    gone: list[str] = []

    def act(_: Opener) -> Answer:
        kept = store_at(places.place(values["to"], values))
        content = kept.content()
        if content.trouble:
            console.warn(content.trouble)
        lines.extend(pruning.judged(content, wish))
        if not values["dry_run"]:
            pruning.prune(kept, lines, wish, gone.append)
        return Answer(Reason.SUCCEEDED, _told(lines, gone, dry_run=values["dry_run"]))

    def conclude(ending: Ending) -> None:
        if values["result_file"] is not None:
            left = sum(line.point.name not in gone for line in lines)
            told = replace(ending.result, deleted=tuple(gone), kept=left)
            work.write_result(values["result_file"], encode(told, values["result_budget"]), console)

    operation_id = values["operation_id"] or outcome.laptop_id()
    flags = {"as_json": values["as_json"], "debug": values["debug"], "operation": Operation.PRUNE}
    ending = perform_here(console, operation_id, act, conclude=conclude, **flags)
    if values["as_json"]:
        data = {"deleted": gone, "points": [_data(line, values) for line in lines]}
        click.echo(json.dumps(outcome.of(ending) | data, ensure_ascii=False, indent=2))
        return ending.result.exit_code
    for line in filter(_verdict, lines):
        console.print(plain(f"{line.point.name}: {_verdict(line)}"))
    if ending.error is None:
        console.print(ending.result.message)
    elif gone:
        console.print(f"Deleted before that: {', '.join(gone)}.")
    return ending.result.exit_code


def _wish(values: dict[str, Any]) -> Wish:
    uid = values["uid"]
    return pruning.Wish(
        uid=uid,
        uid_hash=values["uid_hash"] or (uid_hash(uid) if uid else ""),
        installation=values["installation"],
        policy=Policy(values["minimum_count"], values["minimum_age_seconds"]),
        protect=frozenset(values["protect"]),
        unfinished=frozenset(values["unfinished"]),
    )


def _told(lines: list[Line], gone: list[str], *, dry_run: bool) -> str:
    judged = [line for line in lines if line.verdict is not None]
    doomed = [line.point.name for line in judged if isinstance(line.verdict, Delete)]
    names = doomed if dry_run else gone
    did = "Would delete" if dry_run else "Deleted"
    which = f": {', '.join(names)}" if names else ""
    return f"{did} {len(names)}{which}. {len(judged) - len(doomed)} restore points stay."


def _verdict(line: Line) -> str:
    if line.verdict is None:
        return ""
    return f"{'goes' if isinstance(line.verdict, Delete) else 'stays'}: {line.verdict.reason}"


def _moment(line: Line) -> str:
    return line.point.manifest.restore_point if line.point.manifest else ""


def _data(line: Line, values: dict[str, Any]) -> dict[str, Any]:
    point = line.point
    data = {
        "name": point.name,
        "state": point.state,
        "keep": point.keep,
        "why": point.why,
        "manifest": asdict(point.manifest) if point.manifest else None,
    }
    if values["uid"] and line.verdict is not None:
        data |= {"deletable": isinstance(line.verdict, Delete), "reason": line.verdict.reason}
    return data


def _cells(line: Line, values: dict[str, Any]) -> tuple[str, ...]:
    known, point = line.point.manifest, line.point
    told = (_verdict(line),) if values["uid"] else ()
    if known is None:
        return (point.name, point.state, "", "", "", "", "", *told)
    asked, current = known.requester, known.ledger.current if known.ledger else ""
    owner = f"{asked.namespace}/{asked.resource}" if asked.resource else ""
    owner = f"{owner} (keep)".strip() if point.keep else owner
    size = size_text(known.size)
    return (point.name, point.state, known.restore_point, known.origin.database, current, size, owner, *told)
