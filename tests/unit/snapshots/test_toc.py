"""What a copy does without, from the list that `pg_restore` has worked with."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from switchback.snapshots import toc

if TYPE_CHECKING:
    from pathlib import Path

LIST = """;
; Archive created at 2026-11-26 09:34:24 UTC
;
6; 2615 16391 SCHEMA - we ird postgres
220; 1259 16385 TABLE public a postgres
2587; 0 0 COMMENT we ird TABLE "PUBLICATION" postgres
2580; 0 16392 TABLE DATA we ird PUBLICATION postgres
2574; 6104 16398 PUBLICATION - every thing the owner
2576; 6106 16399 PUBLICATION TABLE public every thing a the owner
2577; 6237 16401 PUBLICATION TABLES IN SCHEMA we ird p2 we ird postgres
2588; 0 0 COMMENT - PUBLICATION p2 postgres
2578; 6100 16404 SUBSCRIPTION - su postgres
2422; 3466 16403 EVENT TRIGGER - et postgres
2589; 0 0 COMMENT - EVENT TRIGGER et postgres
2590; 0 0 COMMENT - SCHEMA "EVENT TRIGGER" postgres
"""
KEPT = {"6", "220", "2587", "2580", "2590"}


def filtered() -> str:
    """As the script of the client image does it."""
    expression = f"s/^[0-9]+; [0-9]+ [0-9]+ ({toc.LEAVE_OUT}) /;&/"
    done = subprocess.run(["sed", "-E", expression], input=LIST, capture_output=True, text=True, check=True)
    return done.stdout


def test_what_acts_beyond_the_copy_is_commented_out_and_nothing_else() -> None:
    lines = [line for line in filtered().splitlines() if line[:1].isdigit()]
    assert {line.partition(";")[0] for line in lines} == KEPT


def test_objects_are_named_without_their_owners(tmp_path: Path) -> None:
    (tmp_path / toc.LIST).write_text(filtered())
    found = toc.left_out(tmp_path, {"owner", "the owner", "postgres"})
    assert [one.text for one in found] == ["publication every thing", "subscription su", "event trigger et"]


def test_where_there_is_no_list_nothing_was_left_out(tmp_path: Path) -> None:
    assert toc.left_out(tmp_path, ()) == ()
