from __future__ import annotations

from tests.aws.plugin import aws_for_pods

__all__ = ["aws_for_pods"]
