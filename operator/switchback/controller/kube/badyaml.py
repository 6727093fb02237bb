"""What is wrong with a text that is no YAML, told without its words: they may be a token or a password."""

from __future__ import annotations

import re

import yaml

_QUOTED = re.compile(r"'(?!<)[^']{2,}'")
"""Words of the text stand between quotes, and so do single characters, which say what is wrong."""


def described(error: yaml.YAMLError | RecursionError) -> tuple[str, int]:
    """(what is wrong, the line where the parser gave up; 1 when it did not say)."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        return _QUOTED.sub("'…'", what) or "no YAML", mark.line + 1 if mark is not None else 1
    if isinstance(error, yaml.YAMLError):
        return _QUOTED.sub("'…'", " ".join(str(error).split())), 1
    return "nested too deeply", 1
