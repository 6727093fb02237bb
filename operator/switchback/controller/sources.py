"""What was in the ConfigMaps of sources when somebody last looked, and which resources name what.

A resync can tell from versions alone that nothing has changed, without reading a single file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.controller.references import References, references_in

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        self.references = References()
        self._seen: dict[Key, _Seen] = {}
        self._alike: dict[tuple[str, tuple[str, ...]], set[Key]] = {}

    def refer(self, key: Key, spec: Mapping[str, Any]) -> None:
        """The spec of the resource `key` is this one, as the API server has it."""
        self.references.refer(key, references_in(spec))

    def forget(self, key: Key) -> None:
        """The resource is gone."""
        self.references.forget(key)
        self._drop(key)

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
