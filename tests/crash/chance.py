"""How much is tried, and the chance that decides what: printed by whoever uses it, and repeatable."""

from __future__ import annotations

import os
import random

CAMPAIGN = os.environ.get("SWITCHBACK_CAMPAIGN", "") not in ("", "0")
"""`make test-all` tries everything."""

SEED = int(os.environ.get("SWITCHBACK_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
