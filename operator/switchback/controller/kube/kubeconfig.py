"""Logging in as a person: kubeconfig with its contexts, credential plugins, and `--as`.

It follows kubectl where people would notice: `--kubeconfig`, then `KUBECONFIG`, then `~/.kube/config`, and in
a pod without any of them the service account. Proxies of the environment count, and so does `as` in the
kubeconfig. The official client reads the file; what it says of a broken one is put into words that name the
file and what to do.
"""

from __future__ import annotations

import contextlib
import logging
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from multidict import CIMultiDict

from switchback.contract.result import bounded
from switchback.controller.kube.badyaml import described
from switchback.controller.kube.login import LoginError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

# The client has no annotations for these two.
_in_cluster: Callable[..., None] = load_incluster_config
_kubeconfig: Callable[..., Awaitable[None]] = load_kube_config

_LOGGER = "kubernetes.aio.config.kube_config"
_BROKEN = (ConfigException, OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError)
"""What the client raises for a file that is not as it should be: it looks into it without asking first."""

_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_PLUGIN_BYTES = 400


@dataclass(frozen=True, slots=True)
class Access:
    """What the command line says about where and as whom. Empty: as the kubeconfig says."""

    kubeconfig: str = ""
    context: str = ""
    user: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Login:
    """A way to one API server. `namespace` is that of the context, `default` when it names none."""

    configuration: Configuration
    namespace: str
    context: str = ""


async def login_as_person(access: Access, environ: Mapping[str, str]) -> Login:
    """The client's configuration, as kubectl would find it.

    Raises:
        LoginError: there is no kubeconfig, it cannot be used, or its credential plugin failed.
    """
    configuration = Configuration()
    # Certificates that kubectl takes are taken: older clusters' lack extensions that Python may insist on.
    configuration.disable_strict_ssl_verification = True
    files = _files(access, environ)
    if not files:
        return _pod(access, configuration, environ)
    found = await _load(access, configuration, files)
    _finish(configuration, access, found.user, environ)
    return Login(configuration, found.namespace or "default", found.name)


def contexts(access: Access, environ: Mapping[str, str]) -> list[str]:
    """Names of the contexts that there are; none when the files cannot be read."""
    try:
        return sorted(_named(_read(_files(access, environ)), "contexts"))
    except (LoginError, *_BROKEN):
        return []


def _files(access: Access, environ: Mapping[str, str]) -> list[Path]:
    """The kubeconfigs that are there. None: neither is one named, nor is there one at the usual place.

    Raises:
        LoginError: one is named and not there.
    """
    if access.kubeconfig:
        path = Path(access.kubeconfig).expanduser()
        if not path.is_file():
            raise LoginError(f"the kubeconfig {path} (--kubeconfig) does not exist.")
        return [path]
    listed = [Path(part).expanduser() for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    if listed:
        there = [path for path in listed if path.is_file()]
        if not there:
            named = ", ".join(map(str, listed))
            raise LoginError(f"the kubeconfig {named} (KUBECONFIG) does not exist.")
        return there
    usual = Path(environ["HOME"]) / ".kube" / "config" if environ.get("HOME") else None
    return [usual] if usual is not None and usual.is_file() else []


def _pod(access: Access, configuration: Configuration, environ: Mapping[str, str]) -> Login:
    if not environ.get("KUBERNETES_SERVICE_HOST"):
        raise LoginError(
            "there is no kubeconfig: neither --kubeconfig nor KUBECONFIG names one, and ~/.kube/config is "
            "not there. Name one, or let your cluster's tool write it."
        )
    if access.context:
        raise LoginError(
            f"there is no context {access.context}: this pod uses its service account, for there is no "
            "kubeconfig. Name one with --kubeconfig."
        )
    try:
        _in_cluster(client_configuration=configuration)
    except (ConfigException, OSError) as error:
        raise LoginError(f"this pod's service account cannot be used: {error}") from None
    namespace = _OWN_NAMESPACE.read_text(encoding="utf-8").strip() if _OWN_NAMESPACE.is_file() else ""
    _finish(configuration, access, {}, {})
    return Login(configuration, namespace or "default")


@dataclass(frozen=True, slots=True)
class _Found:
    """One context of the kubeconfig: its name, namespace and user entry."""

    name: str
    namespace: str
    user: Mapping[str, Any]


async def _load(access: Access, configuration: Configuration, files: Sequence[Path]) -> _Found:
    where = ", ".join(map(str, files))
    try:
        merged = _read(files)
        found = _context(access, merged, where)
        with _words_of_plugin() as words:
            await _kubeconfig(
                config_file=os.pathsep.join(map(str, files)),
                context=found.name,
                client_configuration=configuration,
                persist_config=False,  # a renewed token is not worth rewriting somebody's file
            )
    except _BROKEN as error:
        # What the client stumbles over is a word of Python's and no help.
        lacking = isinstance(error, TypeError | KeyError | AttributeError)
        why = "it lacks a part; clusters, contexts and users are needed." if lacking else _one_line(error)
        raise LoginError(f"the kubeconfig {where} cannot be used: {why}") from None
    if words and not configuration.api_key and not configuration.cert_file:
        command = str((found.user.get("exec") or {}).get("command", "of the kubeconfig"))
        said = bounded(" ".join(words[-1].split()), _PLUGIN_BYTES)
        raise LoginError(f"the credential plugin {command} of context {found.name} failed: {said}")
    return found


def _read(files: Sequence[Path]) -> dict[str, Any]:
    """The files as one, as kubectl merges them: whoever names something first wins."""
    merged: dict[str, Any] = {"contexts": [], "users": []}
    for path in files:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        if not isinstance(content, dict):
            raise LoginError(f"the kubeconfig {path} cannot be used: it holds no mapping.")
        merged.setdefault("current", content.get("current-context") or None)
        merged["current"] = merged["current"] or content.get("current-context")
        for kind in ("contexts", "users"):
            merged[kind] += content.get(kind) or []
    return merged


def _named(merged: Mapping[str, Any], kind: str) -> dict[str, Mapping[str, Any]]:
    entries: dict[str, Mapping[str, Any]] = {}
    for entry in merged[kind]:
        entries.setdefault(str(entry["name"]), entry.get(kind[:-1]) or {})
    return entries


def _context(access: Access, merged: Mapping[str, Any], where: str) -> _Found:
    known = _named(merged, "contexts")
    name = access.context or merged.get("current") or ""
    if not name:
        raise LoginError(
            f"the kubeconfig {where} has no current context. Name one with --context{_of(known)}."
        )
    if name not in known:
        raise LoginError(f"the kubeconfig {where} has no context {name}{_of(known)}.")
    context = known[name]
    user = _named(merged, "users").get(str(context.get("user", "")), {})
    return _Found(name, str(context.get("namespace") or ""), user)


def _of(names: Mapping[str, object]) -> str:
    return f"; there are: {', '.join(sorted(names))}" if names else ""


def _finish(
    configuration: Configuration, access: Access, user: Mapping[str, Any], environ: Mapping[str, str]
) -> None:
    """Proxy and impersonation, and a first look at the certificates: they are read when a client is made."""
    if not configuration.proxy and environ:
        configuration.proxy = _proxy(configuration.host)
    headers: CIMultiDict[str] = CIMultiDict()
    name = access.user or str(user.get("as") or "")
    if name:
        headers.add("Impersonate-User", name)
    elif access.groups:
        raise LoginError("--as-group needs --as: nobody is only a group.")
    for group in access.groups or (() if access.user else user.get("as-groups") or ()):
        headers.add("Impersonate-Group", str(group))
    configuration.client_session_kwargs = {"trust_env": False, "headers": headers}
    try:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
    except (OSError, ValueError) as error:
        raise LoginError(f"the certificates of the kubeconfig cannot be used: {_one_line(error)}") from None


def _proxy(host: str) -> str | None:
    address = urlsplit(host)
    proxies = getproxies_environment()
    if not address.hostname or proxy_bypass(address.netloc.rpartition("@")[2]):
        return None
    return proxies.get(address.scheme)


@contextlib.contextmanager
def _words_of_plugin() -> Iterator[list[str]]:
    """What the client only logs: that a credential plugin failed. It would go on without credentials."""
    words: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:  # type: ignore[explicit-override]  # Python 3.11
            words.append(record.getMessage())

    logger, keep = logging.getLogger(_LOGGER), Keep(logging.WARNING)
    logger.addHandler(keep)
    propagate, logger.propagate = logger.propagate, False
    try:
        yield words
    finally:
        logger.removeHandler(keep)
        logger.propagate = propagate


def _one_line(error: Exception) -> str:
    if isinstance(error, yaml.YAMLError):
        what, line = described(error)
        return f"line {line}: {what}."
    return " ".join(str(error).split()) or type(error).__name__
