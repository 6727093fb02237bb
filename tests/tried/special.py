"""What takes more than a folder: each has a test of its own, and stands in the tables like the others."""

from __future__ import annotations

from switchback.contract.reasons import Reason
from tests.tried.case import Case

PARAMETERS = Case(
    "`SET` of every parameter that a user or a superuser may set, each to another value",
    result="runs; the next file finds every parameter as the session began with it",
)
LOCAL_PARAMETERS = Case("`SET LOCAL` of the same", result="runs; the same")
PARAMETERS_ALONE = Case(
    "`SET` of the same, without a transaction",
    result="runs; the same",
)
UNREADABLE = Case(
    "a file without the right to read it",
    reason=Reason.SOURCE_INVALID,
    message="0001_x.up.sql: the file cannot be read: Permission denied.",
)
READ_ONLY_MOUNT = Case("a folder on a file system that is mounted read-only")
ODD_PATH = Case("blanks, quotes, percent signs and a line end in the path of the folder")
LINKED_FOLDER = Case("a folder that is itself a symbolic link")
MANY = Case("10,000 migrations: `status`, and `migrate` of the last one", result="works")

SETTINGS = (PARAMETERS, LOCAL_PARAMETERS, PARAMETERS_ALONE)
FOLDERS = (ODD_PATH, LINKED_FOLDER, READ_ONLY_MOUNT, UNREADABLE, MANY)
