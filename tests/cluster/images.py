"""The images of the bed: built by buildah from real Containerfiles, rebuilt only when their inputs change."""

from __future__ import annotations

import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import binaries, image_store
from tests.cluster.console import say
from tests.cluster.paths import CHECKOUT, HERE, cache_root, digest
from tests.cluster.run import locked, run, run_long

_FOLDER = HERE / "images"
_SUITE = "bookworm"
_BASE_PACKAGES = "ca-certificates,python3,python3-venv,libpq5"
_LEFT_OUT = (
    "var/cache/apt/*",
    "var/lib/apt/lists/*",
    "usr/share/doc/*",
    "usr/share/man/*",
    "usr/share/locale/*",
)
_BUILD_LIMIT = 1800.0
BASE, PAUSE, SWITCHBACK, WEB = "base:1", "pause:1", "switchback:dev", "bookshop-web:1"
POSTGRES = ("postgres:15", "postgres:18")
# Without the base: pods do not use it.
LOADED = (PAUSE, *POSTGRES, WEB, SWITCHBACK)


@dataclass(frozen=True)
class Image:
    """One image: its Containerfile, the folder it copies from, and the files that decide about a rebuild."""

    tag: str
    containerfile: Path
    inputs: tuple[str, ...]
    based: bool = True
    pip: bool = False
    kept_stages: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"localhost/{self.tag}"


IMAGES = {
    BASE: Image(BASE, _FOLDER / "base" / "Containerfile", (), based=False),
    PAUSE: Image(PAUSE, _FOLDER / "pause" / "Containerfile", (), based=False),
    WEB: Image(
        WEB,
        CHECKOUT / "examples" / "bookshop" / "web" / "Containerfile",
        ("examples/bookshop/web/go.mod", "examples/bookshop/web/*/*.go"),
        based=False,
    ),
    "postgres:15": Image(
        "postgres:15",
        _FOLDER / "postgres-15" / "Containerfile",
        ("tests/cluster/images/docker-entrypoint.sh",),
    ),
    "postgres:18": Image(
        "postgres:18",
        _FOLDER / "postgres-18" / "Containerfile",
        ("tests/cluster/images/docker-entrypoint.sh", "tests/cluster/images/postgres-18/requirements.txt"),
        pip=True,
        kept_stages=("wheel",),
    ),
    SWITCHBACK: Image(
        SWITCHBACK,
        CHECKOUT / "Dockerfile",
        ("pyproject.toml", "README.md", "LICENSE", "requirements/*.txt", "operator/switchback/**/*"),
        pip=True,
        kept_stages=("dependencies",),
    ),
}


def build(*tags: str) -> dict[str, str]:
    """Build what changed; return image name -> manifest digest."""
    folder = cache_root() / "images"
    with locked(folder / ".lock", "building images"):
        for leftover in folder.glob("context-*"):  # of a run that was killed
            shutil.rmtree(leftover)
        built = {IMAGES[tag].name: _built(tag) for tag in tags}
        image_store.prune()
    return built


def key(tag: str) -> str:
    """Return the hash of everything an image is made from."""
    image = IMAGES[tag]
    parts: list[bytes | str] = [platform.machine(), image.containerfile.read_bytes()]
    if tag == BASE:
        parts += [_SUITE, _BASE_PACKAGES, *_LEFT_OUT]
    if image.based:
        parts.append(key(BASE))
    for pattern in image.inputs:
        for file in sorted(CHECKOUT.glob(pattern)):
            if file.is_file() and "__pycache__" not in file.parts:
                parts += [str(file.relative_to(CHECKOUT)), file.read_bytes()]
    return digest(*parts)


def _built(tag: str) -> str:
    known = image_store.recall(tag, key(tag))
    if known is not None:
        return known
    image = IMAGES[tag]
    if image.based:
        _base_in_storage()
    wanted = key(tag)
    with tempfile.TemporaryDirectory(prefix="context-", dir=cache_root() / "images") as folder:
        context = Path(folder)
        _fill_context(image, context)
        _buildah_build(image, context)
    log = cache_root() / "logs" / f"push-{tag.replace(':', '-')}.log"
    destination = f"oci:{image_store.layout()}:{tag}"
    push = [*_buildah(), "push", "--compression-format=zstd", image.name, destination]
    run_long(f"storing image {image.name}", push, log=log, timeout=_BUILD_LIMIT)
    manifest = image_store.pushed(tag)
    image_store.remember(tag, wanted, manifest)
    return manifest


def _buildah() -> list[str]:
    root = cache_root() / "containers"
    # A storage of its own: `make clean` can remove it, and nobody's other images are touched.
    return ["buildah", f"--root={root / 'root'}", f"--runroot={root / 'run'}", "--storage-driver=overlay"]


def _buildah_build(image: Image, context: Path) -> None:
    argv = [
        *(*_buildah(), "build", "--isolation=chroot", "--layers", "--pull-never", "--format=oci"),
        # The machine's certificate authorities: pip in the image needs them where a proxy inspects TLS.
        *(("--volume", "/etc/ssl/certs:/etc/ssl/certs:ro") if image.pip else ()),
        *("--build-arg", f"BASE_IMAGE=localhost/{BASE}", "--file", str(image.containerfile)),
    ]
    # A build that was killed leaves its working containers.
    run([*_buildah(), "rm", "--all"], check=False, timeout=300)
    log = cache_root() / "logs" / f"image-{image.tag.replace(':', '-')}.log"
    label = f"building image {image.name}"
    for stage in image.kept_stages:
        # With a name of its own, the clean-up below leaves it alone, and the next build starts from it.
        target = ["--target", stage, "--tag", f"{image.name}-{stage}", str(context)]
        run_long(f"{label}, stage {stage}", [*argv, *target], log=log, timeout=_BUILD_LIMIT)
    run_long(label, [*argv, "--tag", image.name, str(context)], log=log, timeout=_BUILD_LIMIT)
    # What carried the names before, and has none now.
    run([*_buildah(), "rmi", "--prune"], check=False, timeout=300)


def _fill_context(image: Image, context: Path) -> None:
    if image.tag == BASE:
        _base_tree(context / "rootfs.tar")
    elif image.tag == PAUSE:
        shutil.copy(_busybox(), context / "busybox")
    elif image.tag == WEB:
        web_programs(context)
    elif image.tag == SWITCHBACK:
        for pattern in image.inputs:
            for file in CHECKOUT.glob(pattern):
                if file.is_file() and "__pycache__" not in file.parts:
                    target = context / file.relative_to(CHECKOUT)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(file, target)
    else:
        for pattern in image.inputs:
            shutil.copy2(CHECKOUT / pattern, context)


def web_programs(context: Path) -> None:
    """Put the two programs of the bookshop's web image into a folder."""
    binaries.ensure(*binaries.WEB)
    for name in binaries.WEB:
        shutil.copy2(binaries.path(name), context)


def _busybox() -> str:
    return shutil.which("busybox") or "/bin/busybox"


def _base_in_storage() -> None:
    """Leave the base where FROM finds it; its storage may have been removed while the layout stayed."""
    _built(BASE)
    name = IMAGES[BASE].name
    if run([*_buildah(), "inspect", "--type=image", name], check=False).returncode != 0:
        say(f"putting {name} back into the storage of buildah")
        run([*_buildah(), "pull", f"oci:{image_store.layout()}:{BASE}"], timeout=600)
        run([*_buildah(), "tag", f"localhost/{BASE}", name], check=False)


def _base_tree(target: Path) -> None:
    """Make a minimal Debian, in a mount namespace: a killed run leaves nothing mounted in its folder."""
    with tempfile.TemporaryDirectory(prefix="base-", dir=target.parent) as folder:
        argv = [
            *("unshare", "--mount", "debootstrap", "--variant=minbase"),
            *(f"--include={_BASE_PACKAGES}", _SUITE, folder),
        ]
        log = cache_root() / "logs" / "debootstrap.log"
        run_long(
            "making a minimal Debian",
            argv,
            log=log,
            timeout=_BUILD_LIMIT,
            env={"DEBIAN_FRONTEND": "noninteractive"},
        )
        excludes = [f"--exclude=./{pattern}" for pattern in _LEFT_OUT]
        run(["tar", "-C", folder, *excludes, "-cf", target, "."], timeout=600)
