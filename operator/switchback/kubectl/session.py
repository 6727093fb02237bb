"""One command's way to the API server, and the resource that it is about."""

from __future__ import annotations

import difflib
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from switchback.contract.exits import ExitCode
from switchback.controller.kube.errors import KubeError, NotFoundError, RefusedError
from switchback.controller.kube.kinds import MIGRATIONS, Kind
from switchback.controller.kube.kubeconfig import Access, login_as_person
from switchback.controller.kube.user import UserClient
from switchback.kubectl.problems import Problem
from switchback.kubectl.resource import Resource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from switchback.kubectl.options import Place
    from switchback.kubectl.screen import Screen

NEAREST = 3
NAMESPACES = Kind("", "v1", "namespaces", "Namespace")


@dataclass(frozen=True)
class Session:
    """Who we are, where we look, and where words go."""

    client: UserClient
    screen: Screen
    namespace: str

    @staticmethod
    def now() -> datetime:
        """The time from which ages are counted."""
        return datetime.now(UTC)

    async def pick(self, name: str) -> Resource:
        """The resource of this name, or the only one of the namespace.

        Raises:
            Problem: there is none, or it is not clear which.
        """
        if not name:
            return await self._only()
        try:
            return Resource(await self.client.get(MIGRATIONS, self.namespace, name))
        except NotFoundError as error:
            if not is_missing_object(error):
                raise
        raise await self._unknown(name)

    async def every(self, *, everywhere: bool = False) -> list[Resource]:
        """All resources of the namespace, or of the cluster, in order of name."""
        found = await self.client.find(MIGRATIONS, "" if everywhere else self.namespace)
        return sorted(map(Resource, found), key=lambda one: (one.namespace, one.name))

    async def _only(self) -> Resource:
        found = await self.every()
        if len(found) == 1:
            return found[0]
        if not found:
            raise await self._none()
        raise Problem(
            ExitCode.USAGE,
            "NameMissing",
            f"namespace {self.namespace} has {len(found)} DatabaseMigrations, and none was named.",
            f"Name one: {_some([one.name for one in found])}.",
        )

    async def _unknown(self, name: str) -> Problem:
        known = [one.name for one in await self.every()]
        if not known:
            return await self._none(name)
        near = difflib.get_close_matches(name, known, n=NEAREST, cutoff=0.5) or known
        return Problem(
            ExitCode.USAGE,
            "NotFound",
            f"there is no DatabaseMigration {name} in namespace {self.namespace}.",
            f"There is: {_some(near)}.",
        )

    async def _none(self, name: str = "") -> Problem:
        what = f"no DatabaseMigration {name}" if name else "no DatabaseMigration"
        if not await self._is_there():
            return Problem(
                ExitCode.USAGE,
                "NotFound",
                f"there is no namespace {self.namespace}, and so {what} in it.",
                "Name another one with -n, or see them all: kubectl switchback status -A",
            )
        return Problem(
            ExitCode.USAGE,
            "NotFound",
            f"there is {what} in namespace {self.namespace}, nor any other."
            if name
            else f"there is {what} in namespace {self.namespace}.",
            "Name another namespace with -n, or see all: kubectl switchback status -A",
        )

    async def _is_there(self) -> bool:
        try:
            await self.client.request("GET", f"{NAMESPACES.path()}/{self.namespace}")
        except NotFoundError:
            return False
        except KubeError as error:
            if not isinstance(error, RefusedError):
                raise
        return True


@asynccontextmanager
async def connect(place: Place, screen: Screen) -> AsyncIterator[Session]:
    """A session with the API server that the options and the kubeconfig name.

    Raises:
        LoginError: no usable kubeconfig.
    """
    access = Access(place.kubeconfig, place.context, place.user, place.groups)
    login = await login_as_person(access, os.environ)
    async with UserClient(login.configuration, place.request_seconds) as client:
        yield Session(client, screen, place.namespace or login.namespace)


def is_missing_object(error: NotFoundError) -> bool:
    """Whether the object is missing, and not its kind: of an unknown kind the server has no words."""
    return error.reason == "NotFound" and error.message.endswith("not found")


def _some(names: list[str]) -> str:
    more = len(names) - 10
    return ", ".join(names[:10]) + (f" and {more} more" if more > 0 else "")
