"""The settings that a file or a variable may hold: one table for reader, `switchback config` and docs."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from switchback.runner.policy import Ahead

PREFIX = "SWITCHBACK_"
DEFAULT_FOLDER = "migrations"
DEFAULT_LEDGER_SCHEMA = "switchback"
DEFAULT_LOCK_TIMEOUT = "2s"
DEFAULT_ADVISORY = "1min"
AHEAD = tuple(str(choice) for choice in Ahead)


class Kind(Enum):
    """What a value looks like in TOML."""

    TEXT = "text"
    LIST = "list of texts, or one text"
    FLAG = "true or false"
    DURATION = "duration"


class Key(NamedTuple):
    """One setting.

    Attributes:
        name: as its flag is named, without the dashes.
        parameter: what commands call it.
        kind: what its value looks like.
        about: what it is, for tables.
        default: as it is shown.
        choices: the only values there are; empty: any.
    """

    name: str
    parameter: str
    kind: Kind
    about: str
    default: str = ""
    choices: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """Name of the environment's variable for it."""
        return PREFIX + self.name.upper().replace("-", "_")


URL = Key("url", "url", Kind.TEXT, "the database")
URL_ENV = Key("url-env", "", Kind.TEXT, "name of the variable that holds the URL; only in a file")
DIR = Key("dir", "folder", Kind.TEXT, "folder of the migrations; in a file relative to it", DEFAULT_FOLDER)

KEYS = (
    URL,
    URL_ENV,
    DIR,
    Key("format", "format_name", Kind.TEXT, "format of the migrations", "found by looking"),
    Key("ignore", "ignore", Kind.LIST, "files that are no migrations"),
    Key("role", "role", Kind.TEXT, "role that does the work", "the user that logs in"),
    Key("search-path", "search_path", Kind.LIST, "schemas for names without one", "of URL, role or database"),
    Key("ledger-schema", "ledger_schema", Kind.TEXT, "schema of the ledger", DEFAULT_LEDGER_SCHEMA),
    Key("lock-timeout", "lock_timeout", Kind.DURATION, "for each lock that a file with DDL needs",
        DEFAULT_LOCK_TIMEOUT),
    Key("statement-timeout", "statement_timeout", Kind.DURATION, "for each statement", "0"),
    Key("advisory-lock-timeout", "advisory_lock_timeout", Kind.DURATION, "for another run to end",
        DEFAULT_ADVISORY),
    Key("ahead-policy", "ahead_policy", Kind.TEXT, "when the database is ahead of the files",
        str(Ahead.REFUSE), AHEAD),
    Key("allow-out-of-order", "allow_out_of_order", Kind.FLAG,
        "apply a file although a later one is applied", "false"),
    Key("hold-contract", "hold_contract", Kind.FLAG, "hold back files of phase=contract", "false"),
    Key("iam-region", "iam_region", Kind.TEXT, "log in with a token of AWS, in this region"),
)  # fmt: skip
BY_NAME = {key.name: key for key in KEYS}

ENV = "env"
"""The table of environments, and the flag that chooses one of them."""
ENV_VARIABLE = f"{PREFIX}ENV"
FILE_VARIABLE = f"{PREFIX}CONFIG"
NO_FILE = "none"
"""What FILE_VARIABLE says for: read none."""

CONSENT = frozenset(
    {
        "yes",
        "force",
        "all",
        "forget-missing",
        "accept-data-loss",
        "accept-cascade",
        "allow-non-empty",
        "adopt",
        "confirm-database",
    }
)
"""Flags by which a person says yes to what they see: never in a file."""
