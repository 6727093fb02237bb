"""Statements taken apart by PostgreSQL's own grammar. The one module that knows the parser library.

The library takes longer to import than most rollbacks take to run, so plain DROPs, which most downs consist
of, are read from their tokens; a test holds both ways side by side.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from switchback.runner import search_path
from switchback.runner import statement_kinds as kinds
from switchback.runner.alter_table import alter_table
from switchback.runner.effects import (
    Calls,
    Create,
    CreateFunction,
    CreateSchema,
    CreateType,
    Drop,
    Effect,
    GoBack,
    Name,
    Opaque,
    Rename,
    RenameColumn,
    RenameOther,
    RenameSchema,
    Truncate,
    Write,
)
from switchback.runner.plain_drop import plain_drop
from switchback.runner.trees import Tree, below, is_cascade, named, relation, words

if TYPE_CHECKING:
    from collections.abc import Callable


@lru_cache(maxsize=1024)
def effects(statement: str) -> tuple[Effect, ...]:
    """What one statement does, as far as losses are concerned. Empty: nothing of the kind.

    Never fails: what cannot be parsed is `Opaque`. Remembered, for a plan is looked at twice.
    """
    plain = plain_drop(statement)
    return (plain,) if plain is not None else by_grammar(statement)


def is_constant(expression: str) -> bool:
    """Whether an expression has the same value for every row and at all times: no call, no column."""
    tree = _tree(f"SELECT {expression}")
    if tree is None:
        return False
    moving = {"func_call", "sqlvalue_function", "column_ref", "sub_link", "param_ref"}
    return not moving & {key for key, _ in below(tree)}


def _tree(text: str) -> Tree | None:
    from google.protobuf.json_format import (  # type: ignore[import-untyped] # noqa: PLC0415 - slow import
        MessageToDict,
    )
    from postgast import PgQueryError, parse  # noqa: PLC0415 - same

    try:
        parsed = parse(text)
    except PgQueryError:
        return None
    if len(parsed.stmts) != 1:
        return None
    found: Tree = MessageToDict(parsed.stmts[0].stmt, preserving_proto_field_name=True)
    return found


def by_grammar(statement: str) -> tuple[Effect, ...]:
    """As `effects`, by PostgreSQL's grammar alone."""
    tree = _tree(statement)
    if tree is None:
        return (Opaque("a statement that cannot be parsed"),)
    try:
        return _of_tree(tree)
    except (KeyError, IndexError):  # a tree of a shape that nobody has thought of
        return (Opaque("a statement that is not understood"),)


def _of_tree(tree: Tree) -> tuple[Effect, ...]:
    ((kind, node),) = tree.items()
    if kind in kinds.OPAQUE:
        return (Opaque(kinds.OPAQUE[kind]),)
    if kind in kinds.ON_ROWS:
        return _on_rows(kind, node)
    calls = _calls(kind, node)
    reader = READERS.get(kind)
    if reader is not None:
        return (*calls, *reader(node))
    return calls if kind in kinds.HARMLESS else (Opaque("a statement of a kind that is not known here"),)


def _drop(node: Tree) -> tuple[Effect, ...]:
    kind = node["remove_type"]
    if kind in kinds.RELATIONS:
        names = tuple(named(words(item["list"]["items"])) for item in node["objects"])
        return (Drop(kinds.RELATIONS[kind], names, is_cascade(node)),)
    if kind in kinds.OTHERS:
        return (Drop(kinds.OTHERS[kind], tuple(map(_object, node["objects"])), is_cascade(node)),)
    if is_cascade(node) and kind not in kinds.LEAVES:
        what = kind.removeprefix("OBJECT_").replace("_", " ").lower()
        return (Opaque(f"DROP of {what} with CASCADE"),)
    return ()


def _object(item: Tree) -> Name:
    if "string" in item:
        return Name(None, item["string"]["sval"])
    if "type_name" in item:
        return named(words(item["type_name"]["names"]))
    if "object_with_args" in item:
        return named(words(item["object_with_args"]["objname"]))
    return named(words(item["list"]["items"]))


def _rename(node: Tree) -> tuple[Effect, ...]:
    kind = node.get("rename_type", "")
    if kind in kinds.RELATIONS:
        return (Rename(relation(node["relation"]), new_name=node["newname"]),)
    if kind == "OBJECT_COLUMN":
        return (RenameColumn(relation(node["relation"]), node["subname"], node["newname"]),)
    if kind == "OBJECT_SCHEMA":
        return (RenameSchema(node["subname"], node["newname"]),)
    if kind in kinds.OTHERS:
        return (RenameOther(kinds.OTHERS[kind], _object(node["object"]), new_name=node["newname"]),)
    return ()


def _move(node: Tree) -> tuple[Effect, ...]:
    kind = node.get("object_type", "")
    if kind in kinds.RELATIONS:
        return (Rename(relation(node["relation"]), new_schema=node["newschema"]),)
    if kind == "OBJECT_EXTENSION":
        return (Opaque("a move of an extension"),)
    if kind in kinds.OTHERS:
        return (RenameOther(kinds.OTHERS[kind], _object(node["object"]), new_schema=node["newschema"]),)
    return ()


def _created(kind: str, node: Tree, on_commit: str = "") -> tuple[Effect, ...]:
    return (Create(kind, relation(node), on_commit == "ONCOMMIT_DROP"),)


def _schema(node: Tree) -> tuple[Effect, ...]:
    """CREATE SCHEMA, with what it creates inside at once."""
    schema = node.get("schemaname") or node.get("authrole", {}).get("rolename", "")
    found: list[Effect] = [CreateSchema(schema)]
    for item in node.get("schema_elts", []):
        ((kind, element),) = item.items()
        inside = READERS[kind](element) if kind in READERS else ()
        found += [Create(one.kind, Name(schema, one.name.name)) for one in inside if isinstance(one, Create)]
    return tuple(found)


def _defined(node: Tree) -> tuple[Effect, ...]:
    name = named(words(node["defnames"]))
    if node.get("kind") == "OBJECT_AGGREGATE":
        return (CreateFunction(name),)
    return (CreateType(name),) if node.get("kind") == "OBJECT_TYPE" else ()


READERS: dict[str, Callable[[Tree], tuple[Effect, ...]]] = {
    "drop_stmt": _drop,
    "alter_table_stmt": alter_table,
    "rename_stmt": _rename,
    "alter_object_schema_stmt": _move,
    "variable_set_stmt": search_path.of_set,
    "transaction_stmt": lambda node: (GoBack(),) if node.get("kind") == "TRANS_STMT_ROLLBACK_TO" else (),
    "truncate_stmt": lambda node: (
        Truncate(tuple(relation(item["range_var"]) for item in node["relations"]), is_cascade(node)),
    ),
    "create_stmt": lambda node: _created("table", node["relation"], node.get("oncommit", "")),
    "create_foreign_table_stmt": lambda node: _created("foreign table", node["base_stmt"]["relation"]),
    "create_seq_stmt": lambda node: _created("sequence", node["sequence"]),
    "view_stmt": lambda node: _created("view", node["view"]),
    "create_schema_stmt": _schema,
    "composite_type_stmt": lambda node: (CreateType(relation(node["typevar"])),),
    "create_enum_stmt": lambda node: (CreateType(named(words(node["type_name"]))),),
    "create_range_stmt": lambda node: (CreateType(named(words(node["type_name"]))),),
    "create_domain_stmt": lambda node: (CreateType(named(words(node["domainname"]))),),
    "define_stmt": _defined,
    "create_function_stmt": lambda node: (CreateFunction(named(words(node["funcname"]))),),
}
"""Kinds of statements that do something to objects, each with its reader."""


def _on_rows(kind: str, node: Tree) -> tuple[Effect, ...]:
    """Statements that read or write rows, whatever they hold inside."""
    found: list[Effect] = []
    if kind == "copy_stmt" and node.get("is_program"):
        return (Opaque("COPY with a program"),)
    for key, inner in [(kind, node), *below(node)]:
        if key in {"delete_stmt", "update_stmt", "merge_stmt"}:
            columns = _targets(inner) if key == "update_stmt" else ()
            found.append(Write(key.removesuffix("_stmt").upper(), relation(inner["relation"]), columns))
        elif key == "insert_stmt" and "target_list" in inner.get("on_conflict_clause", {}):
            columns = _targets(inner["on_conflict_clause"])
            found.append(Write("INSERT … ON CONFLICT DO UPDATE", relation(inner["relation"]), columns))
        elif key == "func_call":
            found += search_path.of_call(named(words(inner["funcname"])), inner.get("args", []))
        elif key in {"into_clause", "into"} and "rel" in inner:
            kind_of = {"OBJECT_MATVIEW": "materialized view"}.get(node.get("objtype", ""), "table")
            found += _created(kind_of, inner["rel"], inner.get("on_commit", ""))
        elif key == "execute_stmt":
            found.append(Opaque("an EXECUTE"))
    return (*found, *_calls(kind, node))


def _calls(kind: str, node: Tree) -> tuple[Effect, ...]:
    """Functions called in a statement, also in a default or a check that later rows will need."""
    if kind in kinds.KEPT:
        return ()
    parts = below(node, apart=kinds.KEPT)
    functions = [named(words(inner["funcname"])) for key, inner in parts if key == "func_call"]
    return (Calls(tuple(dict.fromkeys(functions))),) if functions else ()


def _targets(node: Tree) -> tuple[str, ...]:
    return tuple(item["res_target"].get("name", "") for item in node.get("target_list", []))
