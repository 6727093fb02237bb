"""Takes what looks like a secret out of texts of unknown programs, for whoever does not know the secrets.

It is the second line of defence: the runner, which knows the secrets, takes out exactly these.
"""

from __future__ import annotations

import re

from switchback.contract.result import bounded

MASK = "***"

_LOGIN = re.compile(r"(?<=://)[^/@:\s]*:[^/\s]*@")
"""User and password of a URL, the password up to the last @ before the path."""
_QUOTED = r"\"[^\"]*\"|'[^']*'"
_NAMED = re.compile(
    r"(?i)((?:passw(?:or)?d|pwd|secret|token|credential|access_?key|api_?key|signature)[\w-]{0,64}[\"']?"
    rf"\s*[=:]\s*)(?:{_QUOTED}|[^\s&,;\"']+)"
)
"""What is said to be a password, as in `PGPASSWORD=…`, `"secret": "…"` and `X-Amz-Signature=…`.

No part of it may be tried at each place of a long word to the word's end: outputs hold words of any length.
"""
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}")
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def hidden(text: str) -> str:
    """`text` in one line, without what looks like a secret and without what a terminal would obey."""
    text = " ".join(_ODD.sub(" ", text).split())
    for pattern, instead in ((_LOGIN, f"{MASK}@"), (_NAMED, rf"\1{MASK}"), (_BEARER, rf"\1 {MASK}")):
        text = pattern.sub(instead, text)
    return text


def last_line(output: str, limit: int) -> str:
    """The last line of a program's output that says something, hidden, in at most `limit` bytes."""
    lines = (line.strip() for line in reversed(output.splitlines()))
    return bounded(hidden(next(filter(None, lines), "")), limit)
