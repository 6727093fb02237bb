"""What `switchback dump` does."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from switchback.cli import work
from switchback.cli.dump_text import reproducible
from switchback.contract.reasons import Reason
from switchback.runner.connect import application_name, role_option
from switchback.runner.errors import RunnerError
from switchback.runner.ledger.names import TABLES, identifier
from switchback.runner.operations.base import Answer
from switchback.snapshots import clients, laptop, libpq
from switchback.snapshots.prepare import trusting

if TYPE_CHECKING:
    import psycopg

    from switchback.cli.console import Console
    from switchback.cli.options import Common
    from switchback.runner.opening import Opener
    from switchback.runner.stop import Stop

_LOCK_WAIT_MS = 10_000
_OTHERS = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_class c
    WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname <> ALL (%s))
  OR EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace = n.oid)
FROM pg_catalog.pg_namespace n WHERE n.nspname = %s
"""
"""Whether the ledger's schema holds something else, too."""


def run(common: Common, console: Console, output: Path | None, *, data: bool) -> int:
    """Dump, and give the exit code."""
    texts: list[str] = []

    def act(opener: Opener, _: Stop) -> Answer:
        texts.append(_dump(opener, common, console, data=data))
        told = "" if output is None else _write(output, texts[0])
        return Answer(Reason.SUCCEEDED, told)

    ending = work.reach(common, console, act, read_only=True)
    if ending.error is not None:
        return work.answer(ending, console, common)
    text = texts[0]
    if common.json:
        told = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "bytes": len(text.encode())}
        where = {"schema": text} if output is None else {"file": str(output)}
        click.echo(json.dumps(told | where, ensure_ascii=False, indent=2))
    elif output is None:
        click.echo(text, nl=False)
    else:
        console.print(ending.result.message)
    return ending.result.exit_code


def _dump(opener: Opener, common: Common, console: Console, *, data: bool) -> str:
    with opener("dump") as connection, laptop.work_folder() as work_folder:
        folder = Path(work_folder)
        major = connection.info.server_version // 10000
        program = clients.find_at_least("pg_dump", major, Reason.DUMP_FAILED)
        role = role_option(common.role) if common.role else ""
        options = " ".join(filter(None, [opener.address.options, role]))
        name = application_name(opener.wishes.operation_id, "dump")
        found = libpq.parameters_of(connection, options, name, program.major)
        parameters = trusting(folder, opener.renewed(found))
        env = clients.environment(libpq.connection_files(folder, parameters))
        target, said = folder / "schema.sql", folder / "said"
        words = [
            str(program.path), "--format=plain", "--encoding=UTF8", "--no-owner", "--no-privileges",
            "--no-password", f"--lock-wait-timeout={_LOCK_WAIT_MS}", f"--file={target}",
            *(["--inserts"] if data else ["--schema-only"]),
            *_without_ledger(connection, common.ledger_schema),
        ]  # fmt: skip
        console.tick(f"Dumping with {program.path} ...")
        code = clients.run(words, env, stderr=said)
        if code != 0:
            raise _failed(program, code, said.read_text(errors="replace"))
        return reproducible(target.read_text(encoding="utf-8"))


def _without_ledger(connection: psycopg.Connection[Any], schema: str) -> list[str]:
    """Options that leave the ledger out: its schema, or its tables where others live there, too."""
    row = connection.execute(_OTHERS, (list(TABLES), schema)).fetchone()
    if row is None:
        return []
    if not row[0] and schema != "public":
        return [f"--exclude-schema={identifier(schema)}"]
    return [f"--exclude-table={identifier(schema)}.{identifier(table)}" for table in TABLES]


def _failed(program: clients.Program, code: int, said: str) -> RunnerError:
    lines = [line.removeprefix("pg_dump: ") for line in said.strip().splitlines()]
    first = next((line for line in lines if line.startswith("error: ")), lines[0] if lines else "")
    why = first.removeprefix("error: ") or f"exit code {code}"
    return RunnerError(
        Reason.DUMP_FAILED,
        f"{program.path} ({program.release}) failed: {why}",
        detail="\n".join(lines[1:]) or None,
    )


def _write(path: Path, text: str) -> str:
    """Replace the file as a whole, if its text is another one; tell which."""
    try:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return f"{path} is as it was."
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        draft = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            mask = os.umask(0)
            os.umask(mask)
            draft.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise RunnerError(
            Reason.DUMP_FAILED, f"{path} cannot be written: {error.strerror}.", "Choose another --output."
        ) from None
    return f"Wrote {path}."
