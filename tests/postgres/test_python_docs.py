"""The examples of the page about the format, as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

from switchback.contract.words import Operation
from tests.postgres.running import Runner
from tests.postgres.test_python import ACCEPT

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "python-format.md"


def test_the_examples_run(database: str, folder: Path) -> None:
    books, slugs = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    runner = Runner(database, folder)
    (folder / "0001_books.py").write_text(books)
    assert runner.up().error is None
    runner.query(
        "INSERT INTO books SELECT n, 'No. ' || n || ': A (short) Title!' FROM generate_series(1, 2500) n"
    )
    (folder / "0006_slugs.py").write_text(
        "def up(c):\n    c.execute('ALTER TABLE books ADD slug text')\n"
        "def down(c):\n    c.execute('ALTER TABLE books DROP slug')\n"
    )
    (folder / "0007_fill_in_slugs.py").write_text(slugs)
    ending = runner.up()
    assert ending.error is None, ending.text
    assert runner.query("SELECT id, slug FROM books WHERE id IN (1, 2500) ORDER BY id") == [
        (1, "no-1-a-short-title"),
        (2500, "no-2500-a-short-title"),
    ]
    assert runner.query("SELECT count(*) FROM books WHERE slug IS NULL") == [(0,)]
    ending, words = runner.told(Operation.ROLLBACK, target="base", accept=ACCEPT)
    assert ending.error is None, ending.text
    assert "not undone, as declared (the column goes with 0006_slugs)" in words.text
    assert runner.tables == set()
