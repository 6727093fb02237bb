"""What a provider's tests bring so that the conformance suite can be run on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from switchback.contract.points import Intent
    from switchback.snapshots.provider import CallProvider


class Rig(ABC):
    """One provider in front of something real enough to misbehave. Made anew for each test."""

    provider: CallProvider

    @abstractmethod
    def intent(self, number: int = 1) -> Intent:
        """A restore point of the database that the provider is set up for; another name for each number."""

    @abstractmethod
    def intent_of_other_database(self) -> Intent:
        """The same wish for a database that the provider's source is not."""

    @abstractmethod
    def intent_of_other_resource(self) -> Intent:
        """A restore point of the same database that another resource wants."""

    @abstractmethod
    async def slow(self) -> None:
        """From now on a restore point stays in the making until `finish`."""

    @abstractmethod
    async def finish(self) -> None:
        """Whatever is in the making becomes available."""

    @abstractmethod
    async def fail(self) -> None:
        """Whatever is in the making fails, and whatever is asked for from now on."""

    @abstractmethod
    async def vanish(self, name: str) -> None:
        """Somebody deletes the artifact of the restore point `name`."""

    @abstractmethod
    async def occupy(self, name: str) -> None:
        """Somebody else's artifact takes the place of the restore point `name`."""

    @abstractmethod
    def unavailable(self) -> AbstractAsyncContextManager[None]:
        """While it lasts the interface does not answer, or is too busy to."""

    @abstractmethod
    def denied(self) -> AbstractAsyncContextManager[None]:
        """While it lasts the operator has no right to anything there."""

    @abstractmethod
    async def lose_next_answer(self) -> None:
        """The next call that makes something is carried out, and its answer is lost."""

    @abstractmethod
    async def count(self) -> int:
        """How many artifacts there are, whoever owns them."""

    @abstractmethod
    def calls(self) -> int:
        """How many requests the interface has seen so far."""
