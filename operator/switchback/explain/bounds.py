"""The bounds of the slots: which versions of the schema their programs work with, as far as files tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.result import Slot
from switchback.contract.words import BASE, SlotFit
from switchback.runner.order import natural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchback.api.cutover import SchemaBounds
    from switchback.api.spec import Spec


def fits(spec: Spec, ids: Sequence[str] | None, target: str) -> tuple[Slot, ...]:
    """Whether each slot with bounds works with a target, by the files that were seen.

    Where nobody has seen them, or a bound is a short form, it is taken to work: the run will tell.
    """
    if spec.cutover is None:
        return ()
    return tuple(
        Slot(slot.name, _fit(slot.schema_bounds, ids or (), target))
        for slot in spec.cutover.slots
        if slot.schema_bounds is not None
    )


def _fit(bounds: SchemaBounds, ids: Sequence[str], target: str) -> SlotFit:
    order = (BASE, *ids)
    if target not in order:
        return SlotFit.SATISFIED
    here = order.index(target)
    if bounds.minimum in order and order.index(bounds.minimum) > here:
        return SlotFit.TOO_OLD
    if bounds.maximum in order and order.index(bounds.maximum) < here:
        return SlotFit.TOO_NEW
    return SlotFit.SATISFIED


def is_before(one: str, other: str, ids: Sequence[str] | None) -> bool:
    """Whether a migration comes before another: by the files, else by the order that their names suggest."""
    if ids is not None and one in ids and other in ids:
        return ids.index(one) < ids.index(other)
    return natural(one) < natural(other)
