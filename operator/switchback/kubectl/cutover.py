"""`kubectl switchback cutover`: another slot shall be live. An edit of the spec, or what to change in Git."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.contract.exits import ExitCode
from switchback.kubectl import rails, states
from switchback.kubectl.ask import confirm, may_ask
from switchback.kubectl.guarded import guarded, guards_node
from switchback.kubectl.owner import owner_of
from switchback.kubectl.plan import counted
from switchback.kubectl.problems import Problem
from switchback.kubectl.requests import send
from switchback.kubectl.waits import Verdict, Wish, asked, conclude, of_spec, until_resumed, wait

if TYPE_CHECKING:
    from switchback.kubectl.guarded import Guarded
    from switchback.kubectl.resource import Resource
    from switchback.kubectl.session import Session


async def cutover(
    session: Session, *, name: str, slot: str, reason: str, via: str, yes: bool, seconds: float | None
) -> int:
    """Ask for another live slot, and wait until it is."""
    resource = await session.pick(name)
    rails.has_slot(resource, slot)
    there = _already(resource, slot)
    if there is not None:
        return conclude(session, resource, there)
    if rails.wish(resource).get("activeSlot") == slot:
        return await _end(session, resource, resource, slot, seconds)
    _whose(resource, slot, via)
    found = await guarded(session, resource, slot)
    _tell(session, resource, slot, found)
    if not yes and may_ask():
        await confirm(session.screen, "Go on?")
    spec: dict[str, Any] = {"cutover": {"activeSlot": slot}, **({"reason": reason} if reason else {})}
    sent = await send(session, resource, spec=spec, same=lambda newer: _same(newer, resource))
    return await _end(session, resource, sent, slot, seconds)


def _already(resource: Resource, slot: str) -> Verdict | None:
    """There is nothing to ask for: it is so, or it was asked for and has ended otherwise.

    Raises:
        Problem: the same wish once more would move nothing.
    """
    wished = rails.wish(resource).get("activeSlot") == slot
    if not wished:
        return None
    service = rails.wish(resource).get("serviceName")
    place = f"{resource.name} -n {resource.namespace}"
    if resource.is_true("Ready") and rails.live(resource) == slot:
        return Verdict(ExitCode.OK, "UpToDate", f"Service {service} points at {slot} already.")
    if resource.is_true("Finished"):
        raise Problem(
            ExitCode.REFUSED,
            resource.reason,
            f"{resource.name} asks for {slot} already, and that has ended: {resource.reason}: "
            f"{resource.message}",
            f"Mend the cause, then ask for another attempt: kubectl switchback retry {place}",
        )
    return None


def _whose(resource: Resource, slot: str, via: str) -> None:
    """An edit would stay.

    Raises:
        Problem: a GitOps tool would undo it.
    """
    owner = owner_of(resource, rails.FIELD)
    if owner is None or via == "spec":
        return
    place = f"{resource.name} -n {resource.namespace}"
    lines = [
        "Change it where that tool keeps the resource, and let it apply:",
        "  spec:",
        "    cutover:",
        f"      activeSlot: {slot}",
    ]
    if rails.phase(resource) in rails.BACK:
        lines.append(f"To undo the switch under way at once: kubectl switchback abort {place}")
    lines.append(f"--via spec edits it here all the same, until {owner.tool} writes it again.")
    raise Problem(
        ExitCode.REFUSED,
        "OwnedByGitOps",
        f"{owner.tool} owns spec.{rails.FIELD} of {resource.name} in namespace {resource.namespace} "
        f"({owner.sign}): an edit here would be undone, and the traffic with it.",
        "\n".join(lines),
    )


def _tell(session: Session, resource: Resource, slot: str, found: Guarded | None) -> None:
    """What would happen, for whoever decides. It goes to stderr: the answer comes later."""
    screen, wish = session.screen, rails.wish(resource)
    start = found.start if found is not None else rails.live(resource)
    service, stays = wish.get("serviceName"), start == slot and not resource.under_way
    moves = f"Move the traffic of Service {service}: {start or 'not clear'} → {slot}"
    agrees = f"Service {service} points at {slot} already: the spec is to agree, and nothing moves"
    screen.more(screen.spell(agrees if stays else moves))
    screen.more(
        f"  resource  {resource.name} in namespace {resource.namespace}; by an edit of spec.{rails.FIELD}"
    )
    soak, drain = wish.get("soakPeriodSeconds", 60), wish.get("drainPeriodSeconds", 30)
    if not stays:
        screen.more(
            f"  then      {slot} is watched for {soak} s, and {start or 'the other'} drains for {drain} s"
        )
    if resource.under_way:
        screen.more(f"  note      operation {resource.operation_id} is under way and gives way to this")
    if rails.phase(resource) in rails.BACK:
        old = rails.switch(resource).get("from")
        screen.more(f"  note      the switch under way is undone first: the traffic goes back to {old}")
    policy = (resource.spec.get("approval") or {}).get("cutoverPolicy", "Automatic")
    if policy == "Manual":
        screen.more("  approval  a person is asked first (spec.approval.cutoverPolicy: Manual)")
    if found is None:
        return
    if found.lines or found.note:
        for line in screen.tree(guards_node(found, every=False)):
            screen.more(line)
    if found.failed:
        lasting = any(line.lasting for line in found.failed)
        wait_for = f"it waits {wish.get('slotReadyDeadlineSeconds', 600)} s at most for that to pass"
        end = "waiting does not mend that: it would fail" if lasting else wait_for
        screen.more(f"  note      {counted(len(found.failed), 'guard')} would hold it up now; {end}")


async def _end(session: Session, before: Resource, sent: Resource, slot: str, seconds: float | None) -> int:
    told: dict[str, Any] = {"slot": slot, "from": rails.live(before)}
    if seconds is None:
        return conclude(session, sent, asked(f"asked for {slot} to be live."), **told)
    if sent.suspended:
        return conclude(session, sent, until_resumed(sent, "switch"), **told)
    wish = Wish(lambda now: now.is_seen, lambda now: _edited(now, slot) or of_spec(now))
    last, verdict = await wait(session, sent, wish, seconds=seconds)
    return conclude(session, last, verdict, live=rails.live(last), **told)


def _same(newer: Resource, seen: Resource) -> bool:
    """Whether what was shown still holds: the wish, and which slot is live."""
    return newer.generation == seen.generation and rails.live(newer) == rails.live(seen)


def _edited(now: Resource, slot: str) -> Verdict | None:
    """The wish is another one by now, so its end says nothing of ours."""
    wish = rails.wish(now).get("activeSlot")
    if wish == slot:
        return None
    text = f"somebody has set spec.{rails.FIELD} to {wish} meanwhile, while it is {states.word(now)}."
    look = f"See what goes on: kubectl switchback status {now.name} -n {now.namespace}"
    return Verdict(ExitCode.MOVED, "Superseded", text, look)
