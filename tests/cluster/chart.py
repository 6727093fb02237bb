"""The operator, installed with the project's chart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.cluster import binaries
from tests.cluster.console import say, step
from tests.cluster.errors import BedError
from tests.cluster.paths import CHECKOUT
from tests.cluster.run import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.backends.base import Images

CHART = CHECKOUT / "charts" / "switchback"
RELEASE = "switchback"
NAMESPACE = "switchback-system"
_LIMIT = 90


def install(kubeconfig: Path, images: Images, *values: str) -> None:
    """Install or upgrade the release and wait until the operator is ready.

    Args:
        kubeconfig: of the cluster.
        images: what runs there.
        values: more values of the chart, each as `key=value`.
    """
    if not CHART.is_dir():
        raise BedError(f"there is no chart in {CHART}; the operator cannot be installed")
    binaries.ensure("helm", "kubectl")
    _clear_half_done(kubeconfig)
    with step("installing the operator with its chart"):
        try:
            flags = [*_flags(images), *(word for one in values for word in ("--set", one))]
            _helm(kubeconfig, "upgrade", "--install", RELEASE, str(CHART), *flags, timeout=_LIMIT + 30)
        except BedError as error:
            raise BedError(f"{error}\n{_pods(kubeconfig)}") from None


def uninstall(kubeconfig: Path) -> None:
    """Remove the release; its CRD stays."""
    binaries.ensure("helm")
    _helm(
        kubeconfig,
        "uninstall",
        RELEASE,
        "--namespace",
        NAMESPACE,
        "--ignore-not-found",
        "--wait",
        timeout=_LIMIT,
    )


def _flags(images: Images) -> list[str]:
    repository, tag = _split(images.switchback)
    values = {"image.repository": repository, "image.tag": tag}
    values |= {f"clientImages.{major}": image for major, image in images.postgres.items()}
    if images.revision:
        # The name stays when the content changes; this makes the Deployment replace its pods.
        values["podAnnotations.switchback\\.dev/image-revision"] = images.revision
    sets = [word for key, value in values.items() for word in ("--set-string", f"{key}={value}")]
    wait = ["--wait", "--timeout", f"{_LIMIT}s"]
    return [*sets, "--namespace", NAMESPACE, "--create-namespace", *wait]


def _split(image: str) -> tuple[str, str]:
    repository, colon, tag = image.rpartition(":")
    if "@" in image or not colon or "/" in tag:
        raise BedError(f"image {image} must be named by a tag, as in repository:tag", code=2)
    return repository, tag


def _clear_half_done(kubeconfig: Path) -> None:
    """Remove a release that a killed run left pending; helm refuses to touch it otherwise."""
    listed = _helm(kubeconfig, "list", "--namespace", NAMESPACE, "--pending", "--output", "json", timeout=60)
    for release in json.loads(listed or "[]"):
        say(f"removing the half-installed release {release['name']} ({release['status']})")
        _helm(kubeconfig, "uninstall", release["name"], "--namespace", NAMESPACE, timeout=_LIMIT)


def _helm(kubeconfig: Path, *argv: str, timeout: float) -> str:
    return run([binaries.path("helm"), "--kubeconfig", kubeconfig, *argv], timeout=timeout).stdout


def _pods(kubeconfig: Path) -> str:
    kubectl: list[str | Path] = [
        binaries.path("kubectl"),
        "--kubeconfig",
        kubeconfig,
        "--namespace",
        NAMESPACE,
    ]
    pods = run([*kubectl, "get", "pods", "-o", "wide"], check=False, timeout=30).stdout
    logs = run(
        [*kubectl, "logs", "--selector=app.kubernetes.io/name=switchback", "--tail=20"],
        check=False,
        timeout=30,
    )
    return f"{pods}{logs.stdout}{logs.stderr}".rstrip()
