"""A migration in Python, read as text: never imported, never run by whoever only looks.

What a module binds to the names that matter here (`id`, `description`, `transactional`, `up`, `down`) must be
seen from its text alone. Whatever sets them in another way is refused.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from switchback.migrations import directives as words
from switchback.migrations.directives import DirectiveError, Directives
from switchback.migrations.errors import Problem, SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

Way: TypeAlias = Literal["up", "down"]
WAYS: tuple[Way, Way] = ("up", "down")
WORDS = ("id", "description", "transactional")
NAMES = {*WORDS, *WAYS}

_ALLOWED = sys.stdlib_module_names | {"psycopg"}
_BLOCKS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_JOINED = (ast.JoinedStr, getattr(ast, "TemplateStr", ast.JoinedStr))
"""f-strings, and t-strings where Python has them."""
_MARK = re.compile(r"#[#\s]*+(?=switchback)", re.IGNORECASE)
_ELSEWHERE = "is set in a way that cannot be read without running the module."


@dataclass(frozen=True)
class Function:
    """One of the two functions of a module.

    Attributes:
        line: of its `def`.
        first: line on which what belongs to it begins: comments right above it, and decorators.
        last: line on which it ends, with indented comments behind it.
        is_empty: whether its body is no more than a docstring, `pass`, `...` or `return`.
    """

    line: int
    first: int
    last: int
    is_empty: bool


@dataclass(frozen=True)
class Module:
    """What a module says about itself.

    Attributes:
        text: as it was parsed.
        id: as it says, or empty.
        id_line: where it says so.
        description: as it says, or empty.
        functions: `up`, and `down` if there is one.
        directives: of each function.
        literal: numbers of lines that lie inside a string, as far as they do not begin it.
        names: numbers of the lines that say `id` and `description`, and nothing else.
    """

    text: str
    id: str
    id_line: int
    description: str
    functions: dict[Way, Function]
    directives: dict[Way, Directives]
    literal: frozenset[int]
    names: frozenset[int]

    def hashed(self, way: Way) -> str:
        """What identifies one half: the text without the other function, names for people and blank lines."""
        other = self.functions.get("down" if way == "up" else "up")
        gone = self.names.union(() if other is None else range(other.first, other.last + 1))
        kept = (
            line
            for number, line in enumerate(self.text.split("\n"), start=1)
            if number not in gone and (number in self.literal or line.strip())
        )
        return "".join(f"{line}\n" for line in kept)


def parse(path: str, text: str) -> Module:
    """What the module at `path` says about itself.

    Args:
        path: for messages.
        text: normalised: LF, no byte order mark.

    Raises:
        SourceProblem: with everything that is wrong with it.
    """
    reader = _Reader(path, text, _tree(path, text))
    found = reader.read()
    if reader.problems:
        raise SourceProblem(reader.problems)
    return found


def _tree(path: str, text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
            compile(tree, path, "exec", dont_inherit=True)  # knows of errors that the grammar does not
    except SyntaxError as error:
        said = " ".join("".join(c if c.isprintable() else " " for c in str(error.msg)).split())
        problem = Problem(f"this is no Python that can run: {said}.", path, error.lineno or 1, _MEND)
    except (RecursionError, MemoryError, ValueError, OverflowError):
        problem = Problem("it is nested too deeply to be read.", path, 1, "Write it in simpler parts.")
    else:
        return tree
    raise SourceProblem([problem]) from None


_MEND = "Correct the line, and try it with: python -m py_compile FILE."


class _Reader:
    def __init__(self, path: str, text: str, tree: ast.Module) -> None:
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        self.tree = tree
        self.problems: list[Problem] = []
        self.assigned: dict[str, tuple[ast.expr, int]] = {}
        self.defined: dict[Way, ast.FunctionDef] = {}

    def read(self) -> Module:
        self._imports()
        self._bindings()
        for way, node in self.defined.items():
            self._signature(way, node)
        name, description = self._text("id"), self._text("description")
        if "up" not in self.defined and not self.problems:
            self._problem(
                1, "it has no function `up(connection)`.", "Write one, or pass --ignore with its name."
            )
        functions = {way: self._function(node) for way, node in self.defined.items()}
        directives = self._directives(functions, self._transactional())
        line = self.assigned["id"][1] if "id" in self.assigned else 1
        names = self._names()
        return Module(self.text, name, line, description, functions, directives, self.literal, names)

    def _problem(self, line: int, message: str, advice: str) -> None:
        self.problems.append(Problem(message, self.path, line, advice))

    def _imports(self) -> None:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                self._problem(
                    node.lineno,
                    "it imports from a file beside it, which its checksum does not cover.",
                    "Move what it needs into the migration itself.",
                )
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names = (
                    [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
                )
                for name in names:
                    if name.partition(".")[0] not in _ALLOWED:
                        self._problem(
                            node.lineno,
                            f"it imports {name}, which is not there when it runs in a cluster.",
                            "Use the standard library and psycopg only.",
                        )

    def _bindings(self) -> None:
        """Find what is bound to the names that matter."""
        for statement in self.tree.body:
            if self._is_plain(statement):
                continue
            for name, line in _bound(statement):
                if name in NAMES:
                    self._problem(line, f"`{name}` {_ELSEWHERE}", f"Bind `{name}` once, at the top level.")
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Global):
                for name in NAMES.intersection(node.names):
                    self._problem(node.lineno, f"`{name}` {_ELSEWHERE}", "Take it out of `global`.")

    def _is_plain(self, node: ast.stmt) -> bool:
        """Whether a statement binds one of the names as it should; that is noted."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in WAYS:
            self._once(node.name, node.lineno)
            if isinstance(node, ast.AsyncFunctionDef):
                self._problem(node.lineno, f"`{node.name}` is async; it would not run.", "Write `def`.")
            else:
                self.defined["up" if node.name == "up" else "down"] = node
            return True
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            return False
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        only = targets[0]
        if len(targets) != 1 or not isinstance(only, ast.Name) or only.id not in WORDS:
            return False
        self._once(only.id, node.lineno)
        self.assigned[only.id] = (node.value, node.lineno)
        return True

    def _once(self, name: str, line: int) -> None:
        if name in self.assigned or name in self.defined:
            self._problem(line, f"`{name}` is bound twice.", "Keep one of the two.")

    def _text(self, name: str) -> str:
        """The words that are assigned to a name; empty when there are none."""
        if name not in self.assigned:
            return ""
        value, line = self.assigned[name]
        if not isinstance(value, ast.Constant) or not isinstance(value.value, str):
            self._problem(line, f"`{name}` is no literal string.", f'Write it out: {name} = "…".')
            return ""
        text = value.value if name == "id" else " ".join(value.value.split())
        if not text.isprintable():
            self._problem(line, f"`{name}` holds characters that cannot be printed.", "Take them out.")
            return ""
        if name == "id" and not text:
            self._problem(line, "`id` is empty.", "Write one, or leave it out: then it is the file's name.")
        return text

    def _names(self) -> frozenset[int]:
        """Lines of the statements that say `id` and `description`, where they stand alone."""
        values = [self.assigned[name][0] for name in ("id", "description") if name in self.assigned]
        spans = [range(one.lineno, (one.end_lineno or one.lineno) + 1) for one in self.tree.body]
        found = [
            span
            for one, span in zip(self.tree.body, spans, strict=True)
            if getattr(one, "value", None) in values
            and sum(line in other for other in spans for line in span) == len(span)
        ]
        return frozenset(line for span in found for line in span)

    def _transactional(self) -> bool | None:
        """What is assigned to `transactional`, or None when nothing is."""
        if "transactional" not in self.assigned:
            return None
        value, line = self.assigned["transactional"]
        if isinstance(value, ast.Constant) and isinstance(value.value, bool):
            return value.value
        self._problem(line, "`transactional` is neither True nor False.", "Write one of the two.")
        return None

    def _signature(self, way: Way, node: ast.FunctionDef) -> None:
        given = node.args
        positional = len(given.posonlyargs) + len(given.args)
        if positional != 1 or given.vararg or given.kwarg or given.kwonlyargs:
            self._problem(
                node.lineno,
                f"`{way}` must take one argument, the connection.",
                f"Write `def {way}(connection):`.",
            )
        if any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in _own(node)):
            self._problem(
                node.lineno, f"`{way}` is a generator; its body would not run.", "Take the `yield` out of it."
            )

    def _function(self, node: ast.FunctionDef) -> Function:
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        while first > 1 and self._is_comment(first - 1):
            first -= 1
        last = number = node.end_lineno or node.lineno
        while number < len(self.lines):
            number += 1
            line = self.lines[number - 1]
            if line[:1].isspace() and line.lstrip().startswith("#"):
                last = number
            elif line.strip():
                break
        return Function(node.lineno, first, last, all(_does_nothing(statement) for statement in node.body))

    def _is_comment(self, number: int) -> bool:
        return self.lines[number - 1].lstrip().startswith("#") and number not in self.literal

    @cached_property
    def literal(self) -> frozenset[int]:
        found: set[int] = set()
        for node in ast.walk(self.tree):
            texts = isinstance(node, _JOINED) or (
                isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
            )
            if texts and isinstance(node, ast.expr) and (node.end_lineno or 0) > node.lineno:
                found.update(range(node.lineno + 1, (node.end_lineno or 0) + 1))
        return frozenset(found)

    def _directives(
        self,
        functions: dict[Way, Function],
        transactional: bool | None,  # noqa: FBT001 - said or not said
    ) -> dict[Way, Directives]:
        """Of each function. A comment in it, or right above it, is about it alone; others are about both."""
        found = {way: Directives(no_transaction=transactional is False) for way in WAYS}
        for comment, line in self._comments():
            inside = [way for way, known in functions.items() if known.first <= line <= known.last]
            try:
                text = words.in_comment(f"-- {comment}")
                if text is None:
                    continue
                for way in inside or WAYS:
                    found[way] = words.parse(text, found[way])
            except DirectiveError as error:
                self._problem(line, error.message, error.advice.replace("`-- ", "`# "))
                continue
            if text == "opaque":
                self._problem(line, "`opaque` says nothing here.", "Take it out: Python is never analysed.")
            if text == "no-transaction" and transactional:
                self._problem(
                    line, "`no-transaction` contradicts `transactional = True`.", "Keep one of the two."
                )
        return found

    def _comments(self) -> Iterator[tuple[str, int]]:
        """Comments that may be directives, from the word `switchback` on, with their lines."""
        if "switchback" not in self.text.lower():
            return
        try:
            for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
                if token.type == tokenize.COMMENT and (mark := _MARK.match(token.string)):
                    yield token.string[mark.end() :], token.start[0]
        except (tokenize.TokenError, SyntaxError):
            self._problem(1, "its comments cannot be told from its strings.", "Write it in simpler lines.")


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Return):
        return statement.value is None or isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _own(node: ast.FunctionDef) -> Iterator[ast.AST]:
    """What is inside a function and not inside another one in it."""
    left: list[ast.AST] = list(node.body)
    while left:
        inner = left.pop()
        yield inner
        if not isinstance(inner, _BLOCKS):
            left += ast.iter_child_nodes(inner)


def _bound(node: ast.stmt) -> Iterator[tuple[str, int]]:
    """Names that a statement of a module binds there, or takes away, with the line."""
    left: list[tuple[ast.AST, int]] = [(node, node.lineno)]
    while left:
        inner, line = left.pop()
        line = getattr(inner, "lineno", line)
        name = _name_of(inner)
        if name is not None:
            yield name, line
        if isinstance(inner, _BLOCKS):
            continue
        if isinstance(inner, _COMPREHENSIONS):
            parts = [inner.key, inner.value] if isinstance(inner, ast.DictComp) else [inner.elt]
            left += [(part, line) for part in parts]
            left += [(part, line) for one in inner.generators for part in (one.iter, *one.ifs)]
        else:
            left += [(child, line) for child in ast.iter_child_nodes(inner)]


def _name_of(node: ast.AST) -> str | None:
    """The name that a node itself binds."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.alias():
            return node.asname or node.name.partition(".")[0]
        case ast.ExceptHandler(name=bound) | ast.MatchAs(name=bound):
            return bound
        case ast.MatchStar(name=bound) | ast.MatchMapping(rest=bound):
            return bound
        case _:
            return None
