"""Schemas as a plan would find them, and what the search path means by then.

A schema is known by a key that stays when it is renamed: the catalog's name, or a made-up one when the plan
itself creates it, so that a new schema is never taken for an old one of the same name.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from switchback.runner.trees import TEMPORARY

if TYPE_CHECKING:
    from switchback.runner.catalog import Catalog
    from switchback.runner.effects import Name

IMPLICIT = (TEMPORARY, "pg_catalog")
"""Searched first, unless the path gives them another place."""


class Schemas:
    """Names of schemas, and the search path with its role."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._login = catalog.login()
        self._changed: dict[str, str | None] = {}
        self._numbers = count()
        self.renamed: set[str] = set()
        self.begin()

    def begin(self) -> None:
        """Back to the session's own path and role."""
        self.path = self._login.path
        self.role = self._login.user

    def set_path(self, path: tuple[str, ...] | None) -> None:
        """SET search_path, or RESET."""
        self.path = self._login.path if path is None else path

    def set_role(self, name: str | None) -> None:
        """SET ROLE, or RESET."""
        self.role = {None: self._login.user, "none": self._login.session_user}.get(name, name or "")

    def key(self, name: str) -> str | None:
        """What a schema's name means now; None when the plan has taken it away."""
        return self._changed.get(name, name)

    def keys(self, name: Name) -> tuple[str, ...]:
        """Where an object of this name is looked for, in order."""
        names = self._on_path() if name.schema is None else [name.schema]
        if name.schema is None:
            names = [*(schema for schema in IMPLICIT if schema not in names), *names]
        return tuple(key for schema in names if (key := self.key(schema)) is not None)

    def function_keys(self) -> tuple[str, ...]:
        """Where a function without schema is looked for, in order: never among what is temporary."""
        names = [schema for schema in self._on_path() if schema != TEMPORARY]
        names = names if "pg_catalog" in names else ["pg_catalog", *names]
        return tuple(key for schema in names if (key := self.key(schema)) is not None)

    def first(self, name: Name) -> str | None:
        """Where a new object of this name would be."""
        if name.schema is not None:
            return self.key(name.schema)
        return next((self.key(schema) for schema in self._on_path()), None)

    def _on_path(self) -> list[str]:
        """Schemas of the path that are there and may be used, as the server skips the others."""
        wished = [self.role if schema == "$user" else schema for schema in self.path]
        return [schema for schema in wished if schema == TEMPORARY or self._is_usable(schema)]

    def _is_usable(self, name: str) -> bool:
        if name in self._changed:
            return self._changed[name] is not None
        return self._catalog.schemas().get(name, False)

    def create(self, name: str) -> None:
        """A new schema, unless there is one."""
        there = self._changed[name] is not None if name in self._changed else name in self._catalog.schemas()
        if not there:
            self._changed[name] = f"\0{next(self._numbers)}"

    def drop(self, name: str) -> None:
        """The schema is gone."""
        self._changed[name] = None

    def rename(self, name: str, new_name: str) -> None:
        """The schema is found by another name, and what is in it as well."""
        key = self.key(name)
        if key is not None:
            self._changed[name], self._changed[new_name] = None, key
            self.renamed.add(key)
