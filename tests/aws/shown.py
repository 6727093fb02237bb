"""What an answer shows of an instance or a cluster other than moto would."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from moto.rds.models import DBInstance

from tests.aws.world import World, moment

if TYPE_CHECKING:
    from moto.core.responses import ActionResult

BEHIND = timedelta(minutes=5)
"""How far the last restorable time is behind; moto says that it is now."""


class Shown:
    """One of moto's models, with some of it in other words. The model is not changed."""

    def __init__(self, model: Any, **other: Any) -> None:
        self.__dict__.update(other)
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def shown(world: World, result: ActionResult, kind: str) -> ActionResult:
    """Show instances or clusters where they really listen; nowhere while they are being created."""
    answer = held(result)
    answer[kind] = [_shown(world, model) for model in answer[kind]]
    return result


def held(result: ActionResult) -> dict[str, Any]:
    """What an action of moto answers, before it becomes XML."""
    return cast("dict[str, Any]", result._result)  # noqa: SLF001  # there is no other way to it


def _shown(world: World, model: Any) -> Any:
    behind = moment(world.now()) - BEHIND
    if model.arn in world.births:
        return Shown(model, endpoint=None, latest_restorable_time=None)
    address, port = world.endpoints.get(model.arn, ("", 0))
    if not address:
        return Shown(model, latest_restorable_time=behind)
    if isinstance(model, DBInstance):
        endpoint = {"Address": address, "Port": port, "HostedZoneId": "Z1RLNUO7B9Q6NB"}
        return Shown(model, endpoint=endpoint, latest_restorable_time=behind)
    return Shown(model, endpoint=address, port=port, latest_restorable_time=behind)
