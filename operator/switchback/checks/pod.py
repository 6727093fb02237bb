"""The pod that runs the checks of one stage."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.api.names import ANNOTATION_SWITCHED, CONTAINER
from switchback.checks import layout
from switchback.checks.conductor import SCRIPT
from switchback.checks.told import told
from switchback.contract.result import DEFAULT_BUDGET
from switchback.snapshots.command import variable
from switchback.snapshots.provider import PodParts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.api.checks import Check, Header
    from switchback.contract.words import CheckStage
    from switchback.snapshots.provider import PodObject

BOX_SIZE = "1Mi"
"""Pipes take no room; a command that writes files there is not meant to."""


KEPT_BYTES = 12 * 1024
"""So much of what they say at their end the kubelet keeps, in equal shares, for the containers of a pod."""


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """Which checks are to run for which operation.

    Attributes:
        checks: those of the stage, in the order of the spec.
        stage: when this is.
        operation_id: id of the operation that asks for it.
        image: of Switchback.
        image_pull_policy: of that image.
        database_env: environment that names the database, as every Job gets it; only checks of kind sql need
            it, and only our own container receives it.
        role: that asks the database; empty: the user that logs in.
        search_path: schemas of the session, in order; empty: as user or database say.
        seconds: longest time for a verdict; then it is inconclusive. 0: no limit but the checks' own.
            AfterCutover has its own.
        soak_seconds: AfterCutover: so long the checks run.
        connect: AfterCutover: `host:port` of the Service, to each of which 20 new connections are made.
        signal: AfterCutover: wait until the pod's annotation `switchback.dev/switched` has a value.
        wait_seconds: longest wait for it.
        result_budget: most bytes of the result.
        beside: how many containers the pod has that are not described here.
    """

    checks: tuple[Check, ...]
    stage: CheckStage
    operation_id: str
    image: str
    image_pull_policy: str = "IfNotPresent"
    database_env: tuple[PodObject, ...] = ()
    role: str = ""
    search_path: tuple[str, ...] = ()
    seconds: int = 0
    soak_seconds: int = 0
    connect: tuple[str, ...] = ()
    signal: bool = False
    wait_seconds: int = 600
    result_budget: int = DEFAULT_BUDGET
    beside: int = 0


def check_pod(request: CheckRequest) -> PodParts:
    """The pod: `switchback` asks and answers; each command has a container of its own that runs beside it."""
    commands = [check for check in request.checks if check.command is not None]
    signal = [_signal()] if request.signal else []
    return PodParts(
        init_containers=tuple(_sidecar(check, request) for check in commands),
        containers=(_ours(request, commands),),
        volumes=(
            *signal,
            *(
                {"name": layout.volume_name(check.name), "emptyDir": {"sizeLimit": BOX_SIZE}}
                for check in commands
            ),
        ),
    )


def _ours(request: CheckRequest, commands: list[Check]) -> PodObject:
    watches = {"name": layout.SIGNAL_VOLUME, "mountPath": layout.SIGNAL_MOUNT, "readOnly": True}
    asks_database = any(check.sql is not None for check in request.checks)
    return {
        "name": CONTAINER,
        "image": request.image,
        "imagePullPolicy": request.image_pull_policy,
        "args": list(_words(request)),
        "env": [
            *(request.database_env if asks_database else ()),
            *(
                variable(layout.spec_variable(number), json.dumps(told(check), ensure_ascii=False))
                for number, check in enumerate(request.checks)
            ),
            *(one for check in request.checks for one in _header_env(check)),
        ],
        "volumeMounts": [*([watches] if request.signal else []), *(_box(check) for check in commands)],
        "terminationMessagePolicy": "File",
    }


def _words(request: CheckRequest) -> Iterator[str]:
    yield from ("check", "--stage", str(request.stage), "--operation-id", request.operation_id)
    if request.seconds:
        yield from ("--seconds", str(request.seconds))
    if request.soak_seconds:
        yield from ("--soak-seconds", str(request.soak_seconds))
    for place in request.connect:
        yield from ("--connect", place)
    if request.signal:
        yield from ("--signal", layout.SIGNAL_FILE, "--wait-seconds", str(request.wait_seconds))
    if request.role:
        yield from ("--role", request.role)
    for schema in request.search_path:
        yield from ("--search-path", schema)
    yield from ("--result-file", "/dev/termination-log", "--result-budget", str(_budget(request)))


def _budget(request: CheckRequest) -> int:
    containers = 1 + sum(check.command is not None for check in request.checks) + request.beside
    return min(request.result_budget, KEPT_BYTES // containers)


def _headers(check: Check) -> tuple[Header, ...]:
    asks = check.http_get or check.prometheus
    return asks.headers if asks is not None else ()


def _header_env(check: Check) -> list[PodObject]:
    """Values that are kept in Secrets: only the kubelet resolves them."""
    return [
        {
            "name": layout.header_variable(check.name, number),
            "valueFrom": {"secretKeyRef": header.value_from.secret_key_ref.to_json()},
        }
        for number, header in enumerate(_headers(check))
        if header.value_from is not None
    ]


def _box(check: Check) -> PodObject:
    return {"name": layout.volume_name(check.name), "mountPath": layout.folder(check.name)}


def _sidecar(check: Check, request: CheckRequest) -> PodObject:
    """The command's container. It runs as long as ours does and ends by itself when ours has ended."""
    if check.command is None:
        raise ValueError("the check has no command")
    told = {
        "SWITCHBACK_CHECK": check.name,
        "SWITCHBACK_STAGE": str(request.stage),
        "SWITCHBACK_OPERATION_ID": request.operation_id,
    }
    return {
        "name": layout.container_name(check.name),
        "image": check.command.image,
        "restartPolicy": "Always",
        "command": ["/bin/sh", "-c", SCRIPT, "check", layout.folder(check.name), *check.command.command],
        "env": [variable(name, value) for name, value in told.items()],
        "volumeMounts": [_box(check)],
    }


def _signal() -> PodObject:
    return {
        "name": layout.SIGNAL_VOLUME,
        "downwardAPI": {
            "items": [
                {
                    "path": layout.SIGNAL_FILE.rpartition("/")[2],
                    "fieldRef": {"fieldPath": f"metadata.annotations['{ANNOTATION_SWITCHED}']"},
                }
            ]
        },
    }
