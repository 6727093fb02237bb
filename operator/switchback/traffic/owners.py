"""Who else writes the Service's selector, and whether our key would survive it.

The selector is one field to the API server. A server-side apply that forces its way replaces all of it, so a
key that its manifest does not name is gone. A client-side apply changes the keys that its manifest names, or
has named, and no others. What decides is therefore how a tool writes, not which one it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from switchback.api.names import FIELD_MANAGER
from switchback.traffic.writers import APPLY, ARGO_TRACKING, MARKS, SERVICE, WRITERS, Risk, stranger

if TYPE_CHECKING:
    from switchback.contract.traffic import Owner, Service
    from switchback.traffic.writers import Mark

ARGO = "argocd-controller"
KUBECTL = "kubectl-client-side-apply"


class Standing(Enum):
    """What a writer means for a switch."""

    FINE = "it leaves our key alone"
    WARNED = "a person's next step with it could matter"
    REFUSED = "it would take our key away by itself"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer about a Service.

    Attributes:
        standing: what follows from it.
        manager: the field manager, as managedFields has it.
        tool: its name for people.
        message: what was found.
        fix: what to change, exactly; empty where nothing has to be.
        holds_key: whether the manifest that was applied names the slot's key.
    """

    standing: Standing
    manager: str = ""
    tool: str = ""
    message: str = ""
    fix: str = ""
    holds_key: bool = False


def verdict(service: Service, key: str) -> Verdict:
    """What is said about the writer that matters most. `key` tells the slots apart."""
    others = [owner for owner in service.owners if owner.manager != FIELD_MANAGER]
    found = [
        *(_holding(service, owner) for owner in others),
        _remembered(service, key),
        *(_marked(service, mark) for mark in MARKS),
    ]
    for standing in (Standing.REFUSED, Standing.WARNED):
        worst = next((one for one in found if one is not None and one.standing is standing), None)
        if worst is not None:
            there = f"{service.name} -n {service.namespace}" if service.namespace else service.name
            return replace(worst, fix=worst.fix.replace(SERVICE, there))
    return Verdict(Standing.FINE, message=f"nobody would take {key} out of the selector of {_what(service)}")


def _holding(service: Service, owner: Owner) -> Verdict | None:
    """What a manager means that holds the selector."""
    writer = next((one for one in WRITERS if one.writes(owner)), None)
    if writer is None and owner.operation == APPLY:
        writer = stranger(owner.manager)
    if writer is None or writer.told(service):
        return None
    standing = Standing.REFUSED if writer.risk is Risk.TAKES else Standing.WARNED
    text = f"{writer.tool} (field manager {owner.manager}) {writer.does} of {_what(service)}"
    return Verdict(standing, owner.manager, writer.tool, text, writer.fix)


def _remembered(service: Service, key: str) -> Verdict | None:
    """What a client-side apply has remembered: the keys that it would set again."""
    value = (service.last_applied or {}).get(key)
    if value is None:
        return None
    what = _what(service)
    remove = f"remove {key} from the selector in its manifest; before that is applied, so that the key stays "
    fix = f"{remove}where it is: kubectl apply set-last-applied -f FILE"
    if ARGO_TRACKING in service.annotations or any(owner.manager == ARGO for owner in service.owners):
        text = f"Argo CD sets {key}: {value} in the selector of {what} with every sync, since Git holds it"
        return Verdict(Standing.REFUSED, ARGO, "Argo CD", text, fix, holds_key=True)
    text = f"the manifest of {what} that was applied last holds {key}: {value}"
    return Verdict(Standing.WARNED, KUBECTL, "kubectl apply", text, fix, holds_key=True)


def _marked(service: Service, mark: Mark) -> Verdict | None:
    """A tool that keeps the Service, whose selector somebody else has written since."""
    if mark.told(service) or not (mark.key in service.labels or mark.key in service.annotations):
        return None
    text = f"{mark.tool} keeps {_what(service)}, and would apply its own selector with the next sync"
    return Verdict(Standing.WARNED, tool=mark.tool, message=text, fix=mark.fix)


def _what(service: Service) -> str:
    return f"Service {service.name}"
