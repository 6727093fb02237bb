"""The control surface of a fake AWS in another process."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from tests.aws.control import Control


class Refusal(Exception):  # noqa: N818  # the surface's own word for it
    """The fake AWS could not do what it was told."""


def remote(url: str) -> Control:
    """What a test may make, set, break and ask, as with a fake AWS in its own process."""
    return cast("Control", _Remote(url))


class _Remote:
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def __getattr__(self, name: str) -> Any:
        def ask(*args: Any, **more: Any) -> Any:
            return self._ask(name, {"args": args, **more})

        return ask

    def _ask(self, name: str, given: dict[str, Any]) -> Any:
        request = urllib.request.Request(  # noqa: S310  # the address is the test's own
            f"{self._url}/_shim/{name}", json.dumps(given).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # as above
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refusal(f"{name}: {json.load(error)['error']}") from None
