"""Which resources read which ConfigMaps, and what was in them when somebody last looked.

An index for two purposes: a ConfigMap that changes leads to the resources that want a look, and a resync can
tell from versions alone that nothing has changed, without reading a single file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchback.controller.observed import Source
    from switchback.controller.queue import Key


@dataclass(frozen=True, slots=True)
class _Seen:
    uid: str
    versions: tuple[str, ...]
    source: Source


class SourceMemory:
    """What this process knows about sources. Losing it costs reads, nothing else."""

    def __init__(self) -> None:
        self._readers: dict[tuple[str, str], set[Key]] = {}
        self._read_by: dict[Key, tuple[str, ...]] = {}
        self._seen: dict[Key, _Seen] = {}
        self._alike: dict[tuple[str, tuple[str, ...]], set[Key]] = {}

    def refer(self, key: Key, config_maps: Iterable[str]) -> None:
        """The resource `key` reads these ConfigMaps of its namespace, and no others."""
        wanted = tuple(config_maps)
        if wanted == self._read_by.get(key, ()):
            return
        self._unlink(key)
        if wanted:
            self._read_by[key] = wanted
            for name in wanted:
                self._readers.setdefault((key.namespace, name), set()).add(key)

    def forget(self, key: Key) -> None:
        """The resource is gone."""
        self._unlink(key)
        self._drop(key)

    def readers(self, namespace: str, config_map: str) -> frozenset[Key]:
        """The resources that read this ConfigMap."""
        return frozenset(self._readers.get((namespace, config_map), ()))

    def all_readers(self) -> frozenset[Key]:
        """Every resource that reads any ConfigMap."""
        return frozenset(self._read_by)

    def referenced(self) -> frozenset[tuple[str, str]]:
        """(namespace, name) of every ConfigMap that is read by somebody."""
        return frozenset(self._readers)

    def remember(self, key: Key, uid: str, versions: tuple[str, ...], source: Source) -> None:
        """What the ConfigMaps of these versions held, in the order in which the spec names them."""
        self._drop(key)
        self._seen[key] = _Seen(uid, versions, source)
        self._alike.setdefault((key.namespace, versions), set()).add(key)

    def recall(self, key: Key, uid: str, versions: tuple[str, ...]) -> Source | None:
        """The source, if the ConfigMaps are still of the versions that were read; None otherwise."""
        seen = self._seen.get(key)
        return seen.source if seen is not None and (seen.uid, seen.versions) == (uid, versions) else None

    def shared(self, namespace: str, versions: tuple[str, ...]) -> Source | None:
        """The source, if any resource of the namespace has read the same ConfigMaps in these versions."""
        for key in self._alike.get((namespace, versions), ()):
            return self._seen[key].source
        return None

    def _drop(self, key: Key) -> None:
        seen = self._seen.pop(key, None)
        if seen is None:
            return
        place = key.namespace, seen.versions
        self._alike[place].discard(key)
        if not self._alike[place]:
            del self._alike[place]

    def _unlink(self, key: Key) -> None:
        for name in self._read_by.pop(key, ()):
            readers = self._readers[key.namespace, name]
            readers.discard(key)
            if not readers:
                del self._readers[key.namespace, name]
