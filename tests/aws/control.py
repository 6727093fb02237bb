"""The control surface: what a test makes, sets, breaks and asks. Plain values only: it is JSON too."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from moto.moto_api._internal.models import moto_api_backend
from moto.rds.models import DBCluster, DBSnapshot
from moto.s3.models import s3_backends

from tests.aws import life, make
from tests.aws.answers import Answer
from tests.aws.faults import Rule
from tests.aws.make import Traits
from tests.aws.world import ACCOUNT, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.aws.call import Call
    from tests.aws.shim import Shim


class Control:
    """Everything about one fake AWS that a test may want. Its methods are the paths below `/_shim`."""

    def __init__(self, shim: Shim) -> None:
        self._shim = shim
        self._world = shim.world

    # --- how it behaves -------------------------------------------------------------------------------------

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings (`tests.aws.world.Settings`); return all of them."""
        with self._world.lock:
            self._world.settings = dataclasses.replace(self._world.settings, **changes)
            return dataclasses.asdict(self._world.settings)

    def advance(self, seconds: float) -> float:
        """Put the clock forward; return what it shows."""
        self._world.ahead += seconds
        return self._world.now()

    def reset(self) -> None:
        """Forget everything: resources, calls, rules, settings."""
        with self._world.lock:
            moto_api_backend.reset()
            self._world.clear()
            self._shim.rules.remove()
            self._shim.book.clear()

    # --- what goes wrong ------------------------------------------------------------------------------------

    def fault(
        self,
        action: str,
        *,
        times: int | None = 1,
        skip: int = 0,
        where: Mapping[str, str] | None = None,
        error: str = "",
        status: int = 0,
        text: str = "",
        denies: str = "",
        body: str = "",
        delay: float = 0.0,
        late: float = 0.0,
        drop: str = "",
        before: Callable[[Call], Any] | None = None,
        after: Callable[[Call], Any] | None = None,
    ) -> int:
        """Let calls of an action go wrong (`tests.aws.faults.Rule`); return the number of the rule.

        `before` and `after` are for the process of the fake AWS only.
        """
        return self._shim.rules.add(
            Rule(
                action,
                times,
                skip,
                where or {},
                error,
                status,
                text,
                denies,
                body,
                delay,
                late,
                drop,
                before,
                after,
            )
        )

    def faults(self) -> list[dict[str, Any]]:
        """All rules, and with how many calls each has gone wrong."""
        return [rule.told() for rule in self._shim.rules.all()]

    def heal(self, number: int | None = None) -> None:
        """Remove one rule, or all."""
        self._shim.rules.remove(number)

    # --- what was asked -------------------------------------------------------------------------------------

    def calls(self, action: str = "") -> list[Call]:
        """The calls of an action, or all of them, in order. Without secrets."""
        return self._shim.book.calls(action)

    def counts(self) -> dict[str, int]:
        """How often each action was asked for."""
        counts: dict[str, int] = {}
        for call in self._shim.book.calls():
            counts[call["action"]] = counts.get(call["action"], 0) + 1
        return counts

    def forget_calls(self) -> None:
        """Begin to count anew."""
        self._shim.book.clear()

    # --- RDS ------------------------------------------------------------------------------------------------

    def make_instance(self, name: str, **traits: Any) -> dict[str, Any]:
        """Make an instance of PostgreSQL that is available (`tests.aws.make.Traits`)."""
        with self._world.lock:
            made = make.instance(self._world, name, Traits(**{"engine": "postgres"} | traits))
            return {"arn": made.arn, "resource_id": made.dbi_resource_id}

    def make_cluster(self, name: str, *, members: int = 2, **traits: Any) -> dict[str, Any]:
        """Make an Aurora cluster (`tests.aws.make.Traits`) with members."""
        with self._world.lock:
            made = make.cluster(
                self._world, name, Traits(**{"engine": "aurora-postgresql"} | traits), members
            )
            names = [member.db_instance_identifier for member in made.members]
            return {"arn": made.arn, "resource_id": made.db_cluster_resource_id, "members": names}

    def make_snapshots(
        self,
        source: str,
        *names: str,
        automated: bool = False,
        tags: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Make finished snapshots of an instance or a cluster; return their ARNs."""
        with self._world.lock:
            return [
                make.snapshot(self._world, source, name, automated=automated, tags=tags or {}).arn
                for name in names
            ]

    def set_source(
        self, name: str, *, status: str | None = None, address: str | None = None, port: int = 5432
    ) -> None:
        """Set the status of an instance or a cluster to any text, or where it listens."""
        with self._world.lock:
            found = make.find_source(self._world, name)
            if status is not None:
                self._world.births.pop(found.arn, None)
                found.status = status
            if address is not None:
                self._world.endpoints[found.arn] = (address, port)

    def plan_snapshots(
        self, times: int = 1, *, seconds: float = 0.0, outcome: str = "available", stops_at: int = 100
    ) -> None:
        """Say what happens to the next snapshots. One that is to fail stops at some percentage."""
        with self._world.lock:
            self._world.plans.extend(Plan(seconds, outcome, stops_at) for _ in range(times))

    def set_snapshot(self, name: str, status: str | None = None, **fields: Any) -> None:
        """Set the status of a snapshot, for good, or a field by moto's name for it (`encrypted`)."""
        with self._world.lock:
            found = make.find_snapshot(self._world, name)
            if status is not None:
                self._world.lives[found.arn].forced = status
            for field, value in fields.items():
                if not hasattr(found, field):
                    raise KeyError(f"a snapshot has no {field!r}")
                setattr(found, field, value)
            life.refresh(self._world, found.backend)

    def lose_snapshot(self, name: str) -> None:
        """Let a snapshot be gone, as when somebody else has deleted it."""
        with self._world.lock:
            found = make.find_snapshot(self._world, name)
            life.forget(self._world, found.backend, found)

    def snapshots(self) -> list[dict[str, Any]]:
        """The snapshots of the region, without a call that would be counted."""
        with self._world.lock:
            return [
                {
                    "name": found.resource_id,
                    "kind": "instance" if isinstance(found, DBSnapshot) else "cluster",
                    "type": found.snapshot_type,
                    "status": found.status,
                    "tags": {tag["Key"]: tag["Value"] for tag in found.tags},
                }
                for found in life.snapshots(make.region(self._world))
            ]

    def source(self, name: str) -> dict[str, Any]:
        """An instance or a cluster: its status and its identity."""
        with self._world.lock:
            found = make.find_source(self._world, name)
            cluster = isinstance(found, DBCluster)
            identity = found.db_cluster_resource_id if isinstance(found, DBCluster) else found.dbi_resource_id
            return {"arn": found.arn, "resource_id": identity, "cluster": cluster, "status": found.status}

    # --- S3 -------------------------------------------------------------------------------------------------

    def make_bucket(self, name: str, *, needs_encryption: str = "") -> None:
        """Make a bucket. `needs_encryption`: `any`, `AES256` or `aws:kms`; other uploads are refused."""
        with self._world.lock:
            s3_backends[ACCOUNT]["aws"].create_bucket(name, self._world.settings.region)
            if needs_encryption:
                self._world.encryption[name] = needs_encryption


def serve(control: Control, method: str, path: str, body: bytes) -> Answer:
    """The control surface over HTTP: `POST /_shim/<method>` with the arguments as a JSON object.

    Positional ones stand in `"args"`. `GET /_shim` says what it is like here.
    """
    name = path.strip("/")
    if method == "GET" and not name:
        return _json(
            200, {"counts": control.counts(), "faults": control.faults(), "settings": control.settings()}
        )
    chosen = getattr(control, name, None) if name and not name.startswith("_") else None
    if method != "POST" or chosen is None:
        return _json(404, {"error": f"there is no {method} {name!r} here"})
    try:
        given = json.loads(body or b"{}")
        return _json(200, chosen(*given.pop("args", []), **given))
    except Exception as error:  # noqa: BLE001  # whoever asks has to know, and the server goes on
        return _json(400, {"error": f"{type(error).__name__}: {error}"})


def _json(status: int, value: Any) -> Answer:
    return Answer(status, [("Content-Type", "application/json")], json.dumps(value, default=str).encode())
