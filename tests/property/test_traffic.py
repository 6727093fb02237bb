"""`decide` in random worlds with traffic: whatever happens, it keeps its promises, and it comes to an end."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from switchback.contract.reasons import Reason
from switchback.controller.decision import Settle
from switchback.controller.observed import Trouble
from tests.property.street import CUTOVER, KEY, Side, Street

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

SCHEMA: dict[str, Any] = {
    "target": "latest",
    "database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "DATABASE_URL"}}},
    "source": {"configMapRefs": [{"name": "shop-migrations"}]},
    "snapshot": {"none": {"acknowledge": True}},
}
CHECK = {"name": "up", "stages": ["AfterMigrate", "BeforeCutover", "AfterCutover", "AfterRollback"]}
CHECK["httpGet"] = {"url": "http://shop-web/"}  # type: ignore[assignment]
BAD = [Reason.CHECKS_FAILED, Reason.CONNECTIONS_FAILED, Reason.INTERRUPTED, Reason.CONNECTION_LOST]
SELECTORS = [{"app": "shop"}, {"app": "shop", KEY: "red"}, {}]
PASSES = 120
CAMPAIGN = os.environ.get("SWITCHBACK_CAMPAIGN", "") not in ("", "0")


class RandomStreets(RuleBasedStateMachine):
    """Edits, faults, deaths and other writers in any order; then the faults stop."""

    @initialize(
        schema=st.booleans(),
        automatic=st.sampled_from(["Never", "Traffic", "TrafficAndSchema"]),
        drift=st.sampled_from(["Report", "Enforce"]),
        loss=st.sampled_from(["Allow", "RequireApproval"]),
        keyed=st.booleans(),
        checks=st.booleans(),
        goes=st.booleans(),
        wished=st.sampled_from(["blue", "green", "green"]),
    )
    def begin(  # noqa: PLR0917 - Hypothesis draws them by name
        self,
        schema: bool,  # noqa: FBT001 - drawn by Hypothesis
        automatic: str,
        drift: str,
        loss: str,
        keyed: bool,  # noqa: FBT001 - drawn by Hypothesis
        checks: bool,  # noqa: FBT001 - drawn by Hypothesis
        goes: bool,  # noqa: FBT001 - drawn by Hypothesis
        wished: str,
    ) -> None:
        self.goes = goes
        spec = {
            **(SCHEMA if schema else {}),
            "cutover": {**CUTOVER, "driftPolicy": drift, "activeSlot": wished},
            "rollback": {"automatic": automatic, "dataLossPolicy": loss},
            "checks": [CHECK] if checks else [],
        }
        self.world = Street(spec=spec, contract=frozenset({"0003"}))
        if not keyed:
            self.world.selector = {"app": "shop"}
            self.world.sides["green"].desired = self.world.sides["green"].ready = 0

    @rule(fault=st.sampled_from(["none", "none", "none", "conflict", "before", "after"]))
    def reconcile(self, fault: str) -> None:
        self.world.reconcile(fault)

    @rule()
    def reconcile_and_wait(self) -> None:
        self.world.settle_slices()
        self.world.tick(self.world.reconcile())

    @rule()
    def all_goes_well_for_a_while(self) -> None:
        """Otherwise no switch would ever come far."""
        for _ in range(16):
            self.world.settle_slices()
            for name, job in list(self.world.jobs.items()):
                waits = "-c-check-" in name and not job.told
                if not job.ended and not waits:
                    self.world.run(name)
            self.world.tick(self.world.reconcile())

    @rule(
        wanted=st.sampled_from(["Preparing", "Switching", "Switched", "Soaking", "Draining", "Restoring"]),
        said=st.sampled_from(["works", "works", *BAD]),
    )
    def it_comes_as_far_as(self, wanted: str, said: str) -> None:
        """The same, but not to its end. `said`: what the pod that checks the new slot ends with."""
        for _ in range(40):
            state = self.world.status.traffic.cutover if self.world.status.traffic is not None else None
            if state is not None and state.phase == wanted:
                return
            self.world.settle_slices()
            for name, job in list(self.world.jobs.items()):
                checks = "-c-check-" in name
                if not job.ended and (job.told or not checks):
                    self.world.run(name, said if checks else "works")
            self.world.tick(self.world.reconcile())

    @rule(outcome=st.sampled_from(["works", "works", "silent", *BAD]), pick=st.integers(0, 9))
    def a_job_ends(self, outcome: str, pick: int) -> None:
        running = [name for name, job in self.world.jobs.items() if not job.ended]
        if running:
            self.world.run(running[pick % len(running)], outcome)

    @rule(pick=st.integers(0, 9))
    def a_job_is_deleted_by_hand(self, pick: int) -> None:
        if self.world.jobs:
            self.world.vanish(sorted(self.world.jobs)[pick % len(self.world.jobs)])

    @rule()
    def stray_pods_end(self) -> None:
        self.world.sweep()

    @rule(refused=st.booleans())
    def the_api_server_refuses_jobs(self, refused: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        self.world.refused = Trouble("JobRefused", "exceeded quota: pods") if refused else None

    @rule(slot=st.sampled_from(["blue", "green"]), ready=st.integers(0, 2))
    def pods_die_and_come(self, slot: str, ready: int) -> None:
        side = self.world.sides[slot]
        side.missing = 0
        side.ready = min(ready, side.desired)

    @rule(slot=st.sampled_from(["blue", "green"]), ready=st.integers(0, 1))
    def a_slot_has_fewer_pods_than_it_asks_for(self, slot: str, ready: int) -> None:
        """A restart of one replica, a rollout that first ends what is there, a quota, a webhook."""
        side = self.world.sides[slot]
        side.missing = side.desired - min(ready, side.desired)
        side.ready = min(ready, side.pods)

    @rule(slot=st.sampled_from(["blue", "green"]), desired=st.integers(0, 2))
    def somebody_scales(self, slot: str, desired: int) -> None:
        side = self.world.sides[slot]
        side.leaving += max(0, side.pods - desired)
        side.desired, side.missing, side.settled = desired, 0, False
        side.ready = min(side.ready, desired)

    @rule()
    def ending_pods_are_gone(self) -> None:
        for side in self.world.sides.values():
            side.leaving = 0

    @rule(selector=st.sampled_from(SELECTORS))
    def git_writes_the_selector(self, selector: dict[str, str]) -> None:
        self.world.somebody_writes(selector, "argocd-controller")

    @rule(slot=st.sampled_from(["blue", "green"]))
    def a_person_points_the_service(self, slot: str) -> None:
        self.world.somebody_writes({"app": "shop", KEY: slot})

    @rule()
    def the_service_is_replaced(self) -> None:
        self.world.replace_service()

    @rule(there=st.booleans())
    def the_service_goes_and_comes(self, there: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        if self.world.there and not there:
            self.world.there = False
        elif there and not self.world.there:
            self.world.replace_service()

    @rule(forbidden=st.booleans())
    def nobody_may_look(self, forbidden: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        self.world.forbidden = forbidden

    @rule(missing=st.booleans())
    def the_source_goes_and_comes(self, missing: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        self.world.source_problem = Trouble("ConfigMapMissing", "no such ConfigMap") if missing else None

    @rule(slot=st.sampled_from(["blue", "green"]))
    def another_program_is_rolled_out(self, slot: str) -> None:
        self.world.templates[slot] += "+"

    @rule(other=st.sampled_from(["", "", "shop/other"]))
    def another_resource_takes_the_service(self, other: str) -> None:
        self.world.claimed_by = other

    @rule(policy=st.sampled_from(["Allow", "Deny"]))
    def the_rollback_policy_is_edited(self, policy: str) -> None:
        self.world.spec = {**self.world.spec, "rollback": {**self.world.spec["rollback"], "policy": policy}}
        self.world.generation += 1

    @rule(slot=st.sampled_from(["blue", "green"]))
    def the_slot_is_edited(self, slot: str) -> None:
        self.world.spec = {**self.world.spec, "cutover": {**self.world.spec["cutover"], "activeSlot": slot}}
        self.world.generation += 1

    @precondition(lambda self: "target" in self.world.spec)
    @rule(version=st.sampled_from(["latest", "0001", "0002"]))
    def the_target_is_edited(self, version: str) -> None:
        self.world.spec = {**self.world.spec, "target": version}
        self.world.generation += 1

    @rule(suspend=st.booleans())
    def suspended(self, suspend: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        self.world.spec = {**self.world.spec, "suspend": suspend}
        self.world.generation += 1

    @rule(policy=st.sampled_from(["Automatic", "Manual"]))
    def the_approval_policy_is_edited(self, policy: str) -> None:
        self.world.spec = {**self.world.spec, "approval": {"cutoverPolicy": policy}}
        self.world.generation += 1

    @precondition(lambda self: self.world.status.operation)
    @rule(what=st.sampled_from(["abort", "retry"]), nonce=st.integers(1, 3))
    def somebody_asks(self, what: str, nonce: int) -> None:
        operation = self.world.status.operation
        assert operation is not None
        self.world.annotations[f"switchback.dev/{what}"] = f"{operation.id}/{nonce}"

    @precondition(lambda self: self.world.token)
    @rule()
    def somebody_approves(self) -> None:
        self.world.annotations["switchback.dev/approve"] = self.world.token

    @rule()
    def the_status_is_wiped(self) -> None:
        self.world.status = type(self.world.status)()
        self.world.resource_version += 1
        self.world.touched = True  # what was written for a switch nobody remembers

    @rule(seconds=st.integers(1, 900))
    def time_passes(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    @invariant()
    def conditions_do_not_contradict_each_other(self) -> None:
        if hasattr(self, "world") and self.world.status.conditions:
            self.world.conditions_agree()

    @invariant()
    def what_was_undone_is_not_live(self) -> None:
        """Whoever reads that the traffic is back finds it there, unless somebody else has moved it since."""
        if not hasattr(self, "world") or self.world.touched or self.world.status.traffic is None:
            return
        state, live = self.world.status.traffic.cutover, self.world.selector.get(KEY)
        if state is not None and state.phase in {"Restored", "Cancelled", "Preparing"}:
            assert live != state.to, state

    @invariant()
    def an_operation_ends_once(self) -> None:
        if hasattr(self, "world"):
            ids = [entry.operation_id for entry in self.world.status.history]
            assert len(ids) == len(set(ids)), ids

    @invariant()
    def status_stays_small(self) -> None:
        if hasattr(self, "world"):
            assert len(str(self.world.status.to_json())) < 32 * 1024

    @override
    def teardown(self) -> None:
        """The faults stop: both slots are well, whoever is asked approves, and it ends."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.refused, world.source_problem, world.forbidden, world.claimed_by = None, None, False, ""
        world.annotations.pop("switchback.dev/abort", None)
        if not world.there:
            world.replace_service()
        for side in world.sides.values():
            side.desired = side.ready = 2
            side.leaving = side.missing = 0
            side.settled = True
        known = world.status.traffic.service_uid if world.status.traffic is not None else ""
        if known not in {"", world.service_uid} and KEY not in world.selector:
            self.a_person_points_the_service("blue")  # of a new Service only a person can say which is live
        if self.goes:
            world.deleted_at = world.now
        world.spec = {**world.spec, "suspend": False}
        world.generation += 1
        world.sweep()
        decision = self._come_to_an_end()
        if self.goes:
            assert not world.finalizers, f"still held: {world.status}"
            assert not world.status.traffic or self._came_to_rest(), (
                f"left in the midst of a switch: {world.status}"
            )
            return
        assert world.condition("Finished") == "True", f"not finished: {decision} {world.status}"
        assert not world.finalizers, "it may not be deleted although nothing is in flight"
        if world.condition("Ready") == "True":
            assert world.selector.get(KEY) == world.spec["cutover"]["activeSlot"]
            self._the_old_slot_goes()

    def _come_to_an_end(self) -> Any:
        world, decision = self.world, None
        for _ in range(PASSES):
            if self.goes and not world.finalizers:
                break
            for name, job in list(world.jobs.items()):
                waits = "-c-check-" in name and not job.told and not job.deleting
                if not job.ended and not waits:
                    world.run(name)
            world.sweep()
            world.settle_slices()
            if world.token:
                world.annotations["switchback.dev/approve"] = world.token
            decision = world.reconcile()
            if isinstance(decision, Settle) and world.observed().status == decision.status:
                break
            world.tick(decision)
        return decision

    def _came_to_rest(self) -> bool:
        state = self.world.status.traffic.cutover if self.world.status.traffic is not None else None
        return state is None or state.phase not in {"Switching", "Switched", "Soaking", "Restoring"}

    def _the_old_slot_goes(self) -> None:
        """Whatever waits for it is applied then, and not before."""
        world = self.world
        target = world.spec.get("target")
        if target != "latest":
            return
        waited = "0003" not in world.postgres.applied
        live = world.selector[KEY]
        world.sides[next(name for name in world.sides if name != live)] = Side(0, 0)
        old = world.status.traffic.old_program if world.status.traffic is not None else None
        if old is not None and (old.slot, old.template) == (live, world.templates[live]):
            world.templates[live] += (
                "+"  # it is the live one that they wait for: another program is rolled out
            )
        self._come_to_an_end()
        if waited and world.condition("Ready") == "True":
            assert "0003" in world.postgres.applied, f"still waits: {world.status}"


RandomStreets.TestCase.settings = settings(
    max_examples=5000 if CAMPAIGN else 100,
    stateful_step_count=25,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestRandomStreets = RandomStreets.TestCase
