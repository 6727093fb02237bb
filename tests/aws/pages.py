"""Pages of a listing, as RDS gives them: 20 to 100 in each, and a marker that leads to the next."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from moto.rds.exceptions import InvalidParameterValue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LEAST, MOST = 20, 100


class Named(Protocol):
    """What is listed."""

    @property
    def resource_id(self) -> str:
        """Its name."""
        ...


T = TypeVar("T", bound=Named)


def page_size(params: Mapping[str, Any]) -> int:
    """How many are asked for. Refused when AWS does."""
    asked = params.get("MaxRecords")
    if asked is None:
        return MOST
    if not LEAST <= int(asked) <= MOST:
        raise InvalidParameterValue(
            f"Invalid value {asked} for MaxRecords. Must be between {LEAST} and {MOST}"
        )
    return int(asked)


def page(found: Sequence[T], size: int, marker: str | None) -> tuple[list[T], str | None]:
    """Return a page and the marker of the next. What is deleted between two pages shifts nothing."""
    last = _opened(marker) if marker else ""
    left = sorted((one for one in found if one.resource_id > last), key=lambda one: one.resource_id)
    chosen = left[:size]
    return chosen, _closed(chosen[-1].resource_id) if len(left) > size else None


def _closed(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _opened(marker: str) -> str:
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidParameterValue("The Marker parameter is not valid.") from None
