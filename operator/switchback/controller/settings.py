"""What the operator is told from outside: image of the Jobs, namespaces, who it is, how it logs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAJOR = re.compile(r"[1-9][0-9]")
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")


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

    def __post_init__(self) -> None:
        if not self.runner_image:
            raise SettingsError("SWITCHBACK_RUNNER_IMAGE: set it to the image of the Jobs")
        if self.runner_pull_policy not in PULL_POLICIES:
            raise SettingsError(f"SWITCHBACK_RUNNER_PULL_POLICY: use one of {', '.join(PULL_POLICIES)}")


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
