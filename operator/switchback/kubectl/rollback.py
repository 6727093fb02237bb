"""`kubectl switchback rollback`: by an edit of the spec, or by a request where Git owns the spec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.contract.exits import ExitCode
from switchback.contract.words import BASE, LATEST
from switchback.kubectl import rails, steps
from switchback.kubectl.ask import confirm, may_ask
from switchback.kubectl.look import preview
from switchback.kubectl.owner import owner_of
from switchback.kubectl.plan import counted
from switchback.kubectl.problems import Problem
from switchback.kubectl.requests import nonce, send
from switchback.kubectl.waits import (
    Verdict,
    Wish,
    asked,
    conclude,
    of_operation,
    of_spec,
    until_resumed,
    wait,
)

if TYPE_CHECKING:
    from switchback.kubectl.owner import Owner
    from switchback.kubectl.resource import Resource
    from switchback.kubectl.session import Session

LOOK_SECONDS = 120.0
SHOWN = 5


@dataclass(frozen=True)
class Way:
    """How the rollback is asked for, and why so. `request` is the annotation's value, empty for an edit."""

    request: str
    why: str


async def rollback(
    session: Session,
    *,
    name: str,
    target: str,
    steps_back: int,
    slot: str = "",
    reason: str,
    via: str,
    yes: bool,
    seconds: float | None,
) -> int:
    """Ask for an older version, and for the slot that works with it, and wait until it is so."""
    resource = await session.pick(name)
    _allowed(resource, reason)
    if slot:
        rails.has_slot(resource, slot)
    wanted = steps.named(target) if target else steps.step_back(resource, steps_back or 1)
    if wanted == LATEST:
        raise Problem(
            ExitCode.USAGE,
            "TargetUnknown",
            f"{LATEST} is no way back.",
            "Name the version that shall remain.",
        )
    resource, there = await _applied(session, resource, wanted)
    slot = slot if slot != rails.wish(resource).get("activeSlot") else ""
    at_target = there and there == resource.part("schema").get("current")
    if at_target and not slot and not resource.under_way:
        verdict = Verdict(ExitCode.OK, "UpToDate", f"database {resource.database} is at {there} already.")
        return conclude(session, resource, verdict)
    owner = owner_of(resource, "target") or (owner_of(resource, rails.FIELD) if slot else None)
    way = _way(resource, there or wanted, owner, via)
    _traffic_fits(resource, there or wanted, slot, way)
    _tell(session, resource, there or wanted, way, slot)
    if not yes and may_ask():
        await confirm(session.screen, "Go on?")
    return await _ask(session, resource, there or wanted, slot, way, reason, seconds)


def _allowed(resource: Resource, reason: str) -> None:
    """What the operator would refuse is refused here, before anything is asked for.

    Raises:
        Problem: it would be refused.
    """
    rules = resource.spec.get("rollback") or {}
    if rules.get("policy") == "Deny":
        text = f"{resource.name} may not be rolled back: spec.rollback.policy is Deny."
        raise Problem(ExitCode.REFUSED, "RollbackDenied", text)
    if not resource.spec.get("snapshot"):
        raise Problem(
            ExitCode.REFUSED,
            "SnapshotRequired",
            f"{resource.name} cannot be rolled back: spec.snapshot is not set, and without a restore point "
            "nothing is undone.",
            "Set spec.snapshot.pgDump, or acknowledge spec.snapshot.none.",
        )
    if rules.get("reasonPolicy") == "Required" and not reason:
        raise Problem(
            ExitCode.USAGE,
            "ReasonRequired",
            f"a rollback of {resource.name} needs a reason: spec.rollback.reasonPolicy is Required.",
            "Pass --reason.",
        )


async def _applied(session: Session, resource: Resource, target: str) -> tuple[Resource, str]:
    """The id that the target names, by the status or, when that does not tell, by a look at the database.

    Raises:
        Problem: it is not applied, so reaching it is no rollback.
    """
    tail = steps.applied(resource)
    found = steps.find(target, tail)
    if found:
        return resource, found
    if tail and steps.is_whole(tail):
        raise Problem(
            ExitCode.USAGE,
            "TargetUnknown",
            f"{target} is not applied to {resource.name}, so there is no way back to it.",
            f"Applied are: {', '.join(tail)}; {BASE} undoes them all.",
        )
    session.screen.progress(f"the status does not tell whether {target} is applied; asking the database")
    resource, verdict = await preview(session, resource, target, seconds=LOOK_SECONDS)
    if verdict.reason != "Ready":
        raise Problem(verdict.code, verdict.reason, verdict.message, verdict.advice)
    seen = resource.part("preview")
    if seen.get("direction") == "Forward":
        raise Problem(
            ExitCode.USAGE,
            "NoRollback",
            f"reaching {target} would apply {counted(int(seen.get('pendingCount') or 0), 'migration')}, not "
            "undo any.",
            f"kubectl switchback plan {resource.name} -n {resource.namespace} --target {target} shows them.",
        )
    return resource, str(seen.get("target") or target)


def _way(resource: Resource, target: str, owner: Owner | None, via: str) -> Way:
    if via == "spec" or (via == "auto" and owner is None):
        why = f"although {owner.tool} may undo it ({owner.sign})" if owner else "no GitOps tool owns it"
        return Way("", f"by an edit of spec.target: {why}")
    digest = str(resource.operation.get("intentDigest", ""))
    if not digest or not resource.is_seen:
        raise Problem(
            ExitCode.MOVED,
            "NotSeen",
            f"the operator has not seen {resource.name} as it is now, so there is nothing to go back from.",
            f"Try again once it has: kubectl switchback status {resource.name} -n {resource.namespace}",
        )
    why = f"{owner.tool} owns the spec ({owner.sign})" if owner else "as --via request says"
    return Way(f"{target}/{digest}/{nonce()}", f"by a request beside the spec: {why}")


def _traffic_fits(resource: Resource, target: str, slot: str, way: Way) -> None:
    """Whoever is live afterwards works with the older schema, as far as the status can tell.

    Raises:
        Problem: it does not, or the traffic cannot move this way.
    """
    place = f"{resource.name} in namespace {resource.namespace}"
    if slot and way.request:
        raise Problem(
            ExitCode.REFUSED,
            "OwnedByGitOps",
            f"a request beside the spec moves no traffic, and the spec of {place} is not to be edited here: "
            f"{way.why.partition(': ')[2]}.",
            f"Set both in one commit: spec.target: {target} and spec.{rails.FIELD}: {slot}. --via spec edits "
            "them here all the same.",
        )
    stays = slot or (
        rails.live(resource) if way.request else str(rails.wish(resource).get("activeSlot") or "")
    )
    needs = str(rails.bounds(resource, stays).get("minimum") or "")
    tail = steps.applied(resource)
    if not needs or steps.find(needs, tail) not in steps.undone(target, tail):
        return
    others = [one for one in rails.slots(resource) if one != stays]
    raise Problem(
        ExitCode.REFUSED,
        "SlotNeedsSchema",
        f"slot {stays} of {place} would be live, and its program needs {needs}, which would be undone.",
        f"Move the traffic in the same edit: --slot {others[0] if others else 'SLOT'}. It goes first, "
        "then the schema.",
    )


def _tell(session: Session, resource: Resource, target: str, way: Way, slot: str) -> None:
    """What would happen, for whoever decides. It goes to stderr: the answer comes later."""
    screen, schema = session.screen, resource.part("schema")
    undone = steps.undone(target, steps.applied(resource))
    count = counted(len(undone), "migration") if undone else "everything above it"
    screen.more(screen.spell(f"Roll back database {resource.database}: {schema.get('current')} → {target}"))
    shown = ", ".join(undone[:SHOWN]) + (f" and {len(undone) - SHOWN} more" if len(undone) > SHOWN else "")
    screen.more(f"  undoes    {count}" + (f": {shown}" if shown else ""))
    screen.more(f"  resource  {resource.name} in namespace {resource.namespace}; {way.why}")
    if rails.wish(resource):
        live = rails.live(resource)
        moved = f"{live or 'not clear'} → {slot} first, then the schema"
        told = moved if slot and slot != live else f"stays at {live or 'the slot that is live'}"
        screen.more(screen.spell(f"  traffic   {told}   Service {rails.wish(resource).get('serviceName')}"))
    if resource.under_way:
        screen.more(f"  note      operation {resource.operation_id} is under way and gives way to this")
    if way.request:
        wish = resource.spec.get("target")
        screen.more(
            f"  note      spec.target stays {wish}; the resource says RolledBack until the spec changes"
        )
    policy = (resource.spec.get("rollback") or {}).get("dataLossPolicy", "RequireApproval")
    losses = {"Allow": "are accepted", "Deny": "refuse the rollback"}.get(policy, "wait for an approval")
    screen.more(f"  losses    {losses} (spec.rollback.dataLossPolicy: {policy})")


async def _ask(  # noqa: PLR0917 - the parts of one request
    session: Session,
    resource: Resource,
    target: str,
    slot: str,
    way: Way,
    reason: str,
    seconds: float | None,
) -> int:
    seen = resource
    spec: dict[str, Any] = {"reason": reason} if reason else {}
    annotations = {names.ANNOTATION_ROLLBACK: way.request} if way.request else None
    if not way.request:
        spec["target"] = target
        if slot:
            spec["cutover"] = {"activeSlot": slot}
    sent = await send(
        session, resource, annotations=annotations, spec=spec, same=lambda newer: _same(newer, seen)
    )
    told: dict[str, Any] = {
        "target": target,
        "slot": slot or None,
        "request": {"rollback": way.request} if way.request else {},
    }
    if seconds is None:
        return conclude(session, sent, asked(f"asked to roll back to {target}."), **told)
    if sent.suspended:
        return conclude(session, sent, until_resumed(sent, "rollback"), **told)
    wish = Wish(lambda now: now.is_seen, lambda now: _edited(now, target) or of_spec(now))
    if way.request:
        wish = _requested(way.request, before=sent.operation_id)
    last, verdict = await wait(session, sent, wish, seconds=seconds)
    return conclude(session, last, verdict, **told)


def _same(newer: Resource, seen: Resource) -> bool:
    """Whether what was shown still holds: the wish, and where the schema is."""
    return newer.generation == seen.generation and newer.part("schema").get("current") == seen.part(
        "schema"
    ).get("current")


def _edited(now: Resource, target: str) -> Verdict | None:
    """The wish is another one by now, so its end says nothing of ours."""
    wish = now.spec.get("target")
    if wish == target:
        return None
    text = f"somebody has set spec.target to {wish} meanwhile, so {target} is not gone back to."
    look = f"See what goes on: kubectl switchback status {now.name} -n {now.namespace}"
    return Verdict(ExitCode.MOVED, "Superseded", text, look)


def _requested(request: str, *, before: str) -> Wish:
    """The end of the operation that begins for this request; `before` is the one that was there then."""
    mine: list[str] = []

    def judge(now: Resource) -> Verdict | None:
        if not mine and now.operation.get("kind") == "Rollback" and now.operation_id != before:
            mine.append(now.operation_id)
        if not mine:
            return Verdict(
                ExitCode.MOVED,
                "Moved",
                "the spec has changed meanwhile: the operator has noted the request, and nothing follows.",
                f"Look again: kubectl switchback status {now.name} -n {now.namespace}",
            )
        return of_operation(now, mine[0], {"RolledBack"})

    return Wish(
        lambda now: now.handled("rollback") == request, judge, left=(names.ANNOTATION_ROLLBACK, request)
    )
