"""The tools whose history can be taken over. A new one is one module and one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.runner.adoption import golang_migrate

if TYPE_CHECKING:
    from switchback.runner.adoption.model import Tool

TOOLS: tuple[Tool, ...] = (golang_migrate,)
