"""Which restore point is meant, and whether the plugin can restore it or a person follows a runbook. Pure."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchback.contract.exits import ExitCode
from switchback.kubectl.problems import Problem

if TYPE_CHECKING:
    from switchback.kubectl.resource import Object, Resource

LATEST = "latest"
PG_DUMP = "pgDump"
PROVIDERS = ("pgDump", "rds", "volumeSnapshot", "cloudNativePG", "job")

RUNBOOKS = {
    "rds": "docs/runbooks/restore-rds.md",
    "volumeSnapshot": "docs/runbooks/restore-volume-snapshot.md",
    "cloudNativePG": "docs/runbooks/restore-cloudnativepg.md",
    "job": "docs/how-to/snapshots-by-your-own-job.md",
}
"""How a person restores what is not a dump."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A dump that can be restored.

    Attributes:
        name: of the restore point.
        claim: that holds it; empty: the bucket that spec.snapshot names.
        major: version of the server that it was taken from, such as 18.
        digest: of its manifest; empty: not known.
        time: everything that was committed before is in it.
        version: where the migrations stood.
    """

    name: str
    claim: str
    major: int
    digest: str = ""
    time: str = ""
    version: str = ""


def provider_of(resource: Resource, point: Object) -> str:
    """Field of spec.snapshot that it was taken by. Older statuses do not say."""
    snapshot = resource.spec.get("snapshot") or {}
    by_spec = next((one for one in PROVIDERS if one in snapshot), "")
    return str(point.get("provider") or (PG_DUMP if point.get("path") else by_spec))


def choose(resource: Resource, name: str, *, claim: str = "") -> Chosen:
    """The restore point of this name, of the status or of the claim.

    Args:
        resource: whose it is.
        name: of the restore point; `latest`: the newest that is Ready.
        claim: that holds it; empty: the one that spec.snapshot names.

    Raises:
        Problem: there is none, it is not ready, or it is restored otherwise.
    """
    points = resource.items("snapshots")
    if name == LATEST:
        ready = [one for one in points if one.get("phase") == "Ready"]
        if not ready:
            raise _unknown(resource, name)
        name = str(ready[-1].get("name", ""))
    point = next((one for one in points if name in {one.get("name"), one.get("path")}), {})
    if not point and not claim:
        raise _unknown(resource, name)
    provider = provider_of(resource, point)
    if point and provider != PG_DUMP:
        raise _by_runbook(provider, point)
    if point and point.get("phase") != "Ready":
        raise Problem(
            ExitCode.REFUSED,
            "NotReady",
            f"restore point {name} is {point.get('phase')}: only one that was read back in full is restored.",
        )
    dump = (resource.spec.get("snapshot") or {}).get(PG_DUMP) or {}
    held = claim or (dump.get("persistentVolumeClaim") or {}).get("claimName", "")
    if not held and not dump.get("s3"):
        raise _nowhere(resource, name)
    return Chosen(
        str(point.get("name") or name),
        held,
        _major(resource, point),
        str(point.get("digest") or ""),
        str(point.get("restorePointTime") or ""),
        str(point.get("schemaVersion") or ""),
    )


def _major(resource: Resource, point: Object) -> int:
    known = resource.part("schema").get("database") or {}
    return int(point.get("serverMajor") or int(known.get("serverVersion") or 0) // 10000)


def _unknown(resource: Resource, name: str) -> Problem:
    known = [str(one.get("name", "")) for one in resource.items("snapshots")]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or known[::-1][:3]
    there = f"There is: {', '.join(near)}. " if near else ""
    what = "that is Ready" if name == LATEST else name
    return Problem(
        ExitCode.USAGE,
        "NotFound",
        f"the status of {resource.name} in namespace {resource.namespace} has no restore point {what}.",
        f"{there}An older one on a volume: name its claim with --claim. All of them: kubectl switchback "
        f"snapshots {resource.name} -n {resource.namespace} --scan",
    )


def _by_runbook(provider: str, point: Object) -> Problem:
    known = point.get("providerID") or point.get("path") or point.get("name")
    return Problem(
        ExitCode.REFUSED,
        "ByRunbook",
        f"restore point {point.get('name')} was taken by {provider}, and is restored by a person: its id "
        f"there is {known}.",
        f"Follow {RUNBOOKS.get(provider, 'docs/how-to/restore-a-snapshot.md')}",
    )


def _nowhere(resource: Resource, name: str) -> Problem:
    return Problem(
        ExitCode.USAGE,
        "ClaimUnknown",
        f"spec.snapshot of {resource.name} names neither claim nor bucket any more, so where {name} lies is "
        "not known.",
        "Name the claim with --claim, or restore it with the command line: switchback restore s3://…",
    )
