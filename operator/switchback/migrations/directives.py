"""Directives: what a migration says about itself, in comments such as `-- switchback: no-transaction`."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace

from switchback.migrations.errors import Problem

CONTRACT = "contract"
LIMIT_MS = 2_147_483_647
"""The server keeps its timeouts in 32 bits of milliseconds."""

_UNITS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}
_DURATION = re.compile(r"(\d+)\s*(ms|s|min|h)")
_MARK = re.compile(r"--[-\s]*switchback(\s*:|\s)\s*(.*)", re.IGNORECASE | re.DOTALL)
_BLOCK_MARK = re.compile(r"/\*[*\s]*switchback\s*:", re.IGNORECASE)

KNOWN = (
    "no-transaction",
    "irreversible",
    "down=none <reason>",
    "phase=contract",
    "lock-timeout=<duration>",
    "statement-timeout=<duration>",
    "opaque",
)
_NAMES = tuple(known.split("=")[0] for known in KNOWN)


@dataclass(frozen=True)
class Directives:
    """What one half of a migration says about itself. The defaults say nothing.

    Attributes:
        no_transaction: statements run one by one, outside a transaction.
        irreversible: there is no way back; a rollback over it is refused.
        down_none: why there is nothing to undo; a rollback passes it and says that nothing was undone.
        phase: `contract` when it may run only after no old code is left, else empty.
        lock_timeout_ms: limit for this half alone; 0 means none, None means not said.
        statement_timeout_ms: the same for each statement.
        opaque: the text is not to be analysed for losses; they count as unknown.
    """

    no_transaction: bool = False
    irreversible: bool = False
    down_none: str | None = None
    phase: str = ""
    lock_timeout_ms: int | None = None
    statement_timeout_ms: int | None = None
    opaque: bool = False

    def joined(self, other: Directives) -> Directives:
        """These, with `irreversible`, `down=none` and `phase` from `other`: either half may say so."""
        return replace(
            self,
            irreversible=self.irreversible or other.irreversible,
            down_none=self.down_none if self.down_none is not None else other.down_none,
            phase=self.phase or other.phase,
        )

    def words(self) -> tuple[str, ...]:
        """One canonical line per directive, as the ledger keeps them; `parse` reads them back."""
        found: list[str] = []
        if self.no_transaction:
            found.append("no-transaction")
        if self.irreversible:
            found.append("irreversible")
        if self.down_none is not None:
            found.append(f"down=none {self.down_none}")
        if self.phase:
            found.append(f"phase={self.phase}")
        if self.lock_timeout_ms is not None:
            found.append(f"lock-timeout={self.lock_timeout_ms}ms")
        if self.statement_timeout_ms is not None:
            found.append(f"statement-timeout={self.statement_timeout_ms}ms")
        if self.opaque:
            found.append("opaque")
        return tuple(found)


class DirectiveError(ValueError):
    """A directive that is unknown or has a wrong value; `message` and `advice` say what and what to do."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


def in_comment(comment: str) -> str | None:
    """The directive that a comment holds, or None when it is an ordinary comment.

    Args:
        comment: a whole comment, with its `--` or `/*`.

    Raises:
        DirectiveError: the comment means to be a directive and cannot be one.
    """
    if _BLOCK_MARK.match(comment):
        raise DirectiveError(
            "a directive stands in a block comment.", "Write it on a line of its own: `-- switchback: …`."
        )
    found = _MARK.match(comment)
    if found is None:
        return None
    text = found.group(2).strip()
    if ":" in found.group(1):
        return text
    name = text.split("=")[0].split(" ")[0]
    if name in _NAMES and name != "opaque" and ("=" in text or name == text):
        raise DirectiveError(
            f"`switchback {text}` lacks its colon and would have no effect.",
            f"Write `-- switchback: {text}`.",
        )
    return None


def parse(text: str, into: Directives) -> Directives:
    """`into` with the directive `text` added, such as `lock-timeout=5s`.

    Raises:
        DirectiveError: unknown, wrong value, or in conflict with what `into` says.
    """
    added = _one(text)
    for f in fields(Directives):
        before, now = getattr(into, f.name), getattr(added, f.name)
        if now == f.default:
            continue
        if before not in (f.default, now):
            raise DirectiveError(f"`{text}` contradicts an earlier directive.", "Keep one of the two.")
        into = replace(into, **{f.name: now})
    return into


def from_words(words: tuple[str, ...] | list[str]) -> Directives:
    """Directives from what `Directives.words` gave; words of a newer release are left out."""
    found = Directives()
    for word in words:
        try:
            found = parse(word, found)
        except DirectiveError:
            continue
    return found


def _one(text: str) -> Directives:
    name, equals, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if not equals:
        flags = {
            "no-transaction": Directives(no_transaction=True),
            "irreversible": Directives(irreversible=True),
            "opaque": Directives(opaque=True),
        }
        if name in flags:
            return flags[name]
    elif name == "down":
        return _down(value)
    elif name == "phase" and value == CONTRACT:
        return Directives(phase=CONTRACT)
    elif name == "lock-timeout":
        return Directives(lock_timeout_ms=_duration(name, value))
    elif name == "statement-timeout":
        return Directives(statement_timeout_ms=_duration(name, value))
    raise _unknown(text)


def _down(value: str) -> Directives:
    word, _, reason = value.partition(" ")
    if word != "none":
        raise _unknown(f"down={value}")
    if not reason.strip():
        raise DirectiveError(
            "`down=none` does not say why there is nothing to undo.",
            "Write `-- switchback: down=none <reason>`; the reason is shown at every rollback.",
        )
    return Directives(down_none=reason.strip())


def _duration(name: str, value: str) -> int:
    if value == "0":
        return 0
    found = _DURATION.fullmatch(value)
    if found is None:
        raise DirectiveError(
            f"`{name}={value}` is not a duration.",
            "Write a whole number with its unit: ms, s, min or h, such as 500ms or 5s; 0 means no limit.",
        )
    limit = int(found.group(1)) * _UNITS[found.group(2)]
    if limit > LIMIT_MS:
        raise DirectiveError(
            f"`{name}={value}` is longer than the server can count.", f"Stay below {LIMIT_MS} ms, or write 0."
        )
    return limit


def _unknown(text: str) -> DirectiveError:
    known = {entry.split(" ")[0].split("<")[0]: entry for entry in KNOWN}
    import difflib  # noqa: PLC0415 - only for a wrong word

    near = difflib.get_close_matches(text.partition(" ")[0].lower().replace("_", "-"), known, n=1, cutoff=0.5)
    if near:
        advice = f"Did you mean `{known[near[0]]}`?"
    else:
        advice = "Known are: " + ", ".join(f"`{entry}`" for entry in KNOWN) + "."
    return DirectiveError(f"the directive `{text}` is not known.", advice)


def problem(error: DirectiveError, path: str, line: int) -> Problem:
    """The error with its place."""
    return Problem(error.message, path, line, error.advice)
