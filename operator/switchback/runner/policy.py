"""What is done where files and ledger do not simply follow each other. Help texts import it: no driver."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from switchback.runner.adoption.wish import NOTHING_SAID, Wish


class Ahead(StrEnum):
    """What to do when the target is latest and the ledger holds what the files do not have yet."""

    REFUSE = "Refuse"
    KEEP = "Keep"
    ROLLBACK = "Rollback"


class DownFrom(Enum):
    """Whose down half runs when file and ledger differ."""

    REFUSE = "auto"
    FILE = "file"
    LEDGER = "ledger"


@dataclass(frozen=True)
class Policy:
    """The choices of one run.

    Attributes:
        ahead: for target latest, when the ledger is ahead of the files.
        out_of_order: whether a pending file is applied although one that comes after it is.
        adopt: whether the history of another tool is taken over where there is no ledger.
        hold_contract: whether the first pending file of phase=contract waits, and all after it.
        hold_contract_unless_new: the same, but not where no migration is applied yet.
        wish: what a person says about that history.
    """

    ahead: Ahead = Ahead.REFUSE
    out_of_order: bool = False
    adopt: bool = False
    hold_contract: bool = False
    hold_contract_unless_new: bool = False
    wish: Wish = NOTHING_SAID


USUAL = Policy()
"""Nothing but what follows."""
