"""`gitops/argocd/argocd-cm.yaml`, made of the Lua files beside it.

`python -m tests.consumers.snippet` writes it.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from tests.consumers.verdicts import ACTIONS, GITOPS, HEALTH

if TYPE_CHECKING:
    from pathlib import Path

FILE = GITOPS / "argocd" / "argocd-cm.yaml"
KIND = "switchback.dev_DatabaseMigration"
HEALTH_KEY = f"resource.customizations.health.{KIND}"
ACTIONS_KEY = f"resource.customizations.actions.{KIND}"
DISCOVERY = ACTIONS / "discovery.lua"

HEAD = """\
# A patch for Argo CD's own ConfigMap:
#   kubectl -n argocd patch configmap argocd-cm --patch-file gitops/argocd/argocd-cm.yaml
# Made of the .lua files beside it by `python -m tests.consumers.snippet`; change those.
data:
"""


def text() -> str:
    """What the file has to hold."""
    entries = "".join(
        f"- name: {path.stem}\n" + textwrap.indent(_block("action.lua", path), "  ") for path in definitions()
    )
    actions = _block("discovery.lua", DISCOVERY) + "definitions:\n" + entries
    actions = f"{ACTIONS_KEY}: |\n" + textwrap.indent(actions, "  ")
    return HEAD + textwrap.indent(_block(HEALTH_KEY, HEALTH) + actions, "  ")


def definitions() -> list[Path]:
    """The actions, each a script."""
    return sorted(path for path in ACTIONS.glob("*.lua") if path != DISCOVERY)


def _block(key: str, path: Path) -> str:
    return f"{key}: |\n" + textwrap.indent(path.read_text(encoding="utf-8"), "  ")


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"wrote {FILE}")
