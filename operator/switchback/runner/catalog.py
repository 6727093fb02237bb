"""What the database holds now, as far as a plan names it. Few queries, whatever the plan's length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.runner import search_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import psycopg

TABLE_KINDS = frozenset("rp")
_KIND_WORDS = {
    "r": "table",
    "p": "table",
    "v": "view",
    "m": "materialized view",
    "S": "sequence",
    "i": "index",
    "I": "index",
    "f": "foreign table",
    "c": "type",
}
SAFE_VOLATILE = frozenset(
    {"nextval", "setval", "currval", "lastval", "random", "clock_timestamp", "timeofday", "gen_random_uuid",
     "uuidv4", "uuidv7", "set_config", "pg_sleep", "pg_notify", "pg_advisory_lock", "pg_advisory_xact_lock",
     "setseed", "txid_current", "pg_current_xact_id"}
)  # fmt: skip
"""Functions of the server that are volatile and touch no row of anybody."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or something like it. `kind` is the catalog's relkind.

    `filled` is false for a materialized view that was never populated and cannot be read.
    """

    oid: int
    schema: str
    name: str
    kind: str
    filled: bool = True

    @property
    def sql(self) -> str:
        """Its qualified name, for a statement."""
        return '"' + self.schema.replace('"', '""') + '"."' + self.name.replace('"', '""') + '"'

    @property
    def text(self) -> str:
        """Kind and name for people."""
        return f"{_KIND_WORDS.get(self.kind, 'relation')} {self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is now. `type_name` is the catalog's name, `type_sql` what SQL writes."""

    number: int
    name: str
    type_name: str
    type_sql: str
    modifier: int
    generated: bool
    default: str | None


@dataclass(frozen=True, slots=True)
class Victim:
    """What a DROP takes with it.

    Attributes:
        hard: only CASCADE takes it; without that the server would refuse the DROP.
        relation: if it is one, or a column of one.
        column: number of the column, 0 for the whole.
        text: kind and name for people.
        owner: oid of the table that it is a part of, such as a constraint's; 0 if none.
        name: of a constraint.
    """

    hard: bool
    relation: Relation | None
    column: int
    text: str
    owner: int = 0
    name: str = ""


Root = tuple[str, int, int]
"""Catalog, oid and column number of an object that is dropped by name."""


@dataclass(frozen=True, slots=True)
class Login:
    """What a name without schema means to the session: its search path as set, and its roles."""

    path: tuple[str, ...]
    user: str
    session_user: str


@dataclass(frozen=True, slots=True)
class Overload:
    """Another function with the name of one of the server's own. `same_arguments`: as one of those."""

    schema: str
    same_arguments: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """One DROP whose dependents count. `kept` is what the plan has moved out of a schema that goes."""

    roots: Sequence[Root]
    kept: Sequence[Root] = ()


class Catalog:
    """A reader of the system catalogs on one connection, in autocommit."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.relations: dict[tuple[str, str], Relation] = {}
        self._columns: dict[int, dict[str, Column]] = {}
        self._overloads: dict[str, list[Overload]] = {}
        self._schemas: dict[str, bool] | None = None
        self._login: Login | None = None

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode(), values).fetchall()

    def login(self) -> Login:
        """Search path and roles that the session began with."""
        if self._login is None:
            ((path, user, session_user),) = self._rows(_LOGIN)
            self._login = Login(search_path.split(path), user, session_user)
        return self._login

    def schemas(self) -> dict[str, bool]:
        """All schemas, each with whether its objects may be looked for."""
        if self._schemas is None:
            self._schemas = dict(self._rows(_SCHEMAS))
        return self._schemas

    def load(self, names: Iterable[str]) -> None:
        """Read the relations of these names in every schema."""
        for oid, schema, name, kind, filled in self._rows(_RELATIONS, sorted(set(names))):
            self.relations[schema, name] = Relation(oid, schema, name, kind, filled)

    def columns(self, relation: Relation) -> dict[str, Column]:
        """Columns by name."""
        if relation.oid not in self._columns:
            self.load_columns([relation.oid])
        return self._columns[relation.oid]

    def load_columns(self, oids: Iterable[int]) -> None:
        """Read the columns of several relations at once."""
        wanted = sorted(set(oids) - self._columns.keys())
        for oid in wanted:
            self._columns[oid] = {}
        for oid, *rest in self._rows(_COLUMNS, wanted) if wanted else ():
            column = Column(*rest)
            self._columns[oid][column.name] = column

    def harmless_functions(self, names: Iterable[str]) -> set[str]:
        """Which of these are functions of the server itself that change nothing."""
        wanted = sorted(set(names))
        if not wanted:
            return set()
        return {name for (name,) in self._rows(_HARMLESS, wanted)} | SAFE_VOLATILE.intersection(wanted)

    def overloads(self, name: str) -> list[Overload]:
        """Functions of that name that are not the server's own."""
        if name not in self._overloads:
            self._overloads[name] = [Overload(*row) for row in self._rows(_OVERLOADS, name)]
        return self._overloads[name]

    def roots(self, kind: str, name: str, schema: str = "") -> list[Root]:
        """Objects of a kind that is no relation. Overloaded functions all count."""
        within = name if kind == "schema" else schema
        if kind != "extension" and within not in self.schemas():
            return []
        return [(catalog, oid, 0) for catalog, oid in self._rows(_ROOTS[kind], name, schema)]

    def constraint(self, relation: Relation, name: str) -> list[Root]:
        """A constraint of a table."""
        query = (
            "SELECT 'pg_constraint', oid FROM pg_catalog.pg_constraint WHERE conrelid = %s AND conname = %s"
        )
        return [(catalog, oid, 0) for catalog, oid in self._rows(query, relation.oid, name)]

    def closure(self, wanted: Mapping[int, Wanted]) -> dict[int, list[Victim]]:
        """What goes with several DROPs, each with its roots, walked through pg_depend."""
        found: dict[int, list[Victim]] = {number: [] for number in wanted}
        if not any(one.roots for one in wanted.values()):
            return found
        for number, hard, oid, schema, name, kind, filled, column, text, owner, own in self._rows(
            CLOSURE, *closure_columns(wanted)
        ):
            relation = None if oid is None else Relation(oid, schema, name, kind, filled)
            found[number].append(Victim(hard, relation, column, text, owner, own))
        return found

    def parents(self, relation: Relation) -> list[Relation]:
        """Tables that this one is a partition or an heir of, also through others."""
        return [Relation(*row) for row in self._rows(_PARENTS, relation.oid)]

    def referencing(self, oids: Sequence[int]) -> list[Relation]:
        """Tables with foreign keys to these, also through others: what TRUNCATE … CASCADE takes along."""
        return [Relation(*row) for row in self._rows(_REFERENCING, list(oids), list(oids))]


def closure_columns(wanted: Mapping[int, Wanted]) -> list[list[int | str]]:
    """What `CLOSURE` is asked for: number, class, oid, column of roots; the first three of what is kept."""
    roots = [(number, *root) for number, one in wanted.items() for root in one.roots]
    kept = [(number, *root[:2]) for number, one in wanted.items() for root in one.kept]
    return [
        *([row[place] for row in roots] for place in range(4)),
        *([row[place] for row in kept] for place in range(3)),
    ]


_LOGIN = """
SELECT pg_catalog.current_setting('search_path'), current_user::text, session_user::text
"""

_SCHEMAS = """
SELECT nspname::text, pg_catalog.has_schema_privilege(oid, 'USAGE') FROM pg_catalog.pg_namespace
"""

_RELATIONS = """
SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text, c.relispopulated
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = ANY (%s::text[]::name[])
"""

_COLUMNS = """
SELECT a.attrelid::bigint, a.attnum::int, a.attname::text, t.typname::text,
  pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypmod, a.attgenerated <> '',
  pg_catalog.pg_get_expr(d.adbin, d.adrelid)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY (%s::bigint[]::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
"""

_HARMLESS = """
SELECT p.proname::text FROM pg_catalog.pg_proc p
WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace::pg_catalog.oid
  AND p.proname = ANY (%s::text[]::name[])
GROUP BY p.proname HAVING bool_and(p.provolatile <> 'v')
"""

_OVERLOADS = """
SELECT n.nspname::text, EXISTS (SELECT FROM pg_catalog.pg_proc o
    WHERE o.pronamespace = 'pg_catalog'::pg_catalog.regnamespace::pg_catalog.oid
      AND o.proname = p.proname AND o.proargtypes = p.proargtypes)
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE p.proname = %s::text::name AND n.nspname <> 'pg_catalog'
  AND NOT (p.provolatile <> 'v' AND EXISTS (SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid AND d.objid = p.oid
      AND d.deptype = 'e'))
"""
"""Extensions give their types functions of the server's names; of what they bring, only what may change
something counts."""

_ROOTS = {
    "schema": """
SELECT 'pg_namespace', oid::bigint FROM pg_catalog.pg_namespace
WHERE nspname = %s AND %s::text IS NOT NULL""",
    "extension": """
SELECT 'pg_extension', oid::bigint FROM pg_catalog.pg_extension
WHERE extname = %s AND %s::text IS NOT NULL""",
    "type": """
SELECT 'pg_type', t.oid::bigint FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.typname = %s AND n.nspname = %s""",
    "function": """
SELECT 'pg_proc', p.oid::bigint FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE p.proname = %s AND n.nspname = %s""",
}

CLOSURE = """
WITH RECURSIVE root AS (
  SELECT u.no, u.class::pg_catalog.regclass::oid AS classid, u.oid::oid AS objid, u.sub AS objsubid
  FROM unnest(%s::int[], %s::text[], %s::bigint[], %s::int[]) AS u (no, class, oid, sub)
), kept AS (
  SELECT u.no, u.class::pg_catalog.regclass::oid AS classid, u.oid::oid AS objid
  FROM unnest(%s::int[], %s::text[], %s::bigint[]) AS u (no, class, oid)
), apart AS (
  SELECT k.no, k.classid, k.objid FROM kept k
  UNION
  SELECT k.no, d.classid, d.objid FROM kept k JOIN pg_catalog.pg_depend d
    ON d.refclassid = k.classid AND d.refobjid = k.objid AND d.classid = k.classid AND d.deptype IN ('a', 'i')
), victim AS (
  SELECT no, classid, objid, objsubid, false AS hard FROM root
  UNION
  SELECT v.no, x.classid, x.objid, x.objsubid, x.hard FROM victim v CROSS JOIN LATERAL (
    SELECT d.classid, d.objid, d.objsubid, v.hard OR d.deptype = 'n' AS hard FROM pg_catalog.pg_depend d
    WHERE d.refclassid = v.classid AND d.refobjid = v.objid AND (v.objsubid = 0 OR d.refobjsubid = v.objsubid)
      AND NOT (d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid
        AND EXISTS (SELECT FROM apart a WHERE (a.no, a.classid, a.objid) = (v.no, d.classid, d.objid)))
    UNION ALL
    SELECT d.refclassid, d.refobjid, d.refobjsubid, v.hard FROM pg_catalog.pg_depend d
    WHERE d.classid = v.classid AND d.objid = v.objid AND d.deptype = 'i'
      AND (v.objsubid = 0 OR d.objsubid = v.objsubid)
  ) x
), total AS (
  SELECT v.no, v.classid, v.objid, v.objsubid, bool_and(v.hard) AS hard FROM victim v
  WHERE NOT EXISTS (SELECT FROM root r WHERE (r.no, r.classid, r.objid, r.objsubid)
                                           = (v.no, v.classid, v.objid, v.objsubid))
  GROUP BY 1, 2, 3, 4
)
SELECT t.no, t.hard, c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text, c.relispopulated,
  t.objsubid, i.type || ' ' || i.identity AS what, coalesce(k.conrelid, 0)::bigint,
  coalesce(k.conname::text, '')
FROM total t CROSS JOIN LATERAL pg_catalog.pg_identify_object(t.classid, t.objid, t.objsubid) i
LEFT JOIN pg_catalog.pg_class c
  ON t.classid = 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AND c.oid = t.objid
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_constraint k
  ON t.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid AND k.oid = t.objid
WHERE i.type IN ('table', 'table column', 'view', 'materialized view', 'sequence', 'foreign table',
    'table constraint', 'domain constraint', 'function', 'procedure', 'aggregate', 'type', 'trigger',
    'policy', 'rule', 'default value', 'extension')
  AND (t.classid = 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid OR NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid = t.classid AND d.objid = t.objid AND d.deptype = 'i'))
ORDER BY t.no, i.type, i.identity
"""
"""Normal dependencies are what only CASCADE overcomes; automatic and internal ones go silently. What is an
internal part of something else (a view's rule, a constraint's index) leads to that as well, since the server
drops the whole. An object that is reached silently by any way is no victim of CASCADE. What the plan has
moved out of a schema, with the sequences that are part of it, does not go with that schema."""

_REFERENCING = """
WITH RECURSIVE reached AS (
  SELECT unnest(%s::bigint[]::oid[]) AS oid
  UNION
  SELECT k.conrelid FROM reached r JOIN pg_catalog.pg_constraint k ON k.confrelid = r.oid AND k.contype = 'f'
)
SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text, c.relispopulated FROM reached r
JOIN pg_catalog.pg_class c ON c.oid = r.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE r.oid <> ALL (%s::bigint[]::oid[])
"""

_PARENTS = """
WITH RECURSIVE above AS (
  SELECT i.inhparent AS oid FROM pg_catalog.pg_inherits i WHERE i.inhrelid = %s::bigint::oid
  UNION
  SELECT i.inhparent FROM above a JOIN pg_catalog.pg_inherits i ON i.inhrelid = a.oid
)
SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text, c.relispopulated FROM above a
JOIN pg_catalog.pg_class c ON c.oid = a.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""
