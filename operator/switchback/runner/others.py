"""Types and functions that a plan renames or moves before it drops them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.runner.catalog import Catalog, Root
    from switchback.runner.effects import Name
    from switchback.runner.schemas import Schemas

Place = tuple[str, str]
"""Key of the schema, and name."""


class Others:
    """Where the catalog's types and functions are found by now."""

    def __init__(self, catalog: Catalog, schemas: Schemas) -> None:
        self._catalog = catalog
        self._schemas = schemas
        self._origins: dict[tuple[str, str, str], set[Place]] = {}
        self._away: set[tuple[str, str, str]] = set()
        self.made_types: set[str] = set()
        self.new_types: set[str] = set()
        """Names of types that are not, or not for sure, what the catalog knows by that name."""
        self.new_functions: set[str] = set()
        """Names that functions have got from the plan."""

    def rename(self, kind: str, name: Name, new_schema: str | None, new_name: str | None) -> None:
        """The object is found by another name. Functions of one name are not told apart: all of them are."""
        if kind == "function":
            self.new_functions.add(new_name or name.name)
        for schema in self._schemas.keys(name):
            origins = self._at(kind, schema, name.name)
            if not any(self._roots(kind, origin) for origin in origins):
                continue
            key = schema if new_schema is None else self._schemas.key(new_schema) or new_schema
            if kind == "type":
                self._origins.pop((kind, schema, name.name), None)
                self._away.add((kind, schema, name.name))
                self.new_types.add(new_name or name.name)
            self._origins.setdefault((kind, key, new_name or name.name), set()).update(origins)
            if kind == "type":
                return  # the first that is found is meant

    def create_type(self, name: str) -> None:
        """A new type."""
        self.made_types.add(name)
        self.new_types.add(name)

    def roots(self, kind: str, name: Name) -> list[Root]:
        """What the catalog holds for a name."""
        origins = {o for schema in self._schemas.keys(name) for o in self._at(kind, schema, name.name)}
        return [root for origin in sorted(origins) for root in self._roots(kind, origin)]

    def moved_into(self, schema: str) -> list[Root]:
        """What is in a schema now and was not before."""
        return [
            root
            for kind, key, origin in self._moves()
            if key == schema and origin[0] != schema
            for root in self._roots(kind, origin)
        ]

    def moved_out_of(self, schema: str) -> list[Root]:
        """Types that were in a schema and are not any more. Functions of one name may have stayed."""
        away = {origin for kind, key, origin in self._moves() if kind == "type" and key != schema}
        back = {origin for kind, key, origin in self._moves() if kind == "type" and key == schema}
        return [root for origin in away - back if origin[0] == schema for root in self._roots("type", origin)]

    def _moves(self) -> Iterator[tuple[str, str, Place]]:
        for (kind, key, _), origins in self._origins.items():
            for origin in origins:
                yield kind, key, origin

    def _at(self, kind: str, schema: str, name: str) -> set[Place]:
        own = set() if (kind, schema, name) in self._away else {(schema, name)}
        return own | self._origins.get((kind, schema, name), set())

    def _roots(self, kind: str, place: Place) -> list[Root]:
        return self._catalog.roots(kind, place[1], place[0])
