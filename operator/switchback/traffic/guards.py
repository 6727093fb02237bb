"""Everything that has to hold before the traffic is moved, and that needs no database to be known.

The *lasting* guards are about manifests: Service, labels, who else writes the selector. They have to hold
before anything is done at all. The *passing* ones are about what runs: they are waited for, and asked once
more right before the switch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.traffic.guards_service import about_endpoints, about_service
from switchback.traffic.guards_slots import (
    about_new_slot,
    about_way_back,
    about_workloads,
    proven,
    required,
)

if TYPE_CHECKING:
    from switchback.api import cutover as api
    from switchback.contract.traffic import Traffic
    from switchback.traffic.guard import Guard

__all__ = ["guards", "lasting", "passing", "proven", "required"]


def guards(cutover: api.Cutover, traffic: Traffic, live: str, wished: str) -> tuple[Guard, ...]:
    """All of them, in the order in which people should read them.

    Args:
        cutover: what the spec says.
        traffic: what was seen.
        live: name of the slot that the Service points at; empty when that is not clear.
        wished: name of the slot that is to be live. If it is live already, nothing is asked about the other.
    """
    found = lasting(cutover, traffic, live, wished)
    return found if traffic.service is None else (*found, *passing(cutover, traffic, live, wished))


def lasting(cutover: api.Cutover, traffic: Traffic, live: str, wished: str) -> tuple[Guard, ...]:
    """What has to hold before anything is done, the schema included."""
    slots = [slot for slot in traffic.slots if live != wished or slot.name == live]
    return (*about_service(cutover, traffic), *about_workloads(cutover, traffic, slots))


def passing(cutover: api.Cutover, traffic: Traffic, live: str, wished: str) -> tuple[Guard, ...]:
    """What is waited for, and has to hold at the very moment of the switch."""
    if live == wished:
        return ()
    if traffic.service is None:
        return tuple(about_service(cutover, traffic))
    return (
        *about_endpoints(traffic),
        *about_new_slot(cutover, traffic, live, wished),
        *about_way_back(cutover, traffic, live),
    )
