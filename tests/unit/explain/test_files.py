"""The files of ConfigMaps, read as the runs read them."""

from __future__ import annotations

from typing import Any

import pytest

from switchback.explain.cases import Case, Known
from switchback.explain.files import Files, files_of, findings, target_finding, unknown_losses
from tests.unit.explain.build import FILES, config_map, files, spec

WANTED = spec(source=FILES)


def test_ids_and_digest() -> None:
    found = files(WANTED, "0001_a", "0002_b")
    assert found.ids == ("0001_a", "0002_b")
    assert found.source.digest.startswith("f1:")
    assert findings(found) == []


def test_a_config_map_that_nobody_may_read() -> None:
    assert not files_of(WANTED, {}).is_seen
    assert files_of(spec(), {}).is_seen, "an image needs nobody to look"


def test_a_config_map_that_is_not_there() -> None:
    found = files_of(WANTED, {"shop-files": None})
    assert found.source.problem is not None
    assert found.source.problem.reason == "ConfigMapMissing"


def test_files_that_no_run_would_take() -> None:
    found = files_of(WANTED, {"shop-files": config_map("0001_a", **{"0001_b.up.sql": "SELECT 1;"})})
    assert found.ids is None
    told = findings(found)
    assert told[0].reason == "SourceInvalid"
    assert "switchback-explain" not in told[0].message


def test_inside_of_a_file() -> None:
    broken = {"0002_b.up.sql": "SELECT 'open;", "0002_b.down.sql": "SELECT 1;"}
    found = files_of(WANTED, {"shop-files": config_map("0001_a", **broken)})
    (told,) = findings(found)
    assert told.message.startswith("0002_b.up.sql:1:")
    assert findings(found, applied=("0001_a", "0002_b")) == [], "nobody looks into what is applied"


def test_an_empty_source() -> None:
    (told,) = findings(files_of(WANTED, {"shop-files": {"data": {}}}))
    assert told.reason == "SourceEmpty"
    assert "switchback-explain" not in told.message


@pytest.mark.parametrize("content", [{"data": {"a.up.sql": 5}}, {"data": "x"}, {"binaryData": {"a": "§"}}])
def test_a_config_map_that_is_none(content: dict[str, Any]) -> None:
    found = files_of(WANTED, {"shop-files": content})
    assert found.source.problem is not None
    assert "shop-files" in found.source.problem.message


def test_a_target_that_nobody_has() -> None:
    found = files(WANTED, "0001_a", "0002_b")
    told = target_finding(found, "0003", ())
    assert told is not None
    assert told.reason == "TargetUnknown"
    assert "0002_b" in told.advice
    assert target_finding(found, "2", ()) is None, "a short form"
    assert target_finding(found, "0003", ("0003_gone",)) is None, "the ledger has it"
    assert target_finding(Files(is_image=True), "0003", ()) is None


def test_what_cannot_be_undone() -> None:
    content = {
        "data": {"0001_a.up.sql": "SELECT 1;", "0002_b.up.sql": "SELECT 1;", "0002_b.down.sql": "SELECT 1;"}
    }
    found = files_of(WANTED, {"shop-files": content})
    assert list(found.no_way_back(("0002_b", "0001_a"))) == ["0001_a"]


def test_python_is_read_and_not_run() -> None:
    module = "raise SystemExit('it ran')\ndef up(c):\n    c.execute('x')\n"
    content = {"data": {"0001_a.py": module, "0002_b.py": f"{module}def down(c):\n    c.execute('y')\n"}}
    found = files_of(WANTED, {"shop-files": content})
    assert found.ids == ("0001_a", "0002_b")
    assert findings(found) == []
    assert list(found.no_way_back(("0002_b", "0001_a"))) == ["0001_a"]


def test_what_a_way_back_in_python_destroys_is_unknown() -> None:
    text = "def up(c):\n    c.execute('x')\ndef down(c):\n    c.execute('y')\n"
    ids = tuple(f"000{number}_x" for number in range(1, 8))
    found = files_of(WANTED, {"shop-files": {"data": {f"{name}.py": text for name in ids}}})
    back = Known(Case.BEYOND, ids[-1], "base", ids[::-1], certain=True)
    (told,) = unknown_losses(found, back)
    assert told.message == (
        "rolling back 0007_x, 0006_x, 0005_x, 0004_x, 0003_x and 2 more calls functions in Python, whose "
        "losses are unknown: they count as losses."
    )
    (one,) = unknown_losses(found, Known(Case.BEYOND, ids[1], ids[0], ids[1:2], certain=True))
    assert one.message.startswith("rolling back 0002_x calls a function in Python, whose losses are unknown")
    assert unknown_losses(found, Known(Case.BEYOND, ids[1], ids[0], ids[1:2])) == []
    assert unknown_losses(found, Known(Case.BEHIND, ids[0], ids[1], ids[1:2], certain=True)) == []
    sql = files(WANTED, "0001_a", "0002_b")
    assert unknown_losses(sql, Known(Case.BEYOND, "0002_b", "0001_a", ("0002_b",), certain=True)) == []
