"""What the operator is told from outside: image of the Jobs, namespaces, who it is, how it logs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchback.snapshots.provider import Allowance

if TYPE_CHECKING:
    from collections.abc import Mapping

MAJOR = re.compile(r"[1-9][0-9]")
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
INSTALLATION = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9._]{0,61}[A-Za-z0-9])?")
ROLE = re.compile(r"arn:[-a-z0-9]+:iam::[0-9]{12}:role/\S+")
EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)


class SettingsError(ValueError):
    """A setting cannot be used. The message names the variable and says what would be right."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is fixed for the life of the process.

    Attributes:
        runner_image: image of the Jobs; it holds the command `switchback`.
        runner_pull_policy: imagePullPolicy of that image.
        client_images: image with pg_dump and pg_restore by the server's major version, such as `"15"`.
        namespaces: namespaces to serve; empty for all.
        pod_namespace: where the Lease is.
        pod_name: who holds it, as people see it.
        approval_policy: name of the ValidatingAdmissionPolicy, and of its binding, without which no approval
            counts; empty: approvals count without one.
        installation: id that the restore points of this installation carry; empty: none.
        rds_allow: what namespaces may do with Amazon RDS; empty: nothing.
        lease_name: name of the Lease; two operators with two names would both work.
    """

    runner_image: str
    runner_pull_policy: str = "IfNotPresent"
    client_images: Mapping[str, str] = field(default_factory=dict)
    namespaces: tuple[str, ...] = ()
    pod_namespace: str = "default"
    pod_name: str = "switchback"
    lease_name: str = "switchback"
    approval_policy: str = ""
    port: int = 8080
    installation: str = ""
    rds_allow: tuple[Allowance, ...] = ()

    def __post_init__(self) -> None:
        if not self.runner_image:
            raise SettingsError("SWITCHBACK_RUNNER_IMAGE: set it to the image of the Jobs")
        if self.runner_pull_policy not in PULL_POLICIES:
            raise SettingsError(f"SWITCHBACK_RUNNER_PULL_POLICY: use one of {', '.join(PULL_POLICIES)}")
        if self.installation and not INSTALLATION.fullmatch(self.installation):
            raise SettingsError(
                "SWITCHBACK_INSTALLATION: use at most 63 letters, digits, '-', '_' and '.', "
                "with a letter or digit at both ends"
            )


def client_images(text: str) -> dict[str, str]:
    """The value of SWITCHBACK_CLIENT_IMAGES: a JSON object from major version to image.

    Raises:
        SettingsError: it is anything else.
    """
    example = 'such as {"15": "postgres:15", "18": "postgres:18"}'
    try:
        images = json.loads(text or "{}")
    except ValueError as error:
        raise SettingsError(
            f"SWITCHBACK_CLIENT_IMAGES: not JSON ({error}); write an object {example}"
        ) from None
    if not isinstance(images, dict):
        raise SettingsError(f"SWITCHBACK_CLIENT_IMAGES: write a JSON object {example}")
    for major, image in images.items():
        if not MAJOR.fullmatch(major) or not isinstance(image, str) or not image:
            raise SettingsError(
                f"SWITCHBACK_CLIENT_IMAGES: {major!r} is no major version with an image; {example}"
            )
    return images


def namespaces(text: str) -> tuple[str, ...]:
    """The value of SWITCHBACK_NAMESPACES: names between commas; empty for all namespaces.

    Raises:
        SettingsError: one of them cannot be the name of a namespace.
    """
    chosen = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in chosen:
        if not NAMESPACE.fullmatch(name):
            raise SettingsError(f"SWITCHBACK_NAMESPACES: {name!r} is not the name of a namespace")
    return chosen


_RDS_EXAMPLE = 'such as [{"namespaces": ["shop"], "instances": ["shop-*"]}]'
_RDS_LISTS = ("namespaces", "instances", "roles")
_RDS_TEXTS = ("role", "externalID")


def rds_allow(text: str) -> tuple[Allowance, ...]:
    """The value of SWITCHBACK_RDS_ALLOW: a JSON list of objects, as in the chart's `rds.allow`.

    Raises:
        SettingsError: it is anything else.
    """
    try:
        given = json.loads(text or "[]")
    except ValueError as error:
        raise SettingsError(
            f"SWITCHBACK_RDS_ALLOW: not JSON ({error}); write a list {_RDS_EXAMPLE}"
        ) from None
    if not isinstance(given, list):
        raise SettingsError(f"SWITCHBACK_RDS_ALLOW: write a JSON list {_RDS_EXAMPLE}")
    return tuple(_allowance(f"SWITCHBACK_RDS_ALLOW[{number}]", one) for number, one in enumerate(given))


def _allowance(where: str, given: Any) -> Allowance:
    if not isinstance(given, dict):
        raise SettingsError(f"{where}: write an object, {_RDS_EXAMPLE}")
    if unknown := sorted(set(given) - {*_RDS_LISTS, *_RDS_TEXTS}):
        known = ", ".join((*_RDS_LISTS, *_RDS_TEXTS))
        raise SettingsError(f"{where}: {unknown[0]} is not known; there are {known}")
    lists = {name: _patterns(f"{where}.{name}", given.get(name, [])) for name in _RDS_LISTS}
    for name in ("namespaces", "instances"):
        if not lists[name]:
            raise SettingsError(f'{where}.{name}: name at least one; ["*"] means all')
    role, external_id = (given.get(name, "") for name in _RDS_TEXTS)
    if not isinstance(role, str) or (role and not ROLE.fullmatch(role)):
        raise SettingsError(f"{where}.role: {role!r} is not the ARN of an IAM role")
    if not isinstance(external_id, str) or (external_id and not EXTERNAL_ID.fullmatch(external_id)):
        raise SettingsError(f"{where}.externalID: use 2 to 1224 letters, digits and _+=,.@:/-")
    if external_id and not (role or lists["roles"]):
        raise SettingsError(f"{where}.externalID: it is handed over to a role, and none is named")
    return Allowance(lists["namespaces"], lists["instances"], lists["roles"], role, external_id)


def _patterns(where: str, given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(one, str) and one for one in given):
        raise SettingsError(f'{where}: write a list of patterns, such as ["shop-*"]')
    return tuple(given)
