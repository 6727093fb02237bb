"""The sections of docs/how-to/troubleshooting.md that hold what the program says."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.trouble import connections, scenes
from tests.trouble.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.postgres.servers import Server

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "troubleshooting.md"
_SECTION = re.compile(r"(<!-- output: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
SCENES: dict[str, Callable[[Stage], None]] = {
    scene.__name__: scene for scene in (*scenes.SCENES, *connections.SCENES)
}

ONCE = frozenset(
    {"no_folder", "url_unset", "url_wrong", "unknown_host", "refused", "standby", "outcome_unknown", "pooler"}
)
"""Scenes in which no server, or always the same one, says something."""


def played(name: str, server: Server) -> str:
    """What a scene leaves on the terminal."""
    database = server.create_database()
    try:
        with tempfile.TemporaryDirectory() as place:
            stage = Stage(server, database, Path(place))
            SCENES[name](stage)
            return stage.text
    finally:
        server.drop_database(database)


def sections(text: str) -> dict[str, str]:
    """The outputs that stand on the page."""
    return {found[2]: found[3] for found in _SECTION.finditer(text)}


def filled(text: str, outputs: dict[str, str]) -> str:
    """The page with these outputs."""
    return _SECTION.sub(lambda found: f"{found[1]}{outputs[found[2]]}{found[4]}", text)
