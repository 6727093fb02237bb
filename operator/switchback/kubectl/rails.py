"""The rail of the traffic in the tree of `status`: which slot is live, and how far a switch is. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchback.contract.exits import ExitCode
from switchback.kubectl import states
from switchback.kubectl.kept import label
from switchback.kubectl.plan import counted
from switchback.kubectl.problems import Problem
from switchback.kubectl.text import Node, span
from switchback.kubectl.times import moment, since, until

if TYPE_CHECKING:
    from datetime import datetime

    from switchback.kubectl.resource import Object, Resource
    from switchback.kubectl.text import Span

FIELD = "cutover.activeSlot"
"""The field of the spec that says which slot shall be live."""

NAME = 9
"""Columns of what a line below Traffic is about."""

RECENT_SECONDS = 3600
"""After so long it is no news any more that somebody has changed the selector."""

BACK = {"Preparing", "Switching", "Switched", "Soaking", "Restoring"}
"""Phases of a switch that an abort, an edit or a deletion would undo, or that is being undone."""

UNDER_WAY = {*BACK, "Draining"}

_SINCE = {"Switched": "switchTime", "Soaking": "verifyTime", "Draining": "", "Restoring": ""}
"""When a phase began; that of the whole switch unless another is named. Empty: nobody noted it."""

_SYMBOLS = {
    "Completed": states.GOOD,
    "Restoring": states.UNDONE,
    "Restored": states.UNDONE,
    "Cancelled": ("·", "dim"),
    "TakenOver": states.UNDONE,
}


def wish(resource: Resource) -> Object:
    """What the spec says of the traffic; empty when it says nothing."""
    return resource.spec.get("cutover") or {}


def slots(resource: Resource) -> list[str]:
    """Names of its slots."""
    return [str(one.get("name", "")) for one in wish(resource).get("slots") or ()]


def has_slot(resource: Resource, slot: str) -> None:
    """The resource has that slot.

    Raises:
        Problem: it has not.
    """
    where = f"{resource.name} in namespace {resource.namespace}"
    known = slots(resource)
    if not known:
        text = f"{where} has no spec.cutover: it moves no traffic."
        raise Problem(ExitCode.USAGE, "NoCutover", text)
    if slot not in known:
        raise Problem(
            ExitCode.USAGE, "SlotUnknown", f"{where} has no slot {slot[:63]}.", f"It has: {', '.join(known)}."
        )


def bounds(resource: Resource, slot: str) -> Object:
    """Which versions of the schema a slot works with; empty when it does not say."""
    found: Object = next((one for one in wish(resource).get("slots") or () if one.get("name") == slot), {})
    return found.get("schema") or {}


def live(resource: Resource) -> str:
    """The slot that the Service points at; empty while that is not known."""
    return str(resource.part("traffic").get("liveSlot") or "")


def switch(resource: Resource) -> Object:
    """The switch under way, or the last one; empty when there was none."""
    return resource.part("traffic").get("cutover") or {}


def phase(resource: Resource) -> str:
    """How far that switch is."""
    return str(switch(resource).get("phase") or "")


def way(resource: Resource) -> str:
    """`blue → green` while the wish is not reached, else the live slot; empty without a cutover."""
    wanted, now = str(wish(resource).get("activeSlot") or ""), live(resource)
    if not wanted:
        return now
    return now if now == wanted else f"{now or '?'} → {wanted}"


def traffic(root: Node, resource: Resource, now: datetime, *, wide: bool) -> None:
    """Where the traffic goes and where it is wished to go."""
    if not wish(resource) and not resource.part("traffic"):
        return
    wished, here = str(wish(resource).get("activeSlot") or ""), live(resource)
    line = [*label("Traffic"), span(here or "not known", "bold" if here else "wait")]
    if wished and wished != here:
        line += [span(" → "), span(wished, "bold")]
    service, key = wish(resource).get("serviceName", ""), wish(resource).get("selectorKey", "slot")
    node = root.add(*line, span(f"   Service {service}, selector key {key}" if service else "", "dim"))
    _switch(node, resource, now, wide=wide)
    for slot in wish(resource).get("slots") or ():
        _slot(node, resource, slot)
    _selector(node, resource, now, wide=wide)
    _contract(node, resource)


def _switch(node: Node, resource: Resource, now: datetime, *, wide: bool) -> None:
    found = switch(resource)
    if not found:
        return
    symbol: Span = _SYMBOLS.get(phase(resource), states.BUSY)
    if symbol == states.GOOD and found.get("reason"):
        symbol = states.BAD  # the soak was bad, and the spec wants the traffic to stay
    line = node.add(
        span(f"{'switch':<{NAME}}", "dim"),
        symbol,
        span(f" {phase(resource)}", symbol[1]),
        span(f"  {found.get('from', '?')} → {found.get('to', '?')}"),
        span("   " + " · ".join(part for part in _times(resource, now) if part), "dim"),
    )
    if found.get("reason"):
        text = ": ".join(str(found[key]) for key in ("reason", "message") if found.get(key))
        line.add(span(text, "wait"), wrap=True, bare=True)
    if wide:
        keys = ("id", "serviceUID", "probeJob")
        line.add(span(" · ".join(f"{key} {found[key]}" for key in keys if found.get(key)), "dim"), bare=True)


def _times(resource: Resource, now: datetime) -> list[str]:
    """How long, and until when."""
    found, told = switch(resource), resource.part("traffic")
    if found.get("completionTime"):
        return [f"{since(found['completionTime'], now)} ago"]
    step = phase(resource)
    begun = found.get(_SINCE.get(step, "startTime"))
    parts = [f"for {since(begun, now)}" if begun else ""]
    if step in {"Preparing", "Switching", "Switched"} and found.get("deadlineTime"):
        parts.append(f"goes back unless verified {until(found['deadlineTime'], now)}")
    waits = moment(found.get("waitingSince"))
    if step == "Preparing" and waits is not None:
        limit = waits + timedelta(seconds=int(wish(resource).get("slotReadyDeadlineSeconds", 600)))
        parts.append(f"gives up unless {found.get('to')} is ready {_end(limit.isoformat(), now)}")
    if step == "Soaking" and told.get("soakEndTime"):
        parts.append(f"the soak ends {_end(told['soakEndTime'], now)}")
    if step == "Draining":
        parts += _drain(resource, found, told, now)
    return parts


def _end(text: object, now: datetime) -> str:
    """When something ends. What should be over is about to be: the pod's word or the operator is awaited."""
    time = moment(text)
    return until(text, now) if time is None or time > now else "now"


def _drain(resource: Resource, found: Object, told: Object, now: datetime) -> list[str]:
    """Until when the old slot may finish what it has begun."""
    slots = wish(resource).get("slots") or ()
    name = next((one.get("applicationName") for one in slots if one.get("name") == found.get("from")), "")
    end = told.get("drainEndTime")
    parts = [f"ends {_end(end, now)}" if end else ""]
    if name and not resource.operation.get("drained"):
        parts.append(f"and with the last session of {name}")
    return parts


def _slot(node: Node, resource: Resource, slot: Object) -> None:
    name, work = str(slot.get("name", "")), slot.get("workloadRef") or {}
    fit = next(
        (
            str(one.get("fit"))
            for one in resource.part("schema").get("slots") or ()
            if one.get("name") == name
        ),
        "",
    )
    target = resource.part("schema").get("target") or "the target"
    notes = [f"{work.get('kind', 'Deployment')} {work.get('name', '')}", _bounds(slot.get("schema") or {})]
    said = {
        "TooOld": f"needs a newer schema than {target}",
        "TooNew": f"does not work with a schema as new as {target}",
        "UnknownId": "its bounds name a migration that nobody knows",
    }.get(fit, "")
    node.add(
        span(f"{'slot':<{NAME}}", "dim"),
        span(name, "bold" if name == live(resource) else ""),
        span("   " + " · ".join(note for note in notes if note), "dim"),
        span(f" · {said}" if said else "", "bad"),
    )


def _bounds(schema: Object) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low and high:
        return f"schema {low} to {high}"
    return f"schema from {low}" if low else f"schema up to {high}" if high else ""


def _selector(node: Node, resource: Resource, now: datetime, *, wide: bool) -> None:
    """Who contests the selector, and how often it was put right."""
    owned = resource.condition("SelectorOwned")
    if owned and owned.get("status") != "True":
        line = node.add(
            span(f"{'selector':<{NAME}}", "dim"), states.BAD, span(f" {owned.get('reason')}", "bad")
        )
        line.add(span(str(owned.get("message", ""))), wrap=True, bare=True)
    drift = resource.part("traffic").get("driftTimes") or []
    newest = moment(drift[-1]) if drift else None
    if newest is not None and (wide or (now - newest).total_seconds() < RECENT_SECONDS):
        last = since(drift[-1], now)
        text = f"somebody else changed the selector, and it was put right, last {last} ago"
        often = f" ({len(drift)} times lately)" if len(drift) > 1 else ""
        node.add(span(f"{'drift':<{NAME}}", "dim"), states.UNDONE, span(f" {text}{often}", "wait"))


def _contract(node: Node, resource: Resource) -> None:
    held = int(resource.part("schema").get("heldBack") or 0)
    if held:
        wished, live = wish(resource).get("activeSlot"), resource.part("traffic").get("liveSlot")
        # What is wished may have gone back: then it is the other slot that is in use.
        stays = wished if resource.under_way else live or wished
        others = [
            str(one.get("name")) for one in wish(resource).get("slots") or () if one.get("name") != stays
        ]
        whose = f"no pod of {' or '.join(others)} exists" if others else "no pod of the old slot exists"
        verb = "waits" if held == 1 else "wait"
        text = f" {counted(held, 'migration')} (phase=contract) {verb} until {whose}"
        node.add(span(f"{'contract':<{NAME}}", "dim"), states.LATER, span(text))


def checks(root: Node, resource: Resource, now: datetime, *, wide: bool) -> None:
    """What became of the checks: those that failed in full, the others in one line."""
    found = resource.items("checks")
    if not found:
        return
    bad = [one for one in found if not one.get("passed")]
    shown = found if wide else bad
    passed = len(found) - len(bad)
    rest = f"{passed} passed" if passed else ""
    head = ", ".join(part for part in (f"{len(bad)} failed" if bad else "", rest) if part)
    symbol = states.BAD if bad else states.GOOD
    node = root.add(*label("Checks"), symbol, span(f" {head}" if head else "", "bad" if bad else ""))
    for one in shown:
        mark = states.GOOD if one.get("passed") else states.BAD
        tries = f"{counted(int(one.get('runs') or 0), 'run')}, {one.get('failures') or 0} failed"
        line = node.add(
            mark, span(f" {one.get('name', '')}", "bold"), span(f"  {one.get('stage', '')}"),
            span(f"   {tries} · {since(one.get('time'), now)} ago", "dim"),
        )  # fmt: skip
        if one.get("lastError"):
            line.add(span("last error: ", "dim"), span(str(one["lastError"])), wrap=True, bare=True)
