"""`switchback new` as it is called."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "switchback"


def call(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, "new", *words], capture_output=True, text=True, timeout=60, check=False, cwd=folder,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip


def test_it_prints_what_it_has_written(tmp_path: Path) -> None:
    done = call(tmp_path, "create", "books")
    assert (done.returncode, done.stderr) == (0, "")
    paths = done.stdout.splitlines()
    assert paths == ["migrations/0001_create_books.up.sql", "migrations/0001_create_books.down.sql"]
    assert all((tmp_path / path).read_text().startswith("-- Migration: create books\n") for path in paths)
    told = json.loads(call(tmp_path, "create authors", "--json").stdout)
    assert told == {
        "files": ["migrations/0002_create_authors.up.sql", "migrations/0002_create_authors.down.sql"]
    }


def test_the_configuration_says_where_and_how(tmp_path: Path) -> None:
    (tmp_path / "switchback.toml").write_text('dir = "db"\nformat = "Goose"\n')
    (path,) = call(tmp_path, "x").stdout.splitlines()
    assert Path(path).parent == Path("db")
    assert (tmp_path / path).read_text().startswith("-- +goose Up\n")
    (below := tmp_path / "src").mkdir()
    (path,) = call(below, "y").stdout.splitlines()
    assert Path(path).parent == tmp_path / "db"


def test_what_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    for words, code, told in (
        (["x", "--format", "Drizzle"], 2, "for Drizzle there is no template: its own tool writes the files."),
        (["x", "--format", "Par"], 2, "the format Par is not known."),
        (["!!"], 2, "the title has no letter."),
        (["x", "--dir", "/dev/null"], 4, "/dev/null is not a folder."),
        (["x", "--dir", "/proc/none"], 4, "cannot be written"),
    ):
        done = call(tmp_path, *words)
        assert done.returncode == code, done.stderr
        assert told in done.stderr
        lines = done.stderr.splitlines()
        assert len(lines) == len(set(lines)) == 2, "what is wrong, and what to do"
        answer = json.loads(call(tmp_path, *words, "--json").stdout)
        assert answer["exitCode"] == code
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_a_config_map_cannot_hold_is_said(tmp_path: Path) -> None:
    done = call(tmp_path, "добавить")
    assert done.stdout.splitlines()[0] == "migrations/0001_добавить.up.sql"
    assert "A ConfigMap takes names in ASCII only" in done.stderr
    assert call(tmp_path, "Bücher").stderr == ""
