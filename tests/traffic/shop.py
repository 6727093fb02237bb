"""A shop that the operator moves: two slots, one Service, one resource with a cutover, with short times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from tests.e2e.states import condition, is_true
from tests.e2e.support import Migration
from tests.traffic.oracle import Oracle
from tests.traffic.slots import GREEN, KEY, SERVICE, SLOTS, Slots, workload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.kube import Object
    from tests.e2e.postgres import Database
    from tests.e2e.support import World

SECONDS = 60.0
SOAK, DRAIN = 2, 1
NAME = "shop"


def cutover(active: str = GREEN, **fields: Any) -> Object:
    """`spec.cutover` with times that fit a test."""
    return {
        "serviceName": SERVICE,
        "selectorKey": KEY,
        "slots": [{"name": slot, "workloadRef": {"name": workload(slot)}} for slot in SLOTS],
        "activeSlot": active,
        "slotReadyDeadlineSeconds": 60,
        "switchDeadlineSeconds": 20,
        "soakPeriodSeconds": SOAK,
        "drainPeriodSeconds": DRAIN,
        **fields,
    }


def healthy(name: str = "health", *, path: str = "/health", **fields: Any) -> Object:
    """A check of AfterCutover that asks the Service each second."""
    return {
        "name": name,
        "stages": ["AfterCutover"],
        "httpGet": {"url": f"http://{SERVICE}{path}"},
        "periodSeconds": 1,
        "timeoutSeconds": 1,
        "failureThreshold": 2,
        **fields,
    }


class Shop:
    """The slots in the namespace of a story."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.slots = Slots(world.kube, world.namespace, world.cluster.images.web)

    def oracle(self) -> Oracle:
        """Begins to watch the operator here."""
        return Oracle(self.world.cluster, self.world.kube, self.world.namespace)

    def traffic(
        self, active: str = GREEN, *, name: str = NAME, spec: Object | None = None, **fields: Any
    ) -> Move:
        """A resource that moves traffic and has no database. `fields` are those of `spec.cutover`."""
        made = Move(self.world, name, cast("Database", None))
        made.create({"cutover": cutover(active, **fields), **(spec or {})})
        return made

    def release(
        self,
        database: Database,
        files: Mapping[str, str],
        active: str = GREEN,
        *,
        spec: Object | None = None,
        **fields: Any,
    ) -> Move:
        """A resource that changes the schema and then moves the traffic."""
        made = self.world.migration(
            database, files, name=NAME, cutover=cutover(active, **fields), **(spec or {})
        )
        return Move.of(made)


class Move(Migration):
    """One resource with a cutover."""

    @classmethod
    def of(cls, made: Migration) -> Move:
        """The same resource."""
        move = cls(made.world, made.name, made.database)
        vars(move).update(vars(made))
        return move

    def switch(self, active: str) -> Object:
        """Wish for a slot."""
        return self.edit(cutover={"activeSlot": active})

    def phase(self, *phases: str, seconds: float = SECONDS) -> Object:
        """The first state since the last edit whose switch is in one of these phases."""
        return self.until(
            f"the switch is {' or '.join(phases)}",
            lambda one: at(one).get("phase") in phases,
            seconds=seconds,
        )

    def known(self, *, seconds: float = SECONDS) -> Object:
        """The operator knows which slot is live."""
        return self.until(
            "the live slot is known", lambda one: bool(traffic(one).get("liveSlot")), seconds=seconds
        )

    def says(self, kind: str, why: str, *, seconds: float = SECONDS) -> Object:
        """The first state since the last edit with a condition of this reason."""
        return self.until(
            f"{kind} says {why}", lambda one: condition(one, kind).get("reason") == why, seconds=seconds
        )

    def again(self, what: str, *, seconds: float = SECONDS) -> Object:
        """The newest state is Ready: for what heals without an edit."""

        def look() -> Object | None:
            now = self.now()
            return now if is_true(now, "Ready") else None

        return self.world.recorder.wait(what, look, seconds=seconds)


def traffic(state: Object) -> Object:
    """`status.traffic`."""
    found: Object = state.get("status", {}).get("traffic") or {}
    return found


def at(state: Object) -> Object:
    """The switch under way, or the last one."""
    found: Object = traffic(state).get("cutover") or {}
    return found
