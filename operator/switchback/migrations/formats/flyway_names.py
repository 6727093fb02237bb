"""Names of what Flyway would run and this reader does not: patterns, why, and what to do."""

from __future__ import annotations

import re

_OUT = "Put its statements into a V file, or pass --ignore with its name or a pattern."

REFUSED = (
    (
        re.compile(r"R[0-9._]*__.*\.sql", re.DOTALL),
        "this is a repeatable migration of Flyway: it has no place in the order and no way back.",
        "Put what has changed in it into a V file of its own, or pass --ignore with its name or a pattern.",
    ),
    (
        re.compile(r"B[0-9._]*__.*\.sql", re.DOTALL),
        "this is a baseline of Flyway: what it makes depends on what has been applied before.",
        "Keep the V files that it stands for and pass --ignore with its name; or make it a V file.",
    ),
    (
        re.compile(r"(?:(?:before|after)[A-Z]\w*?|createSchema)(?:__.*)?\.sql", re.DOTALL),
        "this is a callback of Flyway: it would run at every run, and is part of no version.",
        _OUT,
    ),
    (
        re.compile(r"(?:[VURB][0-9._]*__.*|(?:before|after)[A-Z]\w*(?:__.*)?)"
                   r"\.(?:java|class|kt|groovy|scala|sh|bash|ps1|cmd|bat|py)", re.DOTALL),
        "this is a migration or callback of Flyway that is a program.",
        _OUT,
    ),
)  # fmt: skip
