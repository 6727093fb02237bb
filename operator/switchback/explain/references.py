"""What a spec names besides itself: Secrets, ConfigMaps, claims, service accounts, and where it names them.

Of a Secret only its name and the names of its keys are of interest, here and everywhere in `explain`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchback.controller.kube.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from switchback.explain.document import Document
    from switchback.explain.findings import Path

Part = dict[str, Any]

SECRET = Kind("", "v1", "secrets", "Secret")
CONFIG_MAP = Kind("", "v1", "configmaps", "ConfigMap")
CLAIM = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
SLOTS = frozenset({"Service", "Deployment", "StatefulSet"})
"""Kinds that traffic goes through: what the files say of them is looked at."""

SERVICE_ACCOUNT = Kind("", "v1", "serviceaccounts", "ServiceAccount")
PRIORITY_CLASS = Kind("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass")
KINDS = {kind.kind: kind for kind in (SECRET, CONFIG_MAP, CLAIM, SERVICE_ACCOUNT, PRIORITY_CLASS)}
CLUSTER_WIDE = frozenset({"PriorityClass"})


@dataclass(frozen=True, slots=True)
class Reference:
    """One object that a spec names.

    `optional`: pods start without it. `backward`: only the way back needs it.
    """

    kind: str
    name: str
    path: Path
    key: str = ""
    optional: bool = False
    backward: bool = False


def references(spec: Part) -> list[Reference]:
    """Everything that a spec names, in order. `spec` keeps the schema."""
    return [one for one in _all(spec) if one.name]


def _all(spec: Part) -> Iterator[Reference]:
    database = spec.get("database") or {}
    for part in ("urlFrom", "caFrom"):
        yield from _keyed(database.get(part) or {}, ("spec", "database", part))
    connection = database.get("connection") or {}
    for part in ("usernameFrom", "passwordFrom"):
        yield from _keyed(connection.get(part) or {}, ("spec", "database", "connection", part))
    for number, one in enumerate((spec.get("source") or {}).get("configMapRefs") or ()):
        yield Reference("ConfigMap", _name(one), ("spec", "source", "configMapRefs", number))
    for number, check in enumerate(_maps(spec.get("checks"))):
        for kind in ("httpGet", "prometheus"):
            for at, header in enumerate(_maps((check.get(kind) or {}).get("headers"))):
                here: Path = ("spec", "checks", number, kind, "headers", at, "valueFrom")
                yield from _keyed(header.get("valueFrom") or {}, here)
    claim = ((spec.get("snapshot") or {}).get("pgDump") or {}).get("persistentVolumeClaim") or {}
    path: Path = ("spec", "snapshot", "pgDump", "persistentVolumeClaim", "claimName")
    yield Reference("PersistentVolumeClaim", str(claim.get("claimName") or ""), path, backward=True)
    yield from _pod((spec.get("jobTemplate") or {}).get("spec") or {}, ("spec", "jobTemplate", "spec"))


def _keyed(part: Part, path: Path) -> Iterator[Reference]:
    for word, kind in (
        ("secretKeyRef", "Secret"),
        ("configMapKeyRef", "ConfigMap"),
    ):
        one = part.get(word)
        if isinstance(one, dict):
            optional = bool(one.get("optional"))
            yield Reference(kind, _name(one), (*path, word), str(one.get("key") or ""), optional)


def _pod(pod: Part, path: Path) -> Iterator[Reference]:
    account, priority = pod.get("serviceAccountName"), pod.get("priorityClassName")
    yield Reference("ServiceAccount", str(account or ""), (*path, "serviceAccountName"))
    yield Reference("PriorityClass", str(priority or ""), (*path, "priorityClassName"))
    for number, one in enumerate(pod.get("imagePullSecrets") or ()):
        yield Reference("Secret", _name(one), (*path, "imagePullSecrets", number), optional=True)
    yield from _environment(pod, path)
    for number, volume in enumerate(_maps(pod.get("volumes"))):
        yield from _volume(volume, (*path, "volumes", number))
    for number, container in enumerate(_maps(pod.get("initContainers"))):
        yield from _environment(container, (*path, "initContainers", number))


def _environment(container: Part, path: Path) -> Iterator[Reference]:
    for number, variable in enumerate(_maps(container.get("env"))):
        yield from _keyed(variable.get("valueFrom") or {}, (*path, "env", number, "valueFrom"))
    for number, source in enumerate(_maps(container.get("envFrom"))):
        for word, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
            one = source.get(word)
            if isinstance(one, dict):
                here: Path = (*path, "envFrom", number, word)
                yield Reference(kind, _name(one), here, optional=bool(one.get("optional")))


def _volume(volume: Part, path: Path) -> Iterator[Reference]:
    secret, claim = volume.get("secret"), volume.get("persistentVolumeClaim")
    if isinstance(secret, dict):
        optional = bool(secret.get("optional"))
        yield Reference("Secret", str(secret.get("secretName") or ""), (*path, "secret"), optional=optional)
    if isinstance(claim, dict):
        here: Path = (*path, "persistentVolumeClaim")
        yield Reference("PersistentVolumeClaim", str(claim.get("claimName") or ""), here)
    config_map = volume.get("configMap")
    if isinstance(config_map, dict):
        optional = bool(config_map.get("optional"))
        yield Reference("ConfigMap", _name(config_map), (*path, "configMap"), optional=optional)
    for number, source in enumerate(_maps((volume.get("projected") or {}).get("sources"))):
        for word, kind in (("secret", "Secret"), ("configMap", "ConfigMap")):
            one = source.get(word)
            if isinstance(one, dict):
                here = (*path, "projected", "sources", number, word)
                yield Reference(kind, _name(one), here, optional=bool(one.get("optional")))


def _name(one: Any) -> str:
    return str(one.get("name") or "") if isinstance(one, dict) else ""


def _maps(value: Any) -> list[Part]:
    return [one if isinstance(one, dict) else {} for one in value] if isinstance(value, list) else []


@dataclass
class Companions:
    """What is applied together with the resource, because it stands in the same files."""

    config_maps: dict[tuple[str, str], Part] = field(default_factory=dict)
    keys: Mapping[tuple[str, str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """(kind, namespace, name) to the names of keys; without any for kinds that have none."""
    namespaces: dict[str, Part] = field(default_factory=dict)
    objects: dict[tuple[str, str, str], Document] = field(default_factory=dict)
    """(kind, namespace, name) to Services and workloads."""

    def has(self, reference: Reference, namespace: str) -> bool:
        """Whether the files bring the object."""
        return (reference.kind, self._place(reference, namespace), reference.name) in self.keys

    def has_key(self, reference: Reference, namespace: str) -> bool:
        """Whether they bring it with the key."""
        keys = self.keys[reference.kind, self._place(reference, namespace), reference.name]
        return not reference.key or reference.key in keys

    @staticmethod
    def _place(reference: Reference, namespace: str) -> str:
        return "" if reference.kind in CLUSTER_WIDE else namespace


def companions(documents: Iterable[Document], namespace: str) -> Companions:
    """What stands beside the resource. `namespace` is where an object goes that names none."""
    found = Companions()
    for one in documents:
        name = str(one.metadata.get("name") or "")
        if one.kind == "Namespace" and name:
            found.namespaces[name] = one.data
        if one.kind in SLOTS and name:
            found.objects[one.kind, str(one.metadata.get("namespace") or namespace), name] = one
        if one.kind not in KINDS or not name:
            continue
        place = "" if one.kind in CLUSTER_WIDE else str(one.metadata.get("namespace") or namespace)
        keys = found.keys[one.kind, place, name]
        for part in ("data", "stringData", "binaryData"):
            entries = one.data.get(part)
            keys.update(map(str, entries) if isinstance(entries, dict) else ())
        if one.kind == "ConfigMap":
            found.config_maps[place, name] = one.data
    return found
