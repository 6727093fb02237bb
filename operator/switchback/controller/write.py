"""Writing a status: as a whole, by server-side apply, only over the version that was looked at.

Server-side apply with our own field manager removes what we no longer say, unless another manager holds it as
well: one who put back a status from a backup, or edited it by hand. A Job that the status goes on naming
would be counted as lost again and again, so then all that we do not say is removed by a merge patch.
The resourceVersion makes a status of an outdated look impossible; a status that says nothing new is not sent,
because every write wakes us up again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.api.fit import fitted
from switchback.controller.kube.kinds import MIGRATIONS

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.controller.kube.client import Client
    from switchback.controller.observed import Observed


async def write(client: Client, world: Observed, status: Status) -> dict[str, Any] | None:
    """Stores `status` unless it is there already. Returns the resource as it is then; None: nothing was sent.

    Raises:
        ConflictError: the resource is no longer as it was observed; look again.
        NotFoundError: it is gone.
    """
    wanted = fitted(status).to_json()
    # As JSON: an empty part and an absent one are the same once they are stored.
    if wanted == world.status.to_json():
        return None
    body: dict[str, Any] = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "name": world.name,
            "namespace": world.namespace,
            "uid": world.uid,
            "resourceVersion": world.resource_version,
        },
        "status": wanted,
    }
    if world.status_shared:
        body["status"] = over(world.status.to_json(), wanted)
        return await client.merge(MIGRATIONS, world.namespace, world.name, body, part="status")
    return await client.apply_status(MIGRATIONS, world.namespace, world.name, body)


def over(stored: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The JSON merge patch that makes `wanted` of `stored`: with null for what is not there any more."""
    parts = {
        key: over(stored[key], value)
        if isinstance(value, dict) and isinstance(stored.get(key), dict)
        else value
        for key, value in wanted.items()
    }
    return parts | dict.fromkeys(stored.keys() - wanted.keys())
