"""The checks of a manifest, for a person who tries them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from switchback.api.checks import Check as Model
from switchback.api.names import KIND
from switchback.checks.model import Check, CheckError, Context
from switchback.checks.model import read as read_check
from switchback.checks.told import told
from switchback.explain.document import UnreadableError, documents

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.contract.words import CheckStage
    from switchback.explain.document import Document

STDIN = "-"


def read(
    file: str, name: str | None, stage: CheckStage, context: Context, warn: Callable[[str], None]
) -> tuple[tuple[Check, ...], Context]:
    """The checks of a stage, and the context with what the manifest says of the database.

    Args:
        file: path, or `-`.
        name: of the resource, when there are several.
        stage: of the checks.
        context: what the command line says, which wins.
        warn: gets what is left out.

    Raises:
        CheckError: there is nothing to run, or it is not written as it should be.
    """
    spec = _chosen(_documents(file), file, name)
    models = [_model(said, number) for number, said in enumerate(_listed(spec))]
    chosen = [model for model in models if stage in model.stages]
    here = [model for model in chosen if model.command is None]
    for model in chosen:
        if model.command is not None:
            warn(f"check {model.name} is left out: a command runs in a pod of the cluster.")
    if not here:
        there = sorted({str(one) for model in models for one in model.stages})
        raise CheckError(
            f"{file}: no check of {stage} can be run here. "
            + (f"There are checks of {', '.join(there)}." if there else "spec.checks is empty.")
        )
    database = spec.get("database")
    database = database if isinstance(database, dict) else {}
    context = replace(
        context,
        role=context.role or database.get("role") or None,
        search_path=context.search_path or tuple(database.get("searchPath") or ()),
    )
    return tuple(read_check(told(model), f"check {model.name}") for model in here), context


def _documents(file: str) -> list[Document]:
    shown = "standard input" if file == STDIN else file
    try:
        raw = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
        return documents(raw.decode("utf-8-sig"), shown)
    except UnicodeDecodeError:
        raise CheckError(f"{shown} is no UTF-8 text.") from None
    except OSError as error:
        raise CheckError(f"{shown} cannot be read: {error.strerror}.") from None
    except UnreadableError as error:
        raise CheckError(f"{shown}:{error.line}: this is no YAML: {error}.") from None


def _chosen(read_: list[Document], file: str, name: str | None) -> dict[str, Any]:
    """The spec of the resource that is meant."""
    found = [one for one in read_ if one.kind == KIND]
    if name is not None:
        found = [one for one in found if one.metadata.get("name") == name]
    if len(found) != 1:
        names = ", ".join(str(one.metadata.get("name")) for one in found)
        raise CheckError(
            f"{file}: there are several resources: {names}. Choose one with --name."
            if found
            else f"{file}: there is no {KIND}{f' {name}' if name else ''} in it."
        )
    spec = found[0].data.get("spec")
    return spec if isinstance(spec, dict) else {}


def _listed(spec: dict[str, Any]) -> list[Any]:
    checks = spec.get("checks")
    return checks if isinstance(checks, list) else []


def _model(said: Any, number: int) -> Model:
    try:
        return Model.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        raise CheckError(f"spec.checks[{number}]{path}: {first['msg']}.") from None
