"""`python -m tests.trouble [SCENE …]`: play scenes, all of them by default, and write the page anew."""

from __future__ import annotations

import sys

from tests.postgres.servers import embedded_18, running
from tests.trouble.page import PAGE, SCENES, filled, played, sections

with running(embedded_18()) as server:
    new = {name: played(name, server) for name in sys.argv[1:] or SCENES}
    text = PAGE.read_text()
    PAGE.write_text(filled(text, sections(text) | new))
