"""Files of phase=contract: the program whose end they wait for, and the one that they leave behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api import names
from switchback.api.status import Program
from switchback.controller.cutovers import OVER, change_traffic, live, own, seen_slot, traffic_of

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.contract.traffic import Slot
    from switchback.controller.view import View


def left_over(view: View) -> tuple[str, ...] | None:
    """What is left of slots that are not wished to be live: their pods, and workloads that ask for pods.

    A restart, a quota or a lost node leaves a workload without pods for a while, and they come back whenever
    they can. None when nobody can say.
    """
    traffic, cutover = view.world.traffic, view.spec.cutover
    if cutover is None:
        return ()
    if traffic is None or not live(view):
        return None
    old = [slot for slot in traffic.slots if slot.name != cutover.active_slot]
    pods = tuple(f"pod {pod.name}" for slot in old for pod in slot.pods if not pod.over)
    return pods + tuple(_asking(slot) for slot in old if slot.desired or (slot.there and not slot.settled))


def _asking(slot: Slot) -> str:
    """A workload that may make pods, in words."""
    if slot.desired:
        return f"{slot.kind} {slot.workload} (replicas: {slot.desired})"
    return f"{slot.kind} {slot.workload}, whose controller has not seen its newest spec"


def remember_old_program(view: View, source: str) -> Status:
    """The status that knows which program was live when these files of phase=contract came.

    It may need what they take away. The files stay the same ones for as long as their digest does, whatever
    becomes live meanwhile.
    """
    known = traffic_of(view.status).old_program or _marked_program(view)
    if known is not None and known.source == source:
        return change_traffic(view.status, old_program=known)
    slot = seen_slot(view, live(view) or traffic_of(view.status).live_slot)
    if slot is None:
        return view.status
    old = Program(slot=slot.name, template=slot.template, source=source)
    return change_traffic(view.status, old_program=old)


def _marked_program(view: View) -> Program | None:
    """What the Service knows of it: a status can be lost."""
    mark = view.service.annotations.get(names.ANNOTATION_OLD_PROGRAM, "") if view.service is not None else ""
    slot, _, rest = mark.partition("/")
    template, _, source = rest.partition("/")
    return Program(slot=slot[:63], template=template[:64], source=source[:128]) if source else None


def mark_of(program: Program) -> str:
    """The same as the Service has it."""
    return f"{program.slot}/{program.template}/{program.source}"


def old_program_lives(view: View) -> bool:
    """Whether what is live is, or may be, the program that files of phase=contract wait for."""
    old = traffic_of(view.status).old_program
    slot = seen_slot(view, live(view))
    if old is None or slot is None or slot.name != old.slot:
        return False
    # Pods that are missing might come back as those of before.
    rolled_out = slot.settled and slot.updated >= max(slot.alive, slot.desired)
    return slot.template == old.template or not rolled_out


def is_gone(view: View) -> bool:
    """Whether nothing runs that may need what files of phase=contract take away."""
    return left_over(view) == () and not old_program_lives(view)


def contract_due(view: View) -> bool:
    """Whether files of phase=contract wait, and may be applied now."""
    cutover, operation = view.spec.cutover, view.status.operation
    if operation is None or not operation.contract or not view.succeeded or view.superseded:
        return False
    wished = cutover is None or live(view) == cutover.active_slot
    state = own(view)
    return wished and is_gone(view) and (state is None or state.phase in OVER)


def retire(view: View) -> Status:
    """The status that knows which program files of phase=contract have left behind."""
    old = traffic_of(view.status).old_program
    return change_traffic(view.status, old_program=None, retired=old) if old is not None else view.status


def is_retired(view: View, name: str) -> bool:
    """Whether the program in this slot is the one that files of phase=contract have left behind."""
    retired, slot = traffic_of(view.status).retired, seen_slot(view, name)
    if retired is None or slot is None:
        return False
    return (slot.name, slot.template) == (retired.slot, retired.template)
