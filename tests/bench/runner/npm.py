"""Packages from npm as a committed lock names them, in a cache that every checkout shares."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cluster.errors import BedError
from tests.cluster.paths import cache_root, digest
from tests.cluster.run import locked, run_long

HERE = Path(__file__).resolve().parents[1] / "modules" / "npm"


def ensure() -> Path:
    """The folder with `node_modules` and our script, installed if need be.

    Raises:
        BedError: there is no npm, or it has failed.
    """
    files = sorted(file for file in HERE.iterdir() if file.is_file())
    folder = cache_root() / f"bench-npm-{digest(*(file.read_bytes() for file in files))}"
    if (folder / "complete").is_file():
        return folder
    if shutil.which("npm") is None:
        raise BedError("npm is not here; dbmate and Drizzle come from it: install nodejs and npm")
    with locked(cache_root() / "bench-npm.lock", "installing packages from npm"):
        if (folder / "complete").is_file():
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in files:
            shutil.copy(file, folder)
        log = cache_root() / "logs" / "bench-npm.log"
        argv = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        run_long("installing dbmate and Drizzle", argv, log=log, timeout=600, cwd=folder)
        (folder / "complete").touch()
    return folder
