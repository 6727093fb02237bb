"""Opening connections for a session: the address is read when the first one is needed."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from switchback.runner import connect, trouble, url
from switchback.runner.errors import RunnerError
from switchback.runner.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import psycopg

    from switchback.runner.address import Address
    from switchback.runner.connect import Wishes


class Opener:
    """Callable by purpose, as `Session.open` wants it.

    Args:
        text: what --url says; None: look into the environment.
        wishes: what the sessions are to be.
        warn: gets what the address says in vain.
        pause: waits so many seconds while a server starts up, or raises when somebody stops the run.
    """

    def __init__(
        self,
        text: str | None,
        wishes: Wishes,
        warn: Callable[[str], None],
        pause: Callable[[float], None],
    ) -> None:
        self.text = text
        self.wishes = wishes
        self.warn = warn
        self.pause = pause
        self._redactor = Redactor(() if text is None else (text,))

    def redactor(self) -> Redactor:
        """What cleans texts of this address's secrets, as far as the address is known by now."""
        known = self.__dict__.get("address")
        if known is not None and known.tokens is not None:
            return Redactor(known.hidden)  # every connection has added to it
        return self._redactor

    @cached_property
    def address(self) -> Address:
        """Which database.

        Raises:
            RunnerError: `UrlMissing`, `UrlInvalid`.
        """
        try:
            found = url.from_environment(self.text)
        except RunnerError:
            self._redactor = Redactor()  # its words are ours: nothing of the address is in them
            raise
        self._redactor = Redactor(found.secrets)
        for notice in found.notices:
            self.warn(notice)
        return found

    def __call__(self, purpose: str, within: float | None = None) -> psycopg.Connection[Any]:
        """A new connection in autocommit. `within`: longest time for an attempt, in seconds.

        Raises:
            RunnerError: of connecting.
        """
        return connect.connect(self.address, replace(self.wishes, within=within), purpose, self.pause)

    def prove_apart(self, first: psycopg.Connection[Any], second: psycopg.Connection[Any]) -> None:
        """Prove that two idle connections are two sessions of the server.

        Raises:
            RunnerError: `PoolerRefused`.
        """
        connect.prove_apart(first, second, self.address)

    def renewed(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """Parameters of a connection that was made, with a password that is good for another one.

        Tokens are not for long; other passwords stay what they are.

        Raises:
            RunnerError: `AuthenticationFailed`; no token could be made.
        """
        address = self.address
        if address.tokens is None:
            return dict(parameters)
        met = (parameters.get("host"), parameters.get("port"))
        host = next((one for one in address.hosts if (one.name, str(one.port)) == met), address.hosts[0])
        return {**parameters, "password": address.tokens.make(host, address.user)}

    def explain(self, error: psycopg.Error, ledger: str | None = None) -> RunnerError:
        """From what the driver raised on an open connection to an error for people.

        `ledger`: the schema of the ledger, if the statement may have been about it.
        """
        return trouble.running(error, self.address, self.wishes.role, ledger)

    def missing_right(self, words: str, *, acting: bool = False) -> str:
        """What gives a right that a message of the server says is missing; to whom, unless `acting`."""
        return trouble.missing_right(words, self.address, self.wishes.role, acting=acting)
