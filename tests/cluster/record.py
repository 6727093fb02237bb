"""What is written down about a bed outside its checkout, so that any later run can judge and end it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.paths import BEDS, Bed
from tests.cluster.processes import Process, boot_id

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILE = "bed.json"


@dataclass
class Record:
    """The memory of one bed."""

    checkout: str
    index: int = -1
    boot: str = field(default_factory=boot_id)
    init: Process | None = None
    processes: dict[str, Process] = field(default_factory=dict)
    # Images in containerd: name -> digest of the manifest.
    images: dict[str, str] = field(default_factory=dict)
    ready_seconds: float | None = None  # written last: without it the bed was never complete

    def this_boot(self) -> bool:
        """Say whether the process ids in here mean anything."""
        return self.boot == boot_id()

    def save(self, bed: Bed) -> None:
        """Write atomically, so that a killed run leaves the older or the newer text, never half of one."""
        bed.state.mkdir(parents=True, exist_ok=True)
        partial = bed.state / f".{_FILE}.new"
        partial.write_text(json.dumps(asdict(self), indent=1))
        partial.replace(bed.state / _FILE)


def load(bed: Bed) -> Record | None:
    """Return what is known about a bed; an unreadable note counts as none."""
    try:
        data = json.loads((bed.state / _FILE).read_text())
        init = data.pop("init")
        processes = {name: Process(**value) for name, value in data.pop("processes").items()}
        return Record(**data, init=Process(**init) if init else None, processes=processes)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def all_beds() -> Iterator[tuple[Bed, Record]]:
    """Return every bed of this machine with its record."""
    for folder in sorted(BEDS.glob("sb-*")):
        if not folder.is_dir():
            continue
        try:
            checkout = json.loads((folder / _FILE).read_text())["checkout"]
        except (OSError, ValueError, KeyError):
            continue
        bed = Bed(Path(checkout))
        record = load(bed)
        if record is not None and bed.name == folder.name:
            yield bed, record
