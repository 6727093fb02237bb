"""A password in a configuration file: found, and said when others can read it."""

from __future__ import annotations

import stat
import subprocess
from typing import TYPE_CHECKING

from switchback.cli.config_keys import URL_ENV
from switchback.cli.console import Console

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.cli.config_values import Setting, Settings

_GIT_SECONDS = 3


def warn(found: Settings, url: Setting) -> None:
    """Warn of a file that holds the password of `url` where others can read it."""
    if url.kind == "file" and found.file is not None and holds_password(str(url.value)):
        told = exposed(found.file.path)
        if told:
            place = found.file.place(url.name, url.environment)
            Console().warn(
                f"{place} holds a password, and {told}. Put the URL into a variable and name that: "
                f'{URL_ENV.name} = "NAME".'
            )


def holds_password(url: str) -> bool:
    """Whether there is a secret in a URL. What cannot be read is refused elsewhere."""
    from switchback.runner import url as urls  # noqa: PLC0415 - only where a file names a database
    from switchback.runner.errors import RunnerError  # noqa: PLC0415 - same

    try:
        return bool(urls.read(url, {"PGUSER": "nobody"}).secrets)
    except RunnerError:
        return False


def exposed(path: Path) -> str:
    """Who may read a file that should not, as the end of a sentence; empty when nobody does."""
    if path.stat().st_mode & stat.S_IROTH:
        also = ", and is in git" if _is_tracked(path) else ""
        return f"every user of this machine can read it (chmod 600){also}"
    return "it is in git, for everybody who has the repository" if _is_tracked(path) else ""


def _is_tracked(path: Path) -> bool:
    if not any((folder / ".git").exists() for folder in path.parents):
        return False
    words = ["git", "--no-optional-locks", "ls-files", "--error-unmatch", "--", path.name]
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, and a name after `--`
            words, cwd=path.parent, capture_output=True, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
