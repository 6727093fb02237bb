from __future__ import annotations

from tests.unit.controller.conftest import api, client

__all__ = ["api", "client"]
