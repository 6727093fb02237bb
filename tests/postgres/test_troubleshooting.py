"""docs/how-to/troubleshooting.md says what the program says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.trouble.page import ONCE, PAGE, SCENES, played, sections

if TYPE_CHECKING:
    from tests.postgres.servers import Server

SHOWN = sections(PAGE.read_text())


def test_every_scene_is_on_the_page() -> None:
    assert set(SHOWN) == set(SCENES)


@pytest.mark.parametrize("name", SCENES)
def test_the_page_shows_what_is_said(pg18: Server, name: str) -> None:
    assert played(name, pg18) == SHOWN[name], f"write the page anew: python -m tests.trouble {name}"


@pytest.mark.parametrize("name", [name for name in SCENES if name not in ONCE])
def test_an_older_server_says_the_same(pg15: Server, name: str) -> None:
    assert played(name, pg15) == SHOWN[name]
