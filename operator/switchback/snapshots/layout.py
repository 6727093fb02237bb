"""Places and names that the description of the snapshot pod and the programs in it share."""

from __future__ import annotations

import re
import secrets
from importlib.resources import files

VOLUME_MOUNT = "/snapshots"
"""Where the volume with the restore points is mounted."""

WORK_MOUNT = "/switchback/secrets"
"""Memory volume that the containers of one pod share: connection files (0600) and what each part reports."""

MANIFEST = "manifest.json"
"""Written last: a folder without it is no restore point."""

KEEP = "keep"
"""Beside the manifest: a person's mark that this restore point must not be deleted. Its content is theirs."""

NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9._]{0,251}[A-Za-z0-9])?")
"""Name of a restore point, which is the name of its folder."""

PARTIAL = ".partial"
DAMAGED = ".damaged"


def partial_name(name: str) -> str:
    """Name of the folder that one try dumps into, such as `<name>.3f2a91c0.partial`.

    Every try has its own: a pod that was given up for lost and still writes meets a missing folder, never
    the files of the try after it.
    """
    return f"{name}.{secrets.token_hex(4)}{PARTIAL}"


def is_partial_of(name: str, folder: str) -> bool:
    """Whether `folder` is what a try of the restore point `name` left behind."""
    return re.fullmatch(re.escape(name) + _TRY, folder) is not None


def is_partial_for(uid_hash: str, folder: str) -> bool:
    """Whether `folder` is what a try for any operation of the resource with this UID hash left behind."""
    return re.fullmatch(_for(uid_hash) + _TRY, folder) is not None


def is_for(uid_hash: str, name: str) -> bool:
    """Whether a restore point of this name is of the resource with this UID hash."""
    return re.fullmatch(_for(uid_hash), name) is not None


def _for(uid_hash: str) -> str:
    return r".*-" + re.escape(uid_hash) + r"-[0-9a-f]{6}(-[0-9]+)?"


def try_of(partial: str) -> str:
    """The eight digits by which the folder of one try differs from others, from `partial_name`."""
    return partial.removesuffix(PARTIAL).rpartition(".")[2]


TRY = re.compile(r"[0-9a-f]{8}")
_TRY = r"\.[0-9a-f]{8}" + re.escape(PARTIAL)


def client_script() -> str:
    """Text of the POSIX shell script that runs pg_dump and pg_restore in the client image."""
    return files(__package__).joinpath("client.sh").read_text(encoding="utf-8")
