"""What stands in the way of a switch, before anything happens: the operator's own guards, judged here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.api.reasons import OperatorReason
from switchback.contract.reasons import Reason, meaning
from switchback.kubectl import rails, states
from switchback.kubectl.behind import behind
from switchback.kubectl.plan import counted
from switchback.kubectl.restore_job import spec_of
from switchback.kubectl.text import Node, span
from switchback.traffic.guards import guards

if TYPE_CHECKING:
    from switchback.api.cutover import Cutover
    from switchback.contract.traffic import Traffic
    from switchback.kubectl.resource import Object, Resource
    from switchback.kubectl.session import Session
    from switchback.kubectl.text import Span
    from switchback.traffic.guard import Guard

PASSED, FAILED, WARNING = "passed", "failed", "warning"

_SYMBOLS = {PASSED: states.GOOD, FAILED: states.BAD, WARNING: states.UNDONE}


@dataclass(frozen=True, slots=True)
class Line:
    """One guard. `result` is passed, failed or warning; `lasting`: waiting does not mend it."""

    name: str
    result: str
    message: str
    reason: str = ""
    advice: str = ""
    lasting: bool = False

    def as_data(self) -> dict[str, str]:
        """The same for programs."""
        data = {
            "name": self.name, "result": self.result, "reason": self.reason, "message": self.message,
            "advice": self.advice,
        }  # fmt: skip
        return {key: value for key, value in data.items() if value}


@dataclass(frozen=True, slots=True)
class Guarded:
    """A switch that may be, and what was found of it.

    Attributes:
        service: name of the Service.
        start: the slot that is live now; empty: not clear.
        to: the slot that would be.
        lines: the guards in their order; none where nobody could look.
        note: what could not be looked at.
    """

    service: str
    start: str
    to: str
    lines: tuple[Line, ...] = ()
    note: str = ""

    @property
    def moves(self) -> bool:
        """Whether there is anything to move."""
        return self.start != self.to

    @property
    def failed(self) -> tuple[Line, ...]:
        """What stands in the way."""
        return tuple(line for line in self.lines if line.result == FAILED)

    def as_data(self) -> Object:
        """The same for programs."""
        data: Object = {
            "service": self.service, "from": self.start, "to": self.to, "moves": self.moves,
            "guards": [line.as_data() for line in self.lines],
        }  # fmt: skip
        return {**data, "note": self.note} if self.note else data


async def guarded(session: Session, resource: Resource, slot: str = "") -> Guarded | None:
    """What a switch to this slot, or to the one that the spec wishes for, would meet. None: no cutover.

    Raises:
        Problem: the spec cannot be read.
        KubeError: the server does not answer.
    """
    cutover = spec_of(resource).cutover
    if cutover is None:
        return None
    wished = slot or cutover.active_slot
    seen = await behind(session, resource, cutover)
    if seen.traffic is None:
        return Guarded(cutover.service_name, rails.live(resource), wished, note=seen.note)
    service = seen.traffic.service
    value = service.selector.get(cutover.selector_key, "") if service is not None else ""
    start = value if cutover.slot(value) is not None else rails.live(resource)
    judged = [_line(one) for one in guards(cutover, seen.traffic, start, wished)]
    fits = _fits(resource, cutover, wished) if start != wished else []
    unclear = _unclear(seen.traffic, resource.namespace, cutover.selector_key) if not start else []
    return Guarded(cutover.service_name, start, wished, (*unclear, *judged, *fits), seen.note)


def _unclear(traffic: Traffic, namespace: str, key: str) -> list[Line]:
    """Nothing says which slot is live, and the ready endpoints are not all of one: the operator waits."""
    serving = [slot for slot in traffic.slots if slot.endpoints]
    service = traffic.service
    if service is None or not service.selector or (len(serving) == 1 and not traffic.strangers):
        return []
    shown = ", ".join(f"{slot.name} {slot.endpoints}" for slot in traffic.slots)
    shown += f", others {traffic.strangers}" if traffic.strangers else ""
    message = (
        f"the selector of Service {service.name} does not say which slot is live, and its ready endpoints "
        f"are {shown}."
    )
    words = json.dumps({"spec": {"selector": {key: "NAME"}}}, separators=(",", ":"))
    place = f"service {service.name} -n {namespace}"
    advice = f"Say it once, by the name of the live slot: kubectl patch {place} -p '{words}'"
    return [Line("slot-live", FAILED, message, OperatorReason.SELECTOR_AMBIGUOUS, advice)]


def _line(one: Guard) -> Line:
    result = PASSED if one.passed else FAILED if one.blocks else WARNING
    return Line(one.name, result, one.message, one.reason, one.advice, lasting=one.fatal)


def _fits(resource: Resource, cutover: Cutover, wished: str) -> list[Line]:
    """Whether the program of the wished slot works with the schema, as the last look at the ledger says."""
    slot = cutover.slot(wished)
    schema = resource.part("schema")
    if slot is None or slot.schema_bounds is None:
        return []
    fit = next((str(one.get("fit")) for one in schema.get("slots") or () if one.get("name") == wished), "")
    target = schema.get("target") or resource.spec.get("target")
    said = {
        "Satisfied": (PASSED, f"Slot {wished} works with the schema at {target}."),
        "TooOld": (FAILED, f"Slot {wished} needs a newer schema than {target}."),
        "TooNew": (FAILED, f"Slot {wished} does not work with a schema as new as {target}."),
        "UnknownId": (FAILED, f"The bounds of slot {wished} name a migration that nobody knows."),
    }
    result, message = said.get(
        fit, (WARNING, f"Whether slot {wished} works with the schema at {target} was not looked at yet.")
    )
    if result == PASSED:
        return [Line("slot-schema", result, message)]
    reason = Reason.SLOT_NEEDS_SCHEMA
    advice = meaning(reason).advice if result == FAILED else "kubectl switchback inspect looks at it."
    return [Line("slot-schema", result, message, str(reason), advice, lasting=result == FAILED)]


def guards_node(found: Guarded, *, every: bool = True) -> Node:
    """The switch and its guards. Without `every`, those that pass are only counted."""
    head: list[Span] = [span("Traffic  "), span(found.start or "not clear", "bold")]
    if found.moves:
        head += [span(" → "), span(found.to, "bold")]
    else:
        head.append(span(" is live: nothing to move", "dim"))
    node = Node([*head, span(f"   Service {found.service}", "dim")])
    every = every and found.moves
    for line in found.lines:
        if line.result != PASSED or every:
            _guard(node, line)
    passed = sum(line.result == PASSED for line in found.lines)
    if passed and not every:
        node.add(states.GOOD, span(f" {counted(passed, 'guard')} passed", "dim"))
    if found.note:
        node.add(span(found.note, "wait"), wrap=True)
    return node


def _guard(node: Node, line: Line) -> None:
    symbol = _SYMBOLS[line.result]
    said = "" if line.result == PASSED else f" {line.reason}:"
    entry = node.add(
        symbol,
        span(f" {line.name}", "bold"),
        span(said, symbol[1]),
        span("  "),
        span(line.message),
        wrap=True,
    )
    if line.advice:
        entry.add(span("-> ", "dim"), span(line.advice), wrap=True, bare=True)
