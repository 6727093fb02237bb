"""`decide` in random worlds: whatever happens around it, it keeps its promises, and then comes to an end."""

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
from tests.property.world import START, World

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

SPEC: dict[str, Any] = {
    "target": "latest",
    "database": {"urlFrom": {"secretKeyRef": {"name": "shop-db", "key": "DATABASE_URL"}}},
    "source": {"configMapRefs": [{"name": "shop-migrations"}]},
}
SNAPSHOTS: list[dict[str, Any]] = [
    {"pgDump": {"persistentVolumeClaim": {"claimName": "backups"}}},
    {"none": {"acknowledge": True}},
]
FAILURES = [
    Reason.CONNECTION_REFUSED,
    Reason.AUTHENTICATION_FAILED,
    Reason.LOCK_TIMEOUT,
    Reason.OUTCOME_UNKNOWN,
    Reason.INTERRUPTED,
    Reason.SQL_FAILED,
    Reason.SNAPSHOT_FAILED,
    Reason.SNAPSHOT_VOLUME_FULL,
]
QUOTA = Trouble("JobRefused", "exceeded quota: pods")
WEBHOOK = Trouble("JobRefused", "failed calling webhook", passing=True)
PASSES = 50
CAMPAIGN = os.environ.get("SWITCHBACK_CAMPAIGN", "") not in ("", "0")
"""`make test-all` looks at many more worlds."""
OTHER = "ffffffff-000000"


class RandomWorlds(RuleBasedStateMachine):
    """Edits, faults and luck in any order; then the faults stop."""

    @initialize(
        snapshot=st.sampled_from(SNAPSHOTS),
        policy=st.sampled_from(["RequireApproval", "Allow"]),
        limit=st.integers(0, 3),
        clock_error=st.sampled_from([-3600, 0, 3600]),
    )
    def begin(self, snapshot: dict[str, Any], policy: str, limit: int, clock_error: int) -> None:
        spec = {**SPEC, "snapshot": snapshot, "rollback": {"dataLossPolicy": policy}}
        self.world = World(spec={**spec, "execution": {"backoffLimit": limit}})
        self.world.postgres.clock_error = timedelta(seconds=clock_error)

    @rule(fault=st.sampled_from(["none", "none", "none", "conflict", "before", "after"]))
    def reconcile(self, fault: str) -> None:
        self.world.reconcile(fault)

    @rule()
    def reconcile_and_wait(self) -> None:
        self.world.tick(self.world.reconcile())

    @rule(outcome=st.sampled_from(["works", "works", "works", "silent", *FAILURES]), pick=st.integers(0, 9))
    def a_job_ends(self, outcome: str, pick: int) -> None:
        running = [name for name, job in self.world.jobs.items() if not job.ended]
        if running:
            self.world.run(running[pick % len(running)], outcome)

    @rule(pick=st.integers(0, 9))
    def a_job_is_deleted_by_hand(self, pick: int) -> None:
        if self.world.jobs:
            self.world.vanish(sorted(self.world.jobs)[pick % len(self.world.jobs)])

    @rule(mend=st.booleans())
    def a_pod_does_not_start(self, mend: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        for job in self.world.jobs.values():
            if not job.ended:
                job.trouble = None if mend else Trouble("SecretMissing", 'secret "shop-db" not found')

    @rule(refusal=st.sampled_from([None, QUOTA, WEBHOOK]))
    def the_api_server_refuses_jobs(self, refusal: Trouble | None) -> None:
        self.world.refused = refusal

    @rule()
    def stray_pods_end(self) -> None:
        self.world.sweep()

    @rule(version=st.sampled_from(["latest", "0001", "0002", "0003", "base"]))
    def the_target_is_edited(self, version: str) -> None:
        self.world.spec = {**self.world.spec, "target": version}
        self.world.generation += 1

    @rule(count=st.integers(2, 4))
    def the_source_changes(self, count: int) -> None:
        self.world.files = tuple(f"{number:04}" for number in range(1, count + 1))

    @rule(missing=st.booleans())
    def the_source_goes_and_comes(self, missing: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        self.world.source_problem = Trouble("ConfigMapMissing", "no such ConfigMap") if missing else None

    @rule(suspend=st.booleans())
    def suspended(self, suspend: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        self.world.spec = {**self.world.spec, "suspend": suspend}
        self.world.generation += 1

    @precondition(lambda self: self.world.token)
    @rule(right=st.booleans())
    def somebody_approves(self, right: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        self.world.annotations["switchback.dev/approve"] = self.world.token if right else "0123456789abcdef"

    @rule()
    def the_status_is_wiped(self) -> None:
        self.world.status = type(self.world.status)()
        self.world.resource_version += 1

    @precondition(lambda self: not self.world.postgres.holder(self.world.now))
    @rule()
    def somebody_else_migrates(self) -> None:
        todo = [file for file in self.world.files if file not in self.world.postgres.applied]
        self.world.postgres.applied += todo[:1]

    @precondition(lambda self: not self.world.postgres.holder(self.world.now))
    @rule(seconds=st.integers(1, 600))
    def somebody_else_reserves(self, seconds: int) -> None:
        self.world.postgres.reserved_by = OTHER
        self.world.postgres.reserved_until = self.world.now + timedelta(seconds=seconds)

    @rule(seconds=st.integers(1, 1000))
    def time_passes(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    @invariant()
    def conditions_do_not_contradict_each_other(self) -> None:
        if not hasattr(self, "world") or not self.world.status.conditions:
            return
        world = self.world
        assert not (world.condition("Ready") == "True" and world.condition("Stalled") == "True")
        assert not (world.condition("Reconciling") == "True" and world.condition("Stalled") == "True")
        assert world.condition("Finished") != "True" or world.condition("Reconciling") == "False"

    @invariant()
    def status_stays_small(self) -> None:
        if hasattr(self, "world"):
            assert len(str(self.world.status.to_json())) < 32 * 1024

    @override
    def teardown(self) -> None:
        """The faults stop: everything mends, whoever is asked approves, and it ends within 50 passes."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.source_problem = None
        world.refused = None
        if world.postgres.reserved_by == OTHER:
            world.postgres.reserved_by = ""
        world.spec = {**world.spec, "suspend": False}
        world.generation += 1
        world.sweep()
        for _ in range(PASSES):
            for name, job in list(world.jobs.items()):
                job.trouble = None
                if not job.ended:
                    world.run(name)
            if world.token:
                world.annotations["switchback.dev/approve"] = world.token
            decision = world.reconcile()
            settled = isinstance(decision, Settle) and world.observed().status == decision.status
            if settled and not [job for job in world.jobs.values() if not job.ended]:
                break
            world.tick(decision)
        assert world.condition("Finished") == "True", f"not finished within {PASSES} passes: {world.status}"
        assert world.now >= START
        if world.condition("Ready") == "True":
            self._the_database_is_where_it_should_be()

    def _the_database_is_where_it_should_be(self) -> None:
        world, target = self.world, self.world.spec["target"]
        applied = world.postgres.applied
        wished = world.files[-1] if target == "latest" else target
        assert (max(applied) if applied else "base") == wished or wished not in world.files


RandomWorlds.TestCase.settings = settings(
    max_examples=5000 if CAMPAIGN else 300,
    stateful_step_count=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestRandomWorlds = RandomWorlds.TestCase
