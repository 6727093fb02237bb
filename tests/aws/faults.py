"""What goes wrong with calls: rules, each for some calls of one action."""

from __future__ import annotations

import fnmatch
import itertools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.aws.call import Call


@dataclass
class Rule:
    """What goes wrong, with which calls, how often."""

    action: str
    """`CreateDBSnapshot`, `Describe*`, `s3:*`."""
    times: int | None = 1
    """With how many calls. None: with every one."""
    skip: int = 0
    """How many calls pass before."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Parameters that such a call has, with patterns for their values."""
    error: str = ""
    """The code of the error that is answered in place of doing it."""
    status: int = 0
    text: str = ""
    denies: str = ""
    """The action that an AccessDenied names, where it is another one than the call's."""
    body: str = ""
    """What is answered in place of an error in XML, as by a proxy on the way."""
    delay: float = 0.0
    """Seconds before anything is done."""
    late: float = 0.0
    """Seconds between doing it and answering."""
    drop: str = ""
    """`before`: the connection ends and nothing is done. `after`: it is done, and the answer is lost."""
    before: Callable[[Call], Any] | None = None
    """Called before anything is done."""
    after: Callable[[Call], Any] | None = None
    """Called when it is done and before it is answered."""
    id: int = 0
    passed: int = 0
    met: int = 0
    """With how many calls it has gone wrong so far."""

    def fits(self, call: Call) -> bool:
        """Whether it is about such a call."""
        service, _, action = self.action.rpartition(":")
        return (
            (not service or fnmatch.fnmatchcase(call["service"], service))
            and fnmatch.fnmatchcase(call["action"], action)
            and all(fnmatch.fnmatchcase(call["params"].get(k, ""), v) for k, v in self.where.items())
        )

    def meets(self, call: Call) -> bool:
        """Whether this very call goes wrong. Counts."""
        if not self.fits(call) or (self.times is not None and self.met >= self.times):
            return False
        if self.passed < self.skip:
            self.passed += 1
            return False
        self.met += 1
        return True

    def told(self) -> dict[str, Any]:
        """For the control surface."""
        hidden = ("before", "after")
        return {name: value for name, value in vars(self).items() if name not in hidden}


class Rules:
    """All rules. The first one that fits a call decides."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._rules: list[Rule] = []

    def add(self, rule: Rule) -> int:
        """Add a rule; return its number."""
        if rule.drop not in ("", "before", "after"):
            raise ValueError(f"drop is {rule.drop!r}; it may be 'before' or 'after'")
        with self._lock:
            rule.id = next(self._numbers)
            self._rules.append(rule)
        return rule.id

    def remove(self, number: int | None = None) -> None:
        """Remove one rule, or all."""
        with self._lock:
            self._rules = [rule for rule in self._rules if number is not None and rule.id != number]

    def all(self) -> list[Rule]:
        """Every rule."""
        with self._lock:
            return list(self._rules)

    def met(self, call: Call) -> Rule | None:
        """The rule by which this call goes wrong."""
        with self._lock:
            return next((rule for rule in self._rules if rule.meets(call)), None)


class Book:
    """Every call, in the order in which they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []

    def enter(self, call: Call) -> None:
        """A call has come."""
        with self._lock:
            call["number"] = len(self._calls) + 1
            self._calls.append(call)

    def calls(self, action: str = "") -> list[Call]:
        """Those of one action, or all."""
        with self._lock:
            return [call.copy() for call in self._calls if action in ("", call["action"])]

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._calls.clear()
