"""What a stage may answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.api.status import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.api.conditions import Situation
    from switchback.api.status import Status
    from switchback.controller.decision import Action
    from switchback.controller.view import View


@dataclass(frozen=True, slots=True)
class Done:
    """The stage's purpose is met. `status` carries what it noticed on the way."""

    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Intend:
    """Something will be done: store this status, which names it, first."""

    status: Status


@dataclass(frozen=True, slots=True)
class Do:
    """Do what the stored status names."""

    action: Action


@dataclass(frozen=True, slots=True)
class Wait:
    """Somebody else has to act first. `until` is RFC 3339, empty when only an event can help."""

    situation: Situation
    reason: str
    message: str
    until: str = ""
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """This operation cannot reach its end; a person has to change something."""

    reason: str
    message: str
    outcome: Outcome = Outcome.FAILED


StageResult = Done | Intend | Do | Wait | Fail

if TYPE_CHECKING:
    Stage = Callable[[View], StageResult]
