"""Prometheus and promtool, its own judge of rules and metrics: those on PATH, else those of Debian's package.

The package is unpacked into the cache and not installed: it would start a server.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.cluster.errors import BedError
from tests.cluster.paths import cache_root
from tests.cluster.run import locked, run, run_long

PACKAGE = "prometheus"
_ENV = {"DEBIAN_FRONTEND": "noninteractive"}


def ensure(program: str = "promtool") -> Path:
    """Return where a program is, fetched if need be. One at a time; a killed one leaves no half file."""
    found = shutil.which(program)
    if found is not None:
        return Path(found)
    tool = cache_root() / program / program
    if not tool.is_file():
        with locked(cache_root() / f"{program}.lock", f"fetching {program}"):
            if not tool.is_file():
                _fetch(tool)
    return tool


def _fetch(tool: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise BedError(f"{tool.name} is not here; install Prometheus and put it on PATH")
    tool.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=tool.parent) as temporary:
        folder = Path(temporary)
        try:
            _download(folder)
        except BedError:
            # No package lists yet, or lists that name a file which is no longer there.
            log = cache_root() / "logs" / "apt.log"
            run_long("refreshing the package lists", ["apt-get", "update"], log=log, env=_ENV, timeout=900)
            _download(folder)
        package = next(folder.glob("*.deb"))
        run(["dpkg-deb", "--extract", package, folder / "content"], timeout=300)
        (folder / "content" / "usr" / "bin" / tool.name).replace(tool)


def _download(folder: Path) -> None:
    run(["apt-get", "download", PACKAGE], cwd=folder, env=_ENV, timeout=600)
