"""The fixture `aws`. A test module that wants it imports it: `from tests.aws.plugin import aws`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.aws.server import FakeAws

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    """A fake AWS, empty and on a free port of the loopback."""
    with FakeAws() as fake:
        yield fake
