"""The tools whose history can be taken over. A new one is one module, and one line here and in `wish`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.runner.adoption import alembic, dbmate, drizzle, flyway, golang_migrate, goose, yoyo

if TYPE_CHECKING:
    from switchback.runner.adoption.model import Tool

TOOLS: tuple[Tool, ...] = (golang_migrate, dbmate, goose, flyway, drizzle, yoyo, alembic)
