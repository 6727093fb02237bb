"""`decide` in random worlds: whatever happens around it, it keeps its promises, and then comes to an end."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from switchback.api import names
from switchback.contract.points import Failure, Phase
from switchback.contract.reasons import Reason
from switchback.contract.words import CLOSING, Operation
from switchback.controller.decision import Settle
from switchback.controller.observed import Namespace, PolicyState, Trouble
from tests.property.database import START
from tests.property.keeping import TROUBLES
from tests.property.world import UID, World

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
    {"rds": {"instance": "shop", "region": "eu-west-1"}},
]
FENCE = {"image": "fence:1", "command": ["/fence"]}
FAILURES = [
    Reason.CONNECTION_REFUSED,
    Reason.AUTHENTICATION_FAILED,
    Reason.LOCK_TIMEOUT,
    Reason.OUTCOME_UNKNOWN,
    Reason.INTERRUPTED,
    Reason.SQL_FAILED,
    Reason.SNAPSHOT_FAILED,
    Reason.SNAPSHOT_VOLUME_FULL,
    Reason.FENCE_COMMAND_FAILED,
]
QUOTA = Trouble("JobRefused", "exceeded quota: pods")
WEBHOOK = Trouble("JobRefused", "failed calling webhook", passing=True)
PASSES = 80
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
        goes=st.booleans(),
        before=st.sampled_from(["Never", "Never", "Always"]),
        failing=st.sampled_from(["Abort", "Continue"]),
        fenced=st.booleans(),
        deletes=st.booleans(),
    )
    def begin(  # noqa: PLR0917 - Hypothesis draws them by name
        self,
        snapshot: dict[str, Any],
        policy: str,
        limit: int,
        clock_error: int,
        goes: bool,  # noqa: FBT001 - drawn by Hypothesis
        before: str,
        failing: str,
        fenced: bool,  # noqa: FBT001 - drawn by Hypothesis
        deletes: bool,  # noqa: FBT001 - drawn by Hypothesis
    ) -> None:
        self.goes, self.witness_lost = goes, False
        rules = {"beforeMigratePolicy": before, "migrateFailurePolicy": failing}
        fence = {"fence": FENCE} if fenced else {}
        rules["deletionPolicy"] = "Delete" if deletes else "Retain"
        snapshot = {**snapshot, **rules, **fence, "retention": {"minimumCount": 1, "minimumAgeSeconds": 0}}
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
    def a_job_has_done_its_work_and_has_not_ended(self, pick: int) -> None:
        running = [name for name, job in self.world.jobs.items() if not job.ended and not job.done]
        if running:
            job = self.world.jobs[running[pick % len(running)]]
            self.world.run(job.job.name)
            job.done, job.ended = job.ended, False

    @rule(pick=st.integers(0, 9))
    def a_job_is_deleted_by_hand(self, pick: int) -> None:
        if self.world.jobs:
            self.world.vanish(sorted(self.world.jobs)[pick % len(self.world.jobs)])
            self._note_witness()

    @rule(mend=st.booleans())
    def a_pod_does_not_start(self, mend: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        for job in self.world.jobs.values():
            if not job.ended:
                job.trouble = None if mend else Trouble("SecretMissing", 'secret "shop-db" not found')

    @rule(refusal=st.sampled_from([None, QUOTA, WEBHOOK]))
    def the_api_server_refuses_jobs(self, refusal: Trouble | None) -> None:
        self.world.refused = refusal

    @rule(phase=st.sampled_from([Phase.AVAILABLE, Phase.AVAILABLE, Phase.FAILED, Phase.ABSENT]))
    def the_provider_goes_on(self, phase: Phase) -> None:
        self.world.keeping.go_on(phase)

    @rule(trouble=st.sampled_from(TROUBLES))
    def the_provider_is_in_trouble(self, trouble: Failure | None) -> None:
        self.world.keeping.trouble = trouble

    @rule()
    def the_fence_is_edited_away(self) -> None:
        snapshot = {key: value for key, value in self.world.spec["snapshot"].items() if key != "fence"}
        self.world.spec = {**self.world.spec, "snapshot": snapshot}
        self.world.generation += 1

    def _note_witness(self) -> None:
        """Whether a fence is up of which neither status nor a Job tells: nobody can know then."""
        jobs = [job for job in self.world.jobs.values() if job.job.step is Operation.FENCE]
        told = self.world.status.operation is not None and self.world.status.operation.fence is not None
        wanted = "fence" in self.world.spec["snapshot"]
        self.witness_lost |= self.world.keeping.fenced and not told and not (jobs and wanted)

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

    @rule(
        policy=st.sampled_from(["Automatic", "Manual"]),
        what=st.sampled_from(["migratePolicy", "rollbackPolicy"]),
    )
    def the_approval_policy_is_edited(self, what: str, policy: str) -> None:
        self.world.spec = {
            **self.world.spec,
            "approval": {**self.world.spec.get("approval", {}), what: policy},
        }
        self.world.generation += 1

    @rule(
        value=st.sampled_from(["", "rollback", "migrate.rollback", "yes"]),
        policy=st.sampled_from(list(PolicyState)),
    )
    def the_namespace_asks_for_approval(self, value: str, policy: PolicyState) -> None:
        labels = {"switchback.dev/require-approval": value} if value else {}
        self.world.around, self.world.policy = Namespace(labels), policy
        self.world.seal = f"policy {self.world.generation}" if policy is PolicyState.PRESENT else ""

    @precondition(lambda self: self.world.status.operation)
    @rule(what=st.sampled_from(["abort", "retry"]), nonce=st.integers(1, 3), own=st.booleans())
    def somebody_asks(self, what: str, nonce: int, own: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        operation = self.world.status.operation
        about = operation.id if own and operation is not None else "other"
        self.world.annotations[f"switchback.dev/{what}"] = f"{about}/{nonce}"

    @precondition(lambda self: self.world.status.operation)
    @rule(version=st.sampled_from(["0001", "0002", "0003", "base"]))
    def somebody_asks_for_a_rollback(self, version: str) -> None:
        operation = self.world.status.operation
        assert operation is not None
        self.world.annotations["switchback.dev/rollback"] = f"{version}/{operation.intent_digest}"

    @rule(what=st.sampled_from(["preview", "inspect"]), version=st.sampled_from(["0001", "latest", "base"]))
    def somebody_wants_a_look(self, what: str, version: str) -> None:
        self.world.annotations[f"switchback.dev/{what}"] = f"{version}/{len(self.world.created)}"

    @precondition(lambda self: self.world.token)
    @rule()
    def somebody_rejects(self) -> None:
        self.world.annotations["switchback.dev/reject"] = self.world.token

    @rule()
    def annotations_are_lost(self) -> None:
        self.world.annotations.clear()

    @precondition(lambda self: self.world.token)
    @rule(right=st.booleans())
    def somebody_approves(self, right: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        self.world.annotations["switchback.dev/approve"] = self.world.token if right else "0123456789abcdef"

    @rule()
    def the_status_is_wiped(self) -> None:
        self.world.status = type(self.world.status)()
        self.world.resource_version += 1
        self._note_witness()

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
        if hasattr(self, "world") and self.world.status.conditions:
            self.world.conditions_agree()

    @invariant()
    def nobody_is_kept_out_while_a_person_is_asked(self) -> None:
        if not hasattr(self, "world") or not self.world.keeping.fenced or self.witness_lost:
            return
        ready = next((c.reason for c in self.world.status.conditions if c.type == "Ready"), "")
        assert ready != "AwaitingApproval", "writers wait for a person"

    @invariant()
    def status_stays_small(self) -> None:
        if hasattr(self, "world"):
            assert len(str(self.world.status.to_json())) < 32 * 1024

    @override
    def teardown(self) -> None:
        """The faults stop: everything mends, whoever is asked approves, and it ends within 50 passes."""
        if not hasattr(self, "world"):
            return
        self._faults_stop()
        world = self.world
        if self.goes:
            self._it_is_deleted()
            return
        world.spec = {**world.spec, "suspend": False}
        world.generation += 1
        world.sweep()
        for _ in range(PASSES):
            for name, job in list(world.jobs.items()):
                job.trouble = None
                if not job.ended:
                    world.run(name)
            world.sweep()
            world.keeping.go_on(Phase.AVAILABLE)
            if world.token:
                assert not world.keeping.fenced or self.witness_lost, "writers wait for a person"
                world.annotations["switchback.dev/approve"] = world.token
            decision = world.reconcile()
            settled = isinstance(decision, Settle) and world.observed().status == decision.status
            if settled and not [job for job in world.jobs.values() if not job.ended]:
                break
            world.tick(decision)
        deletes = world.spec["snapshot"].get("deletionPolicy") == "Delete"
        assert not world.finalizers or deletes, "it may not be deleted although nothing is in flight"
        assert not world.keeping.fenced or self.witness_lost, "writers are kept out for ever"
        self._looks_are_answered()
        assert world.condition("Finished") == "True", f"not finished within {PASSES} passes: {world.status}"
        assert world.now >= START
        if world.condition("Ready") == "True":
            self._the_database_is_where_it_should_be()

    def _faults_stop(self) -> None:
        world = self.world
        world.source_problem = None
        world.refused = None
        world.keeping.trouble = None
        world.policy = PolicyState.PRESENT
        for request in ("abort", "rollback", "reject"):
            world.annotations.pop(f"switchback.dev/{request}", None)
        if world.postgres.reserved_by == OTHER:
            world.postgres.reserved_by = ""

    def _it_is_deleted(self) -> None:
        """Nothing of it runs on or holds the database when our finalizer goes."""
        world = self.world
        world.deleted_at = world.now
        for _ in range(PASSES):
            if not world.finalizers:
                break
            decision = world.reconcile()
            for name, job in list(world.jobs.items()):
                job.trouble = None
                if job.deleting or job.job.step in CLOSING:
                    world.run(name)
            world.sweep()
            world.tick(decision)
        assert not world.finalizers, f"still held after {PASSES} passes: {world.status}"
        assert not world.keeping.fenced or self.witness_lost, "writers are kept out for ever"
        holder = world.postgres.holder(world.now)
        lost = world.status.operation is None or not world.status.operation.reserved_until
        assert lost or holder.split("-")[0] != names.uid_hash(UID), "the database stays reserved"

    def _looks_are_answered(self) -> None:
        world = self.world
        handled = world.status.last_handled.to_json() if world.status.last_handled else {}
        for kind in ("preview", "inspect"):
            asked = world.annotations.get(f"switchback.dev/{kind}", "")
            assert handled.get(kind, "") == asked or not asked

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
