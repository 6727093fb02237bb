"""Names of files and folders, and what lies there that is no plain file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from tests.tried.case import Case

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = "CREATE TABLE a (i int);\n"
A = frozenset({"a"})


def _one(name: str, text: str = T) -> dict[str, str | bytes]:
    return {f"{name}.up.sql": text}


def _linked(target: str, name: str = "0001_x.up.sql") -> Callable[[Path], None]:
    def arrange(folder: Path) -> None:
        (folder.parent / "outside.sql").write_text(T)
        (folder / ".inside.sql").write_text(T)
        (folder / name).symlink_to(target)

    return arrange


def _fifo(folder: Path) -> None:
    os.mkfifo(folder / "0001_x.up.sql")


def _directory(folder: Path) -> None:
    (folder / "0001_x.up.sql").mkdir()
    (folder / "0001_x.up.sql" / "inner.txt").write_text("x")


def _below(folder: Path) -> None:
    (folder / "old").mkdir()
    (folder / "old" / "x.sql").write_text("x")


def _not_utf8(folder: Path) -> None:
    (folder / os.fsdecode(b"0001_\xff.up.sql")).write_text(T)


NAMES = (
    Case(
        "names beyond ASCII: file, id, table",
        files=_one("0001_größe_表", "CREATE TABLE größe_表 (spalte_é int);"),
        tables=frozenset({"größe_表"}),
    ),
    Case(
        "the same letters composed and decomposed, in two files",
        files=_one("0001_caf\u00e9") | _one("0003_cafe\u0301", "CREATE TABLE b (i int);"),
        tables=frozenset("ab"),
    ),
    Case(
        "the same letters composed and decomposed, in two names that look the same",
        files={"x\u00e9.txt": "", "xe\u0301.txt": ""} | _one("0001_x"),
        reason=Reason.SOURCE_INVALID,
        message="xé.txt: its name differs from xé.txt by how its letters are encoded alone; on macOS "
        "and Windows one hides the other.",
    ),
    Case("blanks in a name", files=_one("0001_a  b c"), tables=A),
    Case(
        "quotes, percent and dollar signs in a name",
        files=_one('0001_it\'s "100 %s" $$ $1 {x} \\n ; --'),
        tables=A,
    ),
    Case("a name of 255 bytes", files=_one("0001_" + "x" * 243), tables=A),
    Case(
        "a line end in a name",
        files=_one("0001_a\nb"),
        reason=Reason.SOURCE_INVALID,
        message="0001_a\\nb.up.sql: its name holds characters that cannot be printed.",
    ),
    Case(
        "an escape sequence in a name",
        files=_one("0001_\x1b[31mred"),
        reason=Reason.SOURCE_INVALID,
        message="0001_\\x1b[31mred.up.sql: its name holds characters that cannot be printed.",
    ),
    Case(
        "a mark for the other direction of writing in a name",
        files=_one("0001_\u202egpj"),
        reason=Reason.SOURCE_INVALID,
        message="0001_\\u202egpj.up.sql: its name holds characters that cannot be printed.",
    ),
    Case(
        "an escape sequence in the name of a file that is no migration",
        files={"\x1b[31mred.sql": "x"} | _one("0001_x"),
        reason=Reason.SOURCE_INVALID,
        message="\\x1b[31mred.sql: this looks like a migration, and no part of this source.",
    ),
    Case(
        "bytes in a name that are not UTF-8",
        arrange=_not_utf8,
        reason=Reason.SOURCE_INVALID,
        message="0001_\\udcff.up.sql: its name holds characters that cannot be printed.",
    ),
    Case("no title", files=_one("0001_"), tables=A),
    Case(
        "no number",
        files=_one("create_a"),
        reason=Reason.SOURCE_INVALID,
        message="create_a.up.sql: this looks like a migration, and no part of this source.",
    ),
    Case(
        "a sign before the number",
        files=_one("-1_x"),
        reason=Reason.SOURCE_INVALID,
        message="-1_x.up.sql: this looks like a migration, and no part of this source.",
    ),
    Case(
        "digits of another script",
        files=_one("\u0661_x"),
        reason=Reason.SOURCE_INVALID,
        message="\u0661_x.up.sql: this looks like a migration, and no part of this source.",
    ),
    Case(
        "the largest number",
        files=_one("18446744073709551614_x") | _one("18446744073709551615_y", "SELECT 1;"),
        tables=A,
    ),
    Case(
        "a number beyond 64 bits",
        files=_one("18446744073709551616_x"),
        reason=Reason.SOURCE_INVALID,
        message="18446744073709551616_x.up.sql: its number is larger than 18446744073709551615.",
    ),
    Case(
        "a number of 40 digits",
        files=_one("1" * 40 + "_x"),
        reason=Reason.SOURCE_INVALID,
        message=f"{'1' * 40}_x.up.sql: its number is larger than 18446744073709551615.",
    ),
    Case(
        "two files with one number",
        files=_one("1_a") | _one("0001_b", "SELECT 1;"),
        reason=Reason.SOURCE_INVALID,
        message="1_a.up.sql: its number 1 is also that of 0001_b.up.sql.",
    ),
    Case("gaps between numbers", files=_one("5_a") | _one("900_b", "SELECT 1;"), tables=A),
    Case(
        "names that differ by case alone",
        files=_one("0001_x") | _one("0001_X"),
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql: its name differs from 0001_X.up.sql by case alone; on macOS and Windows "
        "one hides the other.",
    ),
    Case(
        "extensions in capitals",
        files={"0001_x.UP.SQL": T},
        reason=Reason.SOURCE_INVALID,
        message="0001_x.UP.SQL: this looks like a migration, and no part of this source.",
    ),
    Case(
        "hidden files, and those of macOS",
        files=_one("0001_x") | {".0001_x.up.sql": "nonsense", ".DS_Store": b"\0"},
        tables=A,
    ),
    Case(
        "what editors leave",
        files={"0001_x.up.sql~": T} | _one("0001_x"),
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql~: this is a file that golang-migrate would run, and no part of this source.",
    ),
    Case("a swap file of vim", files={".0001_x.up.sql.swp": b"b0VIM\0"} | _one("0001_x"), tables=A),
    Case(
        "a README and a picture",
        files=_one("0001_x") | {"README.md": "hello", "schema.png": b"\x89PNG\0"},
        tables=A,
    ),
    Case(
        "a down file without its up file",
        files={"0001_x.down.sql": "SELECT 1"},
        reason=Reason.SOURCE_INVALID,
        message="0001_x.down.sql: this down half has no up half.",
    ),
)
FOLDERS = (
    Case("a symbolic link inside the folder", arrange=_linked(".inside.sql"), tables=A),
    Case(
        "a symbolic link out of the folder",
        arrange=_linked("../outside.sql"),
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql: this symbolic link leads out of the folder, so that what runs is not "
        "what was reviewed.",
    ),
    Case(
        "a symbolic link to the root of the file system",
        arrange=_linked("/", "everything"),
        reason=Reason.SOURCE_INVALID,
        message="everything: this symbolic link leads out of the folder, so that what runs is not what was "
        "reviewed.",
    ),
    Case(
        "a symbolic link to nothing",
        arrange=_linked("nothing.sql"),
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql: this symbolic link leads nowhere.",
    ),
    Case(
        "a symbolic link to itself",
        arrange=_linked("0001_x.up.sql"),
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql: this symbolic link leads nowhere.",
    ),
    Case(
        "a named pipe",
        arrange=_fifo,
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql: this is not a regular file.",
    ),
    Case(
        "a folder named like a migration",
        arrange=_directory,
        reason=Reason.SOURCE_INVALID,
        message="0001_x.up.sql: this is a folder, named like a file of SQL.",
    ),
    Case(
        "SQL in a sub-folder",
        files=_one("0001_x"),
        arrange=_below,
        reason=Reason.SOURCE_INVALID,
        message="old/x.sql: this SQL file in the sub-folder old is not read.",
    ),
    Case(
        "an empty folder",
        arrange=lambda _: None,
        reason=Reason.SOURCE_EMPTY,
        message="the folder …/migrations holds no migration (no other file).",
    ),
)
