"""The CRD's CEL rules in Python, each registered by the text of the rule that it is the twin of.

Only the API server speaks CEL. The evaluators that there are for Python bring more along than these few rules
are worth: a command line's worth of packages, or 16 MB of C++. A test fails as soon as the CRD has a rule
without a twin here, or a twin has no rule; another one asks the real API server whether both say the same.
"""

from __future__ import annotations

import re
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Twin = Callable[[Any], bool]

_ONE_OF = re.compile(r"\[(has\(self\.\w+\)(?:, has\(self\.\w+\))*)\]\.filter\(x, x\)\.size\(\) == 1")
_FIELD = re.compile(r"has\(self\.(\w+)\)")
_TOGETHER = re.compile(r"has\(self\.(\w+)\) == has\(self\.(\w+)\)")

_JOB_CONTROLLERS = ("app.kubernetes.io/managed-by", "controller-uid", "job-name")
_CONTAINERS_OF_OURS = (
    *("source", "downs", "prepare", "dump", "reread"),
    *("restore", "snapshot", "fence", "login"),
)


def _slots(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return spec["cutover"]["slots"] if "cutover" in spec else []


def _workload(slot: dict[str, Any]) -> tuple[str, str]:
    return slot["workloadRef"]["kind"], slot["workloadRef"]["name"]


TWINS: dict[str, Twin] = {
    "(!has(self.minimum) || !self.minimum.contains('..')) && "
    "(!has(self.maximum) || !self.maximum.contains('..'))": lambda self: (
        not any(".." in self.get(bound, "") for bound in ("minimum", "maximum"))
    ),
    "!has(self.cutover) || self.cutover.soakPeriodSeconds + self.cutover.drainPeriodSeconds "
    "< self.operationDeadlineSeconds": lambda self: (
        "cutover" not in self
        or self["cutover"].get("soakPeriodSeconds", 0) + self["cutover"].get("drainPeriodSeconds", 0)
        < self.get("operationDeadlineSeconds", inf)
    ),
    "!has(self.connection) || self.connection.sslMode != 'verify-ca' || has(self.caFrom)": lambda self: (
        "connection" not in self or self["connection"].get("sslMode") != "verify-ca" or "caFrom" in self
    ),
    "!has(self.iam) || self.sslMode in ['require', 'verify-ca', 'verify-full']": lambda self: (
        "iam" not in self or self.get("sslMode") in {"require", "verify-ca", "verify-full"}
    ),
    "!self.startsWith('pg_') && !(self in ['public', 'information_schema'])": lambda self: (
        not self.startswith("pg_") and self not in {"public", "information_schema"}
    ),
    r"self.matches('^/[^/]') && !self.matches('(^|/)[.][.](/|$)')": lambda self: (
        re.search(r"^/[^/]", self) is not None and re.search(r"(^|/)[.][.](/|\Z)", self) is None
    ),
    "self.all(major, major in ['15', '16', '17', '18'])": lambda self: all(
        major in {"15", "16", "17", "18"} for major in self
    ),
    "self": lambda self: self is True,
    "self.all(key, key.size() > 0 && key.size() <= 128 && !key.startsWith('aws:')"
    " && !key.startsWith('switchback.dev/'))": lambda self: all(
        0 < len(key) <= 128 and not key.startswith(("aws:", "switchback.dev/"))  # noqa: PLR2004 - as AWS has it
        for key in self
    ),
    r"!self.matches('^[-+~^@ ]') && !self.matches('[\\x00-\\x1f/\\x7f]')": lambda self: (
        re.search(r"^[-+~^@ ]", self) is None and re.search(r"[\x00-\x1f/\x7f]", self) is None
    ),
    "self.all(key, !key.startsWith('switchback.dev/') && !key.startsWith('batch.kubernetes.io/')"
    " && !(key in ['app.kubernetes.io/managed-by', 'controller-uid', 'job-name']))": lambda self: (
        not any(
            key.startswith(("switchback.dev/", "batch.kubernetes.io/")) or key in _JOB_CONTROLLERS
            for key in self
        )
    ),
    "!self.startsWith('switchback')": lambda self: not self.startswith("switchback"),
    "!self.startsWith('switchback') && !self.startsWith('check-') && !(self in ['source', 'downs',"
    " 'prepare', 'dump', 'reread', 'restore', 'snapshot', 'fence', 'login'])": (
        lambda self: not self.startswith(("switchback", "check-")) and self not in _CONTAINERS_OF_OURS
    ),
    "self != 'DATABASE_URL' && !self.startsWith('PG') && !self.startsWith('PYTHON')"
    " && !self.startsWith('LD_')": lambda self: (
        self != "DATABASE_URL" and not self.startswith(("PG", "PYTHON", "LD_"))
    ),
    "self.startsWith('/') && !self.matches('^/+(switchback(/.*)?)?$')": lambda self: (
        self.startswith("/") and re.search(r"^/+(switchback(/.*)?)?\Z", self) is None
    ),
    "has(self.source) || has(self.cutover)": lambda self: "source" in self or "cutover" in self,
    "has(self.source) == has(self.target)": lambda self: ("source" in self) == ("target" in self),
    "!has(self.source) || has(self.database)": lambda self: "source" not in self or "database" in self,
    "has(self.database) || !has(self.checks) || !self.checks.exists(c, has(c.sql))": lambda self: (
        "database" in self or not any("sql" in check for check in self.get("checks", ()))
    ),
    "has(self.source) || !has(self.cutover) || !self.cutover.slots.exists(s, has(s.schema))": lambda self: (
        "source" in self or not any("schema" in slot for slot in _slots(self))
    ),
    "has(self.database) || !has(self.cutover) || "
    "!self.cutover.slots.exists(s, has(s.applicationName) && s.applicationName != '')": lambda self: (
        "database" in self or not any(slot.get("applicationName") for slot in _slots(self))
    ),
    "self.slots.exists(s, s.name == self.activeSlot)": lambda self: (
        self["activeSlot"] in {slot["name"] for slot in self["slots"]}
    ),
    "self.slots[0].workloadRef.kind != self.slots[1].workloadRef.kind || "
    "self.slots[0].workloadRef.name != self.slots[1].workloadRef.name": lambda self: (
        _workload(self["slots"][0]) != _workload(self["slots"][1])
    ),
    "self.all(x, self.exists_one(y, y == x))": lambda self: len(set(self)) == len(self),
}
"""By the text of the rule. `self` is the value at the rule's place, of the type that the schema says."""


class NoTwinError(LookupError):
    """The CRD has a rule that nobody has written down here. A test keeps this from happening."""


def twin(rule: str) -> Twin:
    """The function that says the same as a rule.

    Raises:
        NoTwinError: there is none.
    """
    one_of = _ONE_OF.fullmatch(rule)
    if one_of is not None:
        names = _FIELD.findall(one_of[1])
        return lambda self: sum(name in self for name in names) == 1
    if rule not in TWINS:
        raise NoTwinError(rule)
    return TWINS[rule]


def holds(rule: str, value: Any) -> bool:
    """Whether a value keeps a rule."""
    return twin(rule)(value)


def found_instead(rule: str, value: Any) -> str:
    """What is there, where a rule's own message does not say it; empty where it does."""
    together = _TOGETHER.fullmatch(rule)
    if together is not None:
        there, lacking = together.groups() if together[1] in value else together.groups()[::-1]
        return f"Here is {there} without {lacking}."
    one_of = _ONE_OF.fullmatch(rule)
    if one_of is None:
        return ""
    given = [name for name in _FIELD.findall(one_of[1]) if name in value]
    return f"Here are {' and '.join(given)}." if given else "Here is none of them."
