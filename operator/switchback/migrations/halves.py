"""One half of a migration: what runs in one direction, as SQL or as a function in Python."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from switchback.migrations.directives import Directives
from switchback.migrations.errors import SourceProblem
from switchback.migrations.script import Script, analyse, fingerprint

if TYPE_CHECKING:
    from typing import Literal

    from switchback.migrations.errors import Problem
    from switchback.migrations.script import Statement

CHECKSUM_PREFIX = "s1"
NO_DIRECTIVES = Directives()


def normalise(text: str) -> str:
    """`text` without byte order marks in front and with LF line ends: what is hashed, lexed and run."""
    return text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def checksum(text: str) -> str:
    """SHA-256 of the normalised text as `s1:<64 hex digits>`, equal for every line end and BOM."""
    return f"{CHECKSUM_PREFIX}:{hashlib.sha256(normalise(text).encode()).hexdigest()}"


@dataclass(frozen=True, init=False)
class Sql:
    """One half of a migration: SQL text in one direction.

    Attributes:
        path: path of the file relative to the source folder; for text from the ledger what people should
            see instead, such as `ledger:0001_init`.
        text: normalised text (LF, no BOM), as it is hashed and as the ledger stores it.
        first_line: line of the file on which `text` begins, counted from 1.
        checksum: `s1:<hex>` of `text`.
        preset: directives that the format itself states (goose's NO TRANSACTION); comments add to them.
        faults: what the format finds wrong inside the text; told when it is about to run, like the rest.
    """

    path: str
    text: str
    first_line: int
    checksum: str
    preset: Directives = NO_DIRECTIVES
    faults: tuple[Problem, ...] = ()

    def __init__(  # noqa: PLR0917 - as its fields are
        self,
        path: str,
        text: str,
        first_line: int,
        checksum: str,
        preset: Directives = NO_DIRECTIVES,
        faults: tuple[Problem, ...] = (),
    ) -> None:
        # There may be twenty thousand, and what a frozen dataclass makes for itself takes twice as long.
        own = self.__dict__
        own["path"] = path
        own["text"] = text
        own["first_line"] = first_line
        own["checksum"] = checksum
        own["preset"] = preset
        own["faults"] = faults

    @classmethod
    def of(
        cls,
        path: str,
        text: str,
        first_line: int = 1,
        preset: Directives | None = None,
        faults: tuple[Problem, ...] = (),
    ) -> Sql:
        """Make one from any text, such as a down that the ledger kept."""
        plain = normalise(text) if "\r" in text or text.startswith("\ufeff") else text
        return cls(path, plain, first_line, checksum(plain), preset or NO_DIRECTIVES, faults)

    @property
    def kept(self) -> str:
        """The text as the ledger keeps it: what the format states stands in comments at its end."""
        words = self.preset.words()
        return "\n".join([self.text, *(f"-- switchback: {word}" for word in words)]) if words else self.text

    @cached_property
    def script(self) -> Script:
        """The text taken apart: what to run, statements with lines, directives, notices.

        Raises:
            SourceProblem: with every problem of the text: it ends inside a literal, holds transaction
                control, inline COPY data or psql commands, or a directive is unknown or wrong; and with
                the faults that the format has found.
        """
        try:
            found = analyse(self.path, self.text, self.first_line, self.preset)
        except SourceProblem as error:
            if not self.faults:
                raise
            raise SourceProblem([*self.faults, *error.problems]) from None
        if self.faults:
            raise SourceProblem(self.faults)
        return found

    @property
    def body(self) -> str:
        """What is sent to the server: `text` with an outermost BEGIN and COMMIT blanked out, lines kept."""
        return self.script.body

    @property
    def directives(self) -> Directives:
        """Directives of this half."""
        return self.script.directives

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences for people, such as that a BEGIN is left out."""
        return self.script.notices

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Its statements in order."""
        return self.script.statements

    @property
    def count(self) -> int:
        """How many statements it has: what the ledger counts."""
        return len(self.script.statements)

    @property
    def begins(self) -> int:
        """Line of its first statement, or of its text when it has none."""
        return self.script.statements[0].line if self.script.statements else self.first_line

    @cached_property
    def fingerprint(self) -> str:
        """Hash over the tokens, literals included: equal when only comments or blanks differ."""
        return fingerprint(self.text)


@dataclass(frozen=True)
class Code:
    """One half as a function of a Python module, called with the connection.

    Attributes:
        path: path of the module relative to the source folder.
        text: what is hashed: the module without the other half's function, names and blank lines.
        first_line: line of the function's `def`, counted from 1.
        checksum: `s1:<hex>` of `text`.
        module: the whole module, normalised, as it is executed.
        function: its name.
        directives: from comments such as `# switchback: lock-timeout=5s`, and `transactional = False`.
        is_empty: whether the function does nothing.
    """

    path: str
    text: str
    first_line: int
    checksum: str
    module: str
    function: Literal["up", "down"]
    directives: Directives = NO_DIRECTIVES
    is_empty: bool = False
    notices: tuple[str, ...] = ()

    @property
    def statements(self) -> tuple[Statement, ...]:
        """None that could be known before it runs."""
        return ()

    @property
    def count(self) -> int:
        """What the ledger counts: the function is one step, or none."""
        return 0 if self.is_empty else 1

    @property
    def begins(self) -> int:
        """Line on which it begins."""
        return self.first_line

    @cached_property
    def fingerprint(self) -> str:
        """Hash that changes with every character: layout means something in Python."""
        return f"c1:{self.checksum.partition(':')[2][:32]}"


Half: TypeAlias = "Sql | Code"
