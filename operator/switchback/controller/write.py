"""Writing a status: as a whole, by server-side apply, only over the version that was looked at.

Server-side apply with our own field manager removes what we no longer say and leaves alone what somebody else
added. The resourceVersion makes a status of an outdated look impossible; a status that says nothing new is
not sent, because every write wakes us up again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api import names
from switchback.api.fit import fitted
from switchback.controller.kube.kinds import MIGRATIONS

if TYPE_CHECKING:
    from switchback.api.status import Status
    from switchback.controller.kube.client import Client
    from switchback.controller.observed import Observed


async def write(client: Client, world: Observed, status: Status) -> bool:
    """Stores `status` unless it is there already. Returns whether anything was sent.

    Raises:
        ConflictError: the resource is no longer as it was observed; look again.
        NotFoundError: it is gone.
    """
    wanted = fitted(status).to_json()
    # As JSON: an empty part and an absent one are the same once they are stored.
    if wanted == world.status.to_json():
        return False
    body = {
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
    await client.apply_status(MIGRATIONS, world.namespace, world.name, body)
    return True
