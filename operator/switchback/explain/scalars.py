"""Words of YAML as kubectl takes them.

kubectl reads YAML with Go's library, which differs from Python's where it hurts most: `0008` is a number, `y`
is true, `1:30` is text. A word that was read otherwise here would make the answer wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Scalar = str | int | float | bool | None

NAMES = ("str", "int", "float", "bool", "null", "timestamp", "binary")
TAG = "tag:yaml.org,2002:"

_TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_NULL = ("", "~", "null", "Null", "NULL")
_WORDS: Mapping[str, Scalar] = {
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys(_NULL, None),
}
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BIGGEST = 2**64


def plain(text: str) -> Scalar:
    """What a word without quotes stands for."""
    if text in _WORDS:
        return _WORDS[text]
    bare = text.replace("_", "")
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(bare):
        number = _integer(bare)
        if abs(number) < _BIGGEST:
            return number
    if _FLOAT.fullmatch(bare):
        return whole(float(bare))
    return text


def _integer(text: str) -> int:
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.lstrip("+"))
    if len(digits) > 1 and digits[0] == "0" and digits[1] in "01234567":
        digits = f"0o{digits[1:]}"  # a leading zero is octal there
    return sign * int(digits, 0)


def whole(number: float) -> int | float:
    """`5` for `5.0`: on the way to the API server it becomes JSON, which tells no difference."""
    return int(number) if number == number and abs(number) < _BIGGEST and number.is_integer() else number  # noqa: PLR0124 - not a number


def name_of(value: Scalar) -> str:
    """The tag of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return "str"


def key_text(value: Scalar) -> str:
    """A key as JSON has it: `15` and `yes` become text."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
