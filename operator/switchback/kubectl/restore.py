"""`kubectl switchback restore`: a restore point becomes a new database beside the live one, by a Job."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.contract.exits import ExitCode
from switchback.contract.reasons import Reason, meaning
from switchback.kubectl import own_jobs
from switchback.kubectl.ask import confirm, may_ask
from switchback.kubectl.restore_job import Wish, job_for
from switchback.kubectl.restore_points import Chosen, choose
from switchback.kubectl.screen import JSON, YAML
from switchback.kubectl.waits import Verdict, conclude

if TYPE_CHECKING:
    from switchback.kubectl.own_jobs import Ended
    from switchback.kubectl.resource import Object, Resource
    from switchback.kubectl.session import Session

CREATEDB = (
    "The role needs CREATEDB (ALTER ROLE … CREATEDB), or name a Secret with the URL of one that has it: "
    "--admin-secret NAME/KEY."
)


@dataclass(frozen=True)
class Switch:
    """What to do next, in words."""

    over: str
    look: str
    back: str

    def as_data(self) -> Object:
        """The same for programs."""
        return {"cutOver": self.over, "look": self.look, "goBack": self.back}


async def restore(
    session: Session,
    *,
    name: str,
    snapshot: str,
    database: str,
    dry_run: bool,
    follow: bool,
    yes: bool,
    seconds: float | None,
    **how: Any,
) -> int:
    """Restore `snapshot` of a resource into the new database `database`."""
    resource = await session.pick(name)
    chosen = choose(resource, snapshot, claim=how.pop("claim"))
    images = await own_jobs.images(session, resource, how.pop("image"))
    job = job_for(resource, chosen, images, Wish(database, nonce=secrets.token_hex(3), **how))
    if dry_run:
        return _show(session, resource, job)
    if not yes and may_ask():
        _picture(session, resource, chosen, database)
        await confirm(session.screen, "Restore it?")
    await own_jobs.make(session, job)
    session.screen.note(f"Job {job['metadata']['name']} restores {chosen.name} into database {database}.")
    if seconds is None:
        text = f"Job {job['metadata']['name']} was made."
        return conclude(session, resource, Verdict(ExitCode.OK, "Asked", text), job=job["metadata"]["name"])
    ended = await own_jobs.end_of(session, job, seconds=seconds, follow=follow)
    told = await own_jobs.answer(session, ended, _restored)
    return _conclude(session, resource, chosen, database, job, ended, told or {})


def _show(session: Session, resource: Resource, job: Object) -> int:
    """The Job that would be made, as YAML that kubectl takes."""
    import yaml  # noqa: PLC0415 - only when it is asked for

    screen = session.screen
    if screen.output in {JSON, YAML}:
        screen.document(job)
    else:
        screen.print(yaml.safe_dump(job, sort_keys=False, allow_unicode=True, width=110).rstrip())
    screen.note(f"Nothing was made in namespace {resource.namespace}.")
    return int(ExitCode.OK)


def _picture(session: Session, resource: Resource, chosen: Chosen, database: str) -> None:
    screen = session.screen
    at = f", schema at {chosen.version}" if chosen.version else ""
    screen.more(screen.spell(f"Restore {chosen.name} beside database {resource.database}"))
    screen.more(screen.spell(f"  into      the new database {database} on the same server"))
    screen.more(screen.spell(f"  holds     what was committed before {chosen.time or 'it was taken'}{at}"))
    screen.more("  not there publications, subscriptions, event triggers; nothing that exists is touched")


def _restored(log: str) -> Object | None:
    """What the last container has told of the copy, in the last line that is such a document."""
    for line in reversed(log.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and isinstance(found.get("restored"), dict):
            return dict(found["restored"])
    return None


def switch(resource: Resource, chosen: Chosen, database: str, version: str) -> Switch:
    """How to switch to the copy, and how to go back."""
    known = resource.part("schema").get("database") or {}
    connection = (resource.spec.get("database") or {}).get("connection") or {}
    secret = (((resource.spec.get("database") or {}).get("urlFrom") or {}).get("secretKeyRef")) or {}
    place = (
        "spec.database.connection.name"
        if connection
        else f"the database in the URL of Secret {secret.get('name')}, key {secret.get('key')},"
    )
    at = version or chosen.version
    target = f", set spec.target to {at}" if at and at != resource.spec.get("target") else ""
    was = known.get("name") or connection.get("name") or "the name as it was"
    return Switch(
        f"change {place} to {database}{target}, and give the application the same database",
        f"kubectl switchback inspect {resource.name} -n {resource.namespace}",
        f"the same edit with {was}: that database was not touched",
    )


def _conclude(  # noqa: PLR0917 - everything that the end is told by
    session: Session,
    resource: Resource,
    chosen: Chosen,
    database: str,
    job: Object,
    ended: Ended,
    told: Object,
) -> int:
    name = job["metadata"]["name"]
    result, look = ended.judged.result, f"kubectl logs job/{name} --all-containers -n {resource.namespace}"
    if result is None:
        trouble = ended.judged.trouble
        text = (
            f"nobody can say how the restore ended: {trouble.message if trouble else 'the pod left no word'}."
        )
        advice = f"{look}\nIf database {database} is there, its comment says whether it is complete."
        verdict = Verdict(ExitCode.UNKNOWN, trouble.reason if trouble else "ResultLost", text, advice)
        return conclude(session, resource, verdict, job=name)
    if result.reason is not Reason.SUCCEEDED:
        advice = CREATEDB if result.reason is Reason.PERMISSION_DENIED else meaning(result.reason).advice
        text = f"{result.reason}: {result.message}"
        return conclude(
            session,
            resource,
            Verdict(meaning(result.reason).exit_code, result.reason, text, f"{advice}\n{look}"),
            job=name,
        )
    version = str((told.get("ledger") or {}).get("current") or "")
    following = switch(resource, chosen, database, version)
    verdict = Verdict(ExitCode.OK, "Restored", result.message)
    code = conclude(session, resource, verdict, job=name, restored=told, **following.as_data())
    if session.screen.output not in {JSON, YAML}:
        _tell(session, told, following)
    return code


def _tell(session: Session, told: Object, following: Switch) -> None:
    lines = []
    if told.get("left_out"):
        objects = ", ".join(f"{one.get('kind')} {one.get('name')}" for one in told["left_out"])
        lines.append(f"  left out   {objects}")
    ledger = told.get("ledger") or {}
    if ledger.get("version"):
        marker = ", the marker is there" if ledger.get("marker") else ""
        lines.append(
            f"  ledger     as recorded: {ledger.get('applied')} applied, at {ledger.get('current')}{marker}"
        )
    lines += [f"  note       {one}" for one in told.get("notices") or []]
    lines.append(f"  cut over   {following.over}")
    lines.append(f"  look       {following.look}")
    lines.append(f"  go back    {following.back}")
    session.screen.show([session.screen.spell(line) for line in lines])
