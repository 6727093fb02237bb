"""What a story on the cluster is told with: a namespace with resources in it, judged from outside.

`World` is the namespace of one test; `Migration` one resource in it. What they tell comes from the API
server's watch and audit log, from pods and from the database. Of our status they read what a test is about.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.api import names
from tests.e2e.kube import RefusedError, url_path
from tests.e2e.states import condition, is_true, operation, reason, step_of, version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cluster.audit import Event as Request
    from tests.cluster.backends.base import Volume
    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Kube, Object
    from tests.e2e.postgres import Database, Server
    from tests.e2e.recorder import Recorder

SECONDS = 60.0
"""Longest wait for the end of an operation. A Job takes two to three seconds on two busy cores."""

KEY = "DATABASE_URL"

NO_SNAPSHOT = {"none": {"acknowledge": True}}
ALLOW_LOSS = {"dataLossPolicy": "Allow"}
CLAIM = "restore-points"


def pg_dump(*, deadlineSeconds: int = 120, **options: Any) -> Object:  # noqa: N803 - the field's own name
    """`spec.snapshot` with a dump to the claim that `World.claim` makes."""
    return {
        "pgDump": {"persistentVolumeClaim": {"claimName": CLAIM}, **options},
        "deadlineSeconds": deadlineSeconds,
    }


@dataclass
class World:
    """The namespace of one test, and everything that looks at it."""

    cluster: Cluster
    kube: Kube
    recorder: Recorder
    namespace: str
    server: Server
    make_volume: Callable[[str], Volume]
    neighbour: Callable[[], str]
    """Makes a further namespace."""
    since: int
    """Where the audit log ended when the test began."""

    # given

    def elsewhere(self) -> World:
        """The same world with a namespace of its own."""
        return World(**{**vars(self), "namespace": self.neighbour()})

    def secret(self, name: str, **values: str) -> None:
        """Create or replace a Secret."""
        self._apply("v1", "Secret", name, stringData=values)

    def files(self, name: str, files: Mapping[str, str]) -> None:
        """Create or replace a ConfigMap."""
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": dict(files)}
        if self.kube.find("ConfigMap", self.namespace, name) is None:
            self.kube.create(body, self.namespace)
        else:
            self.kube.json("PUT", url_path("ConfigMap", self.namespace, name), body=body)

    def claim(self, size: str = "64Mi", name: str = CLAIM) -> Volume:
        """A claim that is bound to a volume of limited size."""
        volume = self.make_volume(size)
        self.kube.create(volume.claim(name), self.namespace)
        return volume

    def migration(
        self,
        owned: Database,
        files: Mapping[str, str] | None = None,
        /,
        *,
        name: str = "shop",
        target: str = "latest",
        **spec: Any,
    ) -> Migration:
        """A resource with the Secret and the ConfigMap that it names; fields of `spec` as the CRD has them.

        With `files` None there is no ConfigMap. `database` and `source` may be replaced in `spec`.
        """
        if "database" not in spec:
            self.secret(f"{name}-db", **{KEY: owned.url})
        if files is not None:
            self.files(f"{name}-files", files)
        made = Migration(self, name, owned)
        made.create(
            {
                "target": target,
                "operationDeadlineSeconds": 300,
                "database": {"urlFrom": {"secretKeyRef": {"name": f"{name}-db", "key": KEY}}},
                "source": {"configMapRefs": [{"name": f"{name}-files"}]},
                **spec,
            }
        )
        return made

    # then

    def jobs_created(self, step: str = "") -> list[Request]:
        """Jobs that the API server took in this namespace, in order, by its audit log."""
        found = self.cluster.audit(
            since=self.since, namespace=self.namespace, resource="jobs", verb="create", code=201
        )
        return sorted(
            (one for one in found if not step or step_of(one) == step), key=lambda one: one.received
        )

    def steps(self) -> list[str]:
        """What these Jobs did, in order."""
        return [step_of(one) for one in self.jobs_created()]

    def jobs(self) -> list[Object]:
        """The Jobs that are there now."""
        return self.kube.list("Job", self.namespace)

    def pods(self) -> list[Object]:
        """The pods that are there now."""
        return self.kube.list("Pod", self.namespace)

    def _apply(self, version: str, kind: str, name: str, **parts: Any) -> Object:
        body = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **parts}
        return self.kube.apply(body, self.namespace)


class Migration:
    """One DatabaseMigration. Waits look at every state it passes through after the last change."""

    def __init__(self, world: World, name: str, database: Database) -> None:
        self.world = world
        self.name = name
        self.database = database
        self._since = 0
        self._generation = 0

    # when

    def create(self, spec: Object) -> Object:
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {"name": self.name},
            "spec": spec,
        }
        return self._changed(self.world.kube.create(body, self.world.namespace))

    def apply(self, spec: Object) -> Object:
        """As `kubectl apply --server-side` with only these fields."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {"name": self.name},
            "spec": spec,
        }
        return self._changed(self.world.kube.apply(body, self.world.namespace))

    def edit(self, **spec: Any) -> Object:
        """Change fields of the spec."""
        return self._changed(self._patch({"spec": spec}))

    def annotate(self, **annotations: str | None) -> Object:
        """Set annotations of ours, without their prefix; None removes. An approval says whose it is."""
        if "approve" in annotations:
            annotations = {"approved_by": self.world.kube.username, **annotations}
        ours = {f"{names.GROUP}/{key.replace('_', '-')}": value for key, value in annotations.items()}
        return self._changed(self._patch({"metadata": {"annotations": ours}}))

    def ask(self, what: str, token: str = "") -> str:
        """Set the annotation of a request about the operation at hand; gives its token."""
        token = token or f"{operation(self.now())['id']}/{secrets.token_hex(4)}"
        self.annotate(**{what: token})
        return token

    def answered(self, what: str, token: str, *, seconds: float = SECONDS) -> Object:
        """The first state in which the operator has noted a request."""

        def check(state: Object) -> bool:
            return bool(state.get("status", {}).get("lastHandled", {}).get(what) == token)

        return self.until(f"{what} {token} is noted", check, seconds=seconds)

    def refile(self, files: Mapping[str, str]) -> None:
        """Replace the content of its ConfigMap, and remember the moment."""
        self.world.files(f"{self.name}-files", files)
        self._changed(self.now())

    def wipe_status(self) -> Object:
        """Remove the whole status, as a restore by copies of objects does."""
        return self.put_status({"observedGeneration": -1})

    def put_status(self, status: Object) -> Object:
        """Give it another status, as a restore of the API server's store does."""
        path = url_path(names.KIND, self.world.namespace, self.name, "status")

        def put() -> Object | None:
            with suppress(RefusedError):  # the operator has written meanwhile
                return self.world.kube.json("PUT", path, body={**self.now(), "status": status})
            return None

        return self._changed(self.world.recorder.wait("the status is replaced", put, seconds=10))

    def delete(self) -> None:
        """Delete it and wait until it is gone."""
        self.world.kube.delete(names.KIND, self.world.namespace, self.name)
        self.world.recorder.wait(f"{self.name} is gone", lambda: self.find() is None, seconds=SECONDS)

    # then

    def find(self) -> Object | None:
        return self.world.kube.find(names.KIND, self.world.namespace, self.name)

    def now(self) -> Object:
        return self.world.kube.get(names.KIND, self.world.namespace, self.name)

    def states(self) -> list[Object]:
        """Every state since the last change that this test made, that change first."""
        seen = self.world.recorder.states(names.KIND, self.world.namespace, self.name)
        return [state for state in seen if version(state) >= self._since]

    def until(self, what: str, check: Callable[[Object], bool], *, seconds: float = SECONDS) -> Object:
        """The first state since the last change for which `check` holds."""

        def look() -> Object | None:
            return next((state for state in self.states() if check(state)), None)

        return self.world.recorder.wait(f"{self.world.namespace}/{self.name}: {what}", look, seconds=seconds)

    def seen(self, *, seconds: float = SECONDS) -> Object:
        """The first state in which the operator has looked at the last edit."""
        return self.until("the operator has seen the last edit", self._is_seen, seconds=seconds)

    def finished(self, *, after: str = "", seconds: float = SECONDS) -> Object:
        """The first state since the last edit in which the intent has ended, well or not.

        `after`: id of an operation that has ended before; another one has to.
        """

        def check(state: Object) -> bool:
            return self._is_seen(state) and is_true(state, "Finished") and operation(state).get("id") != after

        return self.until("Finished", check, seconds=seconds)

    def succeeded(self, *, after: str = "", seconds: float = SECONDS) -> Object:
        """It has ended, and well."""
        state = self.finished(after=after, seconds=seconds)
        assert is_true(state, "Ready"), f"it ended, but not well: {condition(state, 'Ready')}"
        assert not is_true(state, "Stalled")
        return state

    def stalled(self, why: str, *, after: str = "", seconds: float = SECONDS) -> Object:
        """It has ended and waits for a person, for this reason. The message is bounded."""
        state = self.finished(after=after, seconds=seconds)
        stalled = condition(state, "Stalled")
        assert (stalled["status"], stalled["reason"]) == ("True", why), stalled
        assert condition(state, "Ready")["status"] == "False"
        for one in state["status"]["conditions"]:
            assert len(one["message"].encode()) <= 512
        return state

    def retrying(self, why: str, *, seconds: float = SECONDS) -> Object:
        """It says why it does not get on while it goes on trying."""

        def check(state: Object) -> bool:
            return is_true(state, "Reconciling") and reason(state, "SchemaReady") == why

        state = self.until(f"retrying because of {why}", check, seconds=seconds)
        assert condition(state, "SchemaReady")["status"] == "False"
        assert reason(state, "Reconciling") == why
        assert not is_true(state, "Stalled")
        assert not is_true(state, "Finished")
        return state

    def running(self, step: str, *, seconds: float = SECONDS) -> Object:
        """Its Job for a step is there."""
        owned = {"uid": self.now()["metadata"]["uid"]}

        def look() -> Object | None:
            jobs = self.world.recorder.states("Job", self.world.namespace)
            mine = [job for job in jobs if owned.items() <= job["metadata"]["ownerReferences"][0].items()]
            fresh = [job for job in mine if version(job) >= self._since]
            return next((job for job in fresh if job["metadata"]["labels"][names.LABEL_STEP] == step), None)

        return self.world.recorder.wait(f"a Job for step {step}", look, seconds=seconds)

    def _is_seen(self, state: Object) -> bool:
        return int(state.get("status", {}).get("observedGeneration", -1)) >= self._generation

    def _patch(self, body: Object) -> Object:
        return self.world.kube.patch(names.KIND, self.world.namespace, self.name, body)

    def _changed(self, state: Object) -> Object:
        self._since = version(state)
        self._generation = int(state["metadata"]["generation"])
        return state
