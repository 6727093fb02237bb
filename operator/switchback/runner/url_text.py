"""Reading pieces of an address, and refusing it without repeating a word of it."""

from __future__ import annotations

import re

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError

ENCODE = "Percent-encode special characters of the password (@ is %40, / is %2F, ? is %3F, # is %23)."


def invalid(why: str, advice: str) -> RunnerError:
    """The error for an address that cannot be read; neither sentence holds anything of it."""
    return RunnerError(Reason.URL_INVALID, f"The database URL cannot be read: {why}", advice)


def decoded(text: str) -> str:
    """Percent-decoded; a percent sign that begins no code stands for itself, as most drivers have it."""
    raw = re.sub(
        rb"%([0-9A-Fa-f]{2})",
        lambda found: bytes([int(found.group(1), 16)]),
        text.encode("utf-8", "surrogateescape"),
    )
    try:
        decoded = raw.decode()
    except UnicodeDecodeError:
        raise invalid("a percent-encoded part of it is not UTF-8.", ENCODE) from None
    if "\0" in decoded:
        raise invalid("a value in it holds a NUL byte.", "Remove %00.")
    return decoded
