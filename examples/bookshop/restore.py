"""Restoring as a person does it: the dump is copied out of its claim, `switchback restore` does the rest."""

from __future__ import annotations

import base64
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.bookshop.kube import FailedError, run
from examples.bookshop.telling import command, say, styled

if TYPE_CHECKING:
    from examples.bookshop.kube import Kube

DATABASE = "bookshop_before_rollback"
READER = "restore-points-reader"
COPY_SECONDS = 120
RESTORE_SECONDS = 180


def beside(kube: Kube, status: dict[str, Any]) -> str:
    """Restore the newest restore point into a new database of the same server, and return its name.

    Raises:
        FailedError: it could not be copied, did not verify, or could not be restored.
    """
    point = status["snapshots"][-1]
    path, digest = point["path"], point["digest"]
    kube.show("apply", "-f", "examples/bookshop/manifests/reader.yaml")
    kube.wait(f"pod/{READER}", "condition=Ready", seconds=60)
    with tempfile.TemporaryDirectory(prefix="restore-") as folder:
        copy = Path(folder) / path
        command(f"kubectl -n {kube.namespace} cp {READER}:/restore-points/{path} {path}")
        kube.quiet("cp", f"{READER}:/restore-points/{path}", str(copy), seconds=COPY_SECONDS)
        command(f"switchback snapshot verify {path} --digest {digest}")
        say(styled(run([_program(), "snapshot", "verify", str(copy), "--digest", digest]).strip(), "dim"))
        with kube.forwarded("postgres", 5432) as port:
            command("export PGHOST=localhost PGUSER=postgres PGDATABASE=postgres")
            secret = f"kubectl -n {kube.namespace} get secret bookshop-db -o jsonpath={{.data.password}}"
            command(f"export PGPORT={port} PGPASSWORD=$({secret} | base64 -d)")
            command(f"switchback restore {path} --database {DATABASE}")
            say(styled(_restore(copy, port, _password(kube)), "dim"))
    kube.quiet("delete", "pod", READER, "--wait=false")
    return DATABASE


def _program() -> str:
    program = Path(sys.executable).with_name("switchback")
    if not program.exists():
        raise FailedError(f"{program} is not there; `make venv` installs it")
    return str(program)


def _restore(copy: Path, port: int, password: str) -> str:
    reach = {"PGHOST": "localhost", "PGPORT": str(port), "PGUSER": "postgres", "PGDATABASE": "postgres"}
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    environment |= reach | {"PGPASSWORD": password}
    words = [_program(), "restore", str(copy), "--database", DATABASE]
    return run(words, seconds=RESTORE_SECONDS, environment=environment).strip()


def _password(kube: Kube) -> str:
    return base64.b64decode(kube.read("secret/bookshop-db", ".data.password")).decode()
