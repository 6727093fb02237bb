"""What may leave a run: messages without passwords, without data, and no longer than a result allows."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

from switchback.contract.result import MESSAGE_BYTES, bounded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchback.runner.errors import RunnerError

MASK = "***"
SHORT = 4
"""Secrets shorter than this are masked only where they stand alone: masking every `a` would hide all else."""

_NOUNS = (
    "aggregate|attribute|cast|collation|column|columns|constraint|conversion|cursor|database|domain|extension|"
    "function|group|identity column|index|key|language|method|named|object|operator|operator class|option|"
    "parameter|partition|policy|portal|procedure|publication|relation|role|routine|rule|savepoint|schema|"
    "sequence|server|slot|statement|statistics object|subscription|table|tablespace|trigger|type|user|"
    "user mapping|variable|view"
)
_NAMED = re.compile(rf"(?:\b(?:{_NOUNS})\s+|,\s+)$", re.IGNORECASE)
"""What stands before the name of an object in the server's messages."""
_PLAIN_NAME = re.compile(r"[\w$.\- ]{1,128}(?:\([\w ,\"\[\].]*\))?")
_QUOTED = re.compile(r'"(?:[^"]|"")*"|\'(?:[^\']|\'\')*\'|»[^«»]*«|«[^«»]*»|„[^„“”]*[“”]|“[^“”]*”|`[^`\']*\'')
_ADDRESS = re.compile(r"[\w.+%-]{1,128}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,16}")
_ODD = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""C0 and C1 control characters but newline and tab, DEL, halves of characters, and what is seen by nobody or
makes a text look like another: byte order marks, blanks without width, marks that turn the direction."""
_DIGITS = re.compile(r"\d{3,}")
_NAMING_CLASSES = frozenset({"23", "28", "2B", "3D", "3F", "42"})
"""Classes of SQLSTATE whose primary messages put nothing but names between double quotes."""
SYNTAX_ERROR = "42601"
RAISED = "P0"


def masked(message: str, sqlstate: str | None = None) -> str:
    """A primary message with the values in it masked, names of objects kept.

    The server puts names and values between the same quotes. A quoted part is kept when it is a plain name
    and stands behind the word for an object, or when all messages of that SQLSTATE quote names only.

    Args:
        message: MESSAGE_PRIMARY of an error or notice, in any language.
        sqlstate: of that error, when it is known.
    """
    naming = sqlstate is not None and sqlstate[:2] in _NAMING_CLASSES and sqlstate != SYNTAX_ERROR

    def replace(found: re.Match[str]) -> str:
        part = found.group()
        if part[0] == '"' and _PLAIN_NAME.fullmatch(part[1:-1]) and not _ADDRESS.search(part):
            before = message[: found.start()]
            if naming or _NAMED.search(_without_names(before)):
                return part
        return f"{part[0]}{MASK}{part[-1]}"

    text = _ADDRESS.sub(MASK, _QUOTED.sub(replace, " ".join(message.split())))
    if sqlstate is not None and sqlstate[:2] == RAISED:
        text = _DIGITS.sub(MASK, text)  # the migration's author wrote it, and it may hold any value
    return plain(text)


def _without_names(before: str) -> str:
    """`before` with a list of quoted names at its end reduced to what stands before the list."""
    return re.sub(r'(?:"[\w$.\- ]+",\s+)+$', "", before)


def plain(text: str) -> str:
    """`text` without what a terminal would obey or what no file can hold; line breaks and tabs stay."""
    return _ODD.sub("?", text.replace("\r\n", "\n"))


class Redactor:
    """Takes every form of some secrets out of texts, and what a terminal would obey."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        long = sorted((form for form in forms if len(form) >= SHORT), key=len, reverse=True)
        short = sorted((form for form in forms if 0 < len(form) < SHORT), key=len, reverse=True)
        pieces = [re.escape(form) for form in long]
        pieces += [rf"(?<!\w){re.escape(form)}(?!\w)" for form in short]
        self._pattern = re.compile("|".join(pieces), re.IGNORECASE) if pieces else None

    def clean(self, text: str) -> str:
        """`text` with every form of every secret replaced by `***`, and plain."""
        return plain(text if self._pattern is None else self._pattern.sub(MASK, text))

    def summary(self, error: RunnerError, limit: int = MESSAGE_BYTES) -> str:
        """The error for a result: place, SQLSTATE, message, advice; clean, and at most `limit` bytes.

        DETAIL and statements are not in it: they belong into the log. The advice is left out before the
        message is cut.
        """
        head = " ".join(
            part for part in (f"{error.place}:" if error.place else "", error.sqlstate or "") if part
        )
        message = f"{head} {error.message}".strip()
        whole = self.clean(f"{message} {error.advice}".strip())
        return whole if len(whole.encode()) <= limit else bounded(self.clean(message), limit)


def _forms(secret: str) -> set[str]:
    """The secret as it may turn up: raw, percent-encoded, decoded, in base64, hex, JSON, SQL and conninfo."""
    found: set[str] = set()
    for text in {secret, unquote(secret)}:
        raw = _bytes(text)
        found |= {
            text,
            plain(text),
            quote(raw, safe=""),
            quote(raw),
            quote(raw, safe="!$&'()*+,;=:@"),
            quote_plus(raw),
        }
        found |= {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
        found |= {text.replace("'", "''"), text.replace("\\", "\\\\").replace("'", "\\'")}
        found.add(raw.hex())
        found |= set(_base64_forms(raw))
    return {form for form in found if form}


def _bytes(text: str) -> bytes:
    """What a text stands for; one from the environment or a command line need not be UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _base64_forms(raw: bytes) -> Iterable[str]:
    """What of the secret is seen in the base64 of any text that holds it, at each of the three offsets."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(raw).decode()
        yield from (whole, whole.rstrip("="))
        for offset in (0, 1, 2):
            padded = encode(b"\0" * offset + raw).decode().rstrip("=")
            first = (offset * 8 + 5) // 6  # characters that hold bits of what stands before
            last = (offset + len(raw)) * 8 // 6  # characters behind it hold bits of what follows
            piece = padded[first:last]
            if len(piece) >= 2 * SHORT:
                yield piece
