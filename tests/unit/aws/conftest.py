from __future__ import annotations

from tests.aws.plugin import aws

__all__ = ["aws"]
