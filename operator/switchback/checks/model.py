"""What is known of a check in the program that runs it: plain values, from the JSON of the spec."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchback.checks import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Options = Mapping[str, Any]
"""The part of a check that its kind understands, such as `{"url": …, "expectStatus": 200, …}`."""

KINDS = ("httpGet", "sql", "prometheus", "command")
"""Fields of a check, one of which is set."""


class CheckError(Exception):
    """A check cannot be run as it is written. The message says which and why, for people."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check. Times are in seconds."""

    name: str
    kind: str
    options: Options
    period: float
    timeout: float
    threshold: int


@dataclass(slots=True)
class Context:
    """What the kinds need beside their options.

    Attributes:
        operation_id: on whose behalf.
        environment: holds values of headers that are kept in Secrets.
        url: of the database; None: look into the environment.
        role: that asks the database; None: the user that logs in.
        search_path: schemas of the session; empty: as user or database say.
        say: tells people what no result holds.
        secrets: what must not be seen anywhere; the kinds add to it.
    """

    operation_id: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None
    role: str | None = None
    search_path: tuple[str, ...] = ()
    say: Callable[[str], None] = lambda _: None
    secrets: set[str] = field(default_factory=set)


def from_environment(environment: Mapping[str, str]) -> tuple[Check, ...]:
    """The checks that the pod's description has put into variables, in their order.

    Raises:
        CheckError: one of them is none.
    """
    checks: list[Check] = []
    while (text := environment.get(layout.spec_variable(len(checks)))) is not None:
        variable = layout.spec_variable(len(checks))
        try:
            said = json.loads(text)
        except ValueError:
            raise CheckError(f"{variable} holds no JSON.") from None
        checks.append(read(said, variable))
    return tuple(checks)


def read(said: Any, where: str) -> Check:
    """A check from its JSON.

    Args:
        said: as the spec has it, with every default filled in.
        where: it was found, for people.

    Raises:
        CheckError: something is missing or of another type.
    """
    try:
        kinds = [kind for kind in KINDS if isinstance(said.get(kind), Mapping)]
        if len(kinds) != 1:
            raise CheckError(f"{where}: a check has exactly one of {', '.join(KINDS)}.")
        return Check(
            name=str(said["name"]),
            kind=kinds[0],
            options=said[kinds[0]],
            period=float(said["periodSeconds"]),
            timeout=float(said["timeoutSeconds"]),
            threshold=int(said["failureThreshold"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckError(f"{where}: this is no check: {type(error).__name__} {error}.") from None


def headers(check: Check, context: Context) -> list[tuple[str, str]]:
    """Names and values of a check's headers, those from Secrets out of the environment.

    Raises:
        CheckError: a value is not there, or no header could carry it.
    """
    found = []
    said: Iterable[Any] = check.options.get("headers", ())
    for number, header in enumerate(said):
        name, value = str(header["name"]), header.get("value")
        if value is None:
            value = _kept(check, name, layout.header_variable(check.name, number), context)
        if any(character in value for character in "\0\r\n"):
            raise CheckError(f"check {check.name}: the value of header {name} has a line break in it.")
        found.append((name, value))
    return found


def _kept(check: Check, name: str, variable: str, context: Context) -> str:
    value = context.environment.get(variable)
    if value is None:
        raise CheckError(
            f"check {check.name}: the value of header {name} is kept in a Secret and has to be in the "
            f"variable {variable}."
        )
    # A Secret that was made with `echo` ends with a line break that nobody meant.
    value = value.strip("\r\n")
    context.secrets.update(_parts(value))
    return value


def _parts(value: str) -> set[str]:
    """What of a header nobody should see: all of it, what follows Bearer or another word, and a password."""
    word, _, rest = value.partition(" ")
    rest = rest.strip()
    found = {value, rest}
    if word.lower() == "basic":
        with contextlib.suppress(ValueError):
            login = base64.b64decode(rest).decode()
            found |= {login, login.partition(":")[2]}
    return found - {""}
