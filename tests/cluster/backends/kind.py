"""`CLUSTER=kind`: a node in a container, for machines with a Docker engine."""

from __future__ import annotations

import shlex
import shutil
from string import Template
from typing import TYPE_CHECKING

from tests.cluster import binaries
from tests.cluster.backends.base import Images, Volume
from tests.cluster.console import say
from tests.cluster.errors import BedError, UnsupportedError
from tests.cluster.images import IMAGES, POSTGRES, SWITCHBACK, WEB, key, web_programs
from tests.cluster.paths import CHECKOUT, HERE, cache_root, this_bed
from tests.cluster.quantity import to_bytes
from tests.cluster.run import run, run_long

if TYPE_CHECKING:
    from pathlib import Path

_LIMIT = 1800.0


def docker_answers() -> bool:
    """Say whether there is a Docker engine, not only its command."""
    if shutil.which("docker") is None:
        return False
    try:
        asked = run(["docker", "version", "--format", "{{.Server.Version}}"], timeout=10, check=False)
    except BedError:
        return False
    return asked.returncode == 0


def _need_engine() -> None:
    """Refuse at once, before anything is compiled for nothing."""
    if not docker_answers():
        raise BedError(
            "CLUSTER=kind needs a Docker engine, and none answers: start Docker and run this again, or "
            "choose another cluster with CLUSTER",
            code=2,
        )


class Kind:
    """One kind cluster per checkout."""

    name = "kind"

    def __init__(self) -> None:
        self.cluster = this_bed().name
        self.state = CHECKOUT / ".cluster"
        self.node = f"{self.cluster}-control-plane"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def node_ip(self) -> str:
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return run(["docker", "inspect", "--format", template, self.node]).stdout.strip()

    @property
    def audit_log(self) -> Path:
        return self.state / "audit" / "audit.log"

    def is_up(self) -> bool:
        if binaries.missing(("kind",)):
            return False
        clusters = run([binaries.path("kind"), "get", "clusters"], check=False).stdout.split()
        return self.cluster in clusters and self.kubeconfig.is_file()

    def up(self, *, dry_run: bool = False) -> None:
        if not dry_run:
            _need_engine()
            binaries.ensure("kind", "kubectl")
            if self.is_up():
                say(f"kind cluster {self.cluster} is up already")
                return
        config = self.state / "kind.yaml"
        text = Template((HERE / "kind.yaml").read_text()).substitute(checkout=CHECKOUT, state=self.state)
        if not dry_run:
            (self.state / "audit").mkdir(parents=True, exist_ok=True)
            config.write_text(text)
        # A cluster that a killed run left half made is replaced.
        self._do(["kind", "delete", "cluster", "--name", self.cluster], dry_run=dry_run)
        create = [
            "kind",
            "create",
            "cluster",
            "--name",
            self.cluster,
            "--config",
            str(config),
            "--wait",
            "180s",
        ]
        self._do([*create, "--kubeconfig", str(self.kubeconfig)], dry_run=dry_run)
        if not dry_run:
            self.kubeconfig.chmod(0o600)

    def down(self, *, dry_run: bool = False) -> None:
        if not dry_run:
            _need_engine()
        delete = ["kind", "delete", "cluster", "--name", self.cluster, "--kubeconfig", str(self.kubeconfig)]
        self._do(delete, dry_run=dry_run)

    def load_images(self, *, dry_run: bool = False) -> Images:
        if not dry_run:
            _need_engine()
        archive = self.state / "images.tar"
        names = [f"localhost/{tag}" for tag in (SWITCHBACK, *POSTGRES)]
        self._do(["docker", "build", "--tag", names[0], str(CHECKOUT)], dry_run=dry_run)
        for tag, name in zip(POSTGRES, names[1:], strict=True):
            # With a registry at hand, the official images themselves.
            self._do(["docker", "pull", tag], dry_run=dry_run)
            self._do(["docker", "tag", tag, name], dry_run=dry_run)
        self._build_web(dry_run=dry_run)
        names.append(f"localhost/{WEB}")
        self._do(["docker", "save", "--output", str(archive), *names], dry_run=dry_run)
        self._do(["kind", "load", "image-archive", str(archive), "--name", self.cluster], dry_run=dry_run)
        if not dry_run:
            archive.unlink()
        clients = {tag.rpartition(":")[2]: f"localhost/{tag}" for tag in POSTGRES}
        return Images(switchback=names[0], postgres=clients, web=f"localhost/{WEB}", revision=key(SWITCHBACK))

    def _build_web(self, *, dry_run: bool) -> None:
        context = self.state / "bookshop-web"
        if not dry_run:
            context.mkdir(parents=True, exist_ok=True)
            web_programs(context)
        image = IMAGES[WEB]
        build = ["docker", "build", "--tag", image.name, "--file", str(image.containerfile), str(context)]
        self._do(build, dry_run=dry_run)

    def processes(self) -> dict[str, int]:
        return {}

    def freeze(self, name: str) -> None:
        raise UnsupportedError(f"kind: freezing {name} is a fault that only CLUSTER=local can make")

    def thaw(self, name: str) -> None:
        raise UnsupportedError(f"kind: thawing {name} is for CLUSTER=local only")

    def drop_traffic(self, pod_ip: str) -> None:
        raise UnsupportedError(
            f"kind: cutting the traffic of {pod_ip} is a fault that only CLUSTER=local can make"
        )

    def restore_traffic(self, pod_ip: str) -> None:
        raise UnsupportedError(f"kind: restoring the traffic of {pod_ip} is for CLUSTER=local only")

    def make_volume(self, name: str, size: str) -> Volume:
        path = f"/var/switchback/{name}"
        inside = ["docker", "exec", self.node]
        run([*inside, "mkdir", "-p", path])
        run([*inside, "mount", "-t", "tmpfs", "-o", f"size={to_bytes(size)},mode=0777", name, path])
        return Volume(name, size, path)

    def remove_volume(self, name: str) -> None:
        run(["docker", "exec", self.node, "umount", "--lazy", f"/var/switchback/{name}"], check=False)

    def _do(self, argv: list[str], *, dry_run: bool) -> None:
        if dry_run:
            print(shlex.join(argv))
            return
        if argv[0] == "kind":
            binaries.ensure("kind")
            argv = [str(binaries.path("kind")), *argv[1:]]
        run_long(shlex.join(argv[:3]), argv, log=cache_root() / "logs" / "kind.log", timeout=_LIMIT)
