"""The containers of a snapshot pod as processes of this machine: the same code, the same script."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from switchback.runner.connect import Wishes
from switchback.runner.ledger.names import Names
from switchback.runner.opening import Opener
from switchback.snapshots import layout
from switchback.snapshots.folder import FolderStore
from switchback.snapshots.manifest import Requester
from switchback.snapshots.prepare import Order, prepare
from switchback.snapshots.seal import Sealed, seal

if TYPE_CHECKING:
    from pathlib import Path

    from switchback.snapshots.record import Record
    from switchback.snapshots.store import Store
    from tests.postgres.servers import Server

NAME = "pre-rollback-20260101T000000Z-shop-3f2a91c0-5b1e77"

FILL = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy ☺');
CREATE TABLE "odd ""table"" ä" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood mood NOT NULL,
  note text, at timestamptz NOT NULL DEFAULT '2026-01-01', amount numeric(12, 2), raw bytea);
INSERT INTO "odd ""table"" ä" (mood, note, amount, raw)
  SELECT (ARRAY['sad', 'ok', 'happy ☺'])[1 + n % 3]::mood, nullif(repeat(md5(n::text), n % 9), ''), n / 7.0,
    decode(md5(n::text), 'hex') FROM generate_series(1, 3000) n;
CREATE TABLE child (id int PRIMARY KEY, parent bigint REFERENCES "odd ""table"" ä" ON DELETE CASCADE);
INSERT INTO child SELECT n, n FROM generate_series(1, 500) n;
CREATE INDEX child_parent ON child (parent) WHERE parent > 10;
CREATE SEQUENCE counter START 41; SELECT nextval('counter'), nextval('counter');
CREATE VIEW moods AS SELECT mood, count(*) FROM "odd ""table"" ä" GROUP BY mood;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
COMMENT ON TABLE child IS 'with ''quotes'' and ☺';
SELECT lo_from_bytea(4711, decode(repeat('cafe', 5000), 'hex'));
CREATE PUBLICATION everything FOR ALL TABLES;
"""


def opener(url: str) -> Opener:
    """As the command line connects."""
    return Opener(url, Wishes(operation_id="3f2a91c0-5b1e77"), print, time.sleep)


@dataclass
class Pod:
    """One pod: `root` is the volume, `work` the memory that its containers share.

    `clients` is the folder with pg_dump and pg_restore of the client image; `user` is the command that makes
    its containers run as somebody else, `shell` what they have for /bin/sh.
    """

    root: Path
    work: Path
    clients: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: tuple[str, ...] = ()
    shell: tuple[str, ...] = ("/bin/sh",)
    store: Store | None = None

    def __post_init__(self) -> None:
        self.root.mkdir(exist_ok=True)
        self.work.mkdir(mode=0o700)

    @property
    def kept(self) -> Store:
        """Where restore points are kept; `root`, unless there is a bucket: then `root` is the scratch."""
        return self.store or FolderStore(self.root)

    @property
    def room(self) -> Path:
        return self.root

    def prepare(self, url: str, name: str = NAME, *, database: str = "", system: str = "") -> Record:
        requester = Requester("3f2a91c0-5b1e77", "shop", "shop", "3f2a91c0")
        order = Order(
            self.kept, self.room, self.work, name, 2, requester, Names(), database, system,
        )  # fmt: skip
        return prepare(order, opener(url))

    def client(self, part: str) -> subprocess.Popen[str]:
        """Start the container `dump` or `reread`."""
        return subprocess.Popen(
            [*self.user, *self.shell, "-c", layout.client_script(), "client.sh", part],
            env={
                "PATH": f"{self.clients}:/usr/bin:/bin",
                "SWITCHBACK_WORK": str(self.work),
                "HOME": str(self.work),
                **self.environment,
            },
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/",
        )  # fmt: skip

    def run(self, part: str) -> str:
        """Run the container `dump` or `reread` to its end; it must not fail, whatever its program does."""
        process = self.client(part)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return said

    def seal(self) -> Sealed:
        return seal(self.kept, self.room, self.work)

    def take(self, url: str, name: str = NAME) -> Sealed:
        """All containers in order."""
        self.prepare(url, name)
        self.run("dump")
        self.run("reread")
        return self.seal()


def pod_for(server: Server, folder: Path, clients: Path | None = None) -> Pod:
    """A pod with the client programs of the server's own version, or with others."""
    number = len(list(folder.iterdir()))
    return Pod(folder / "snapshots", folder / f"work-{number}", clients or server.programs)


TABLES = """SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1"""


def contents_of(url: str) -> dict[str, Any]:
    """Row count and checksum of each table, values of sequences, large objects."""
    found: dict[str, Any] = {}
    with psycopg.connect(url, autocommit=True) as connection:
        for (table,) in connection.execute(TABLES.encode()).fetchall():
            query = f"SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM {table} t"
            found[table] = connection.execute(query.encode()).fetchone()
        sequences = connection.execute(
            "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
        ).fetchall()
        large = connection.execute("SELECT oid, md5(lo_get(oid)) FROM pg_largeobject_metadata").fetchall()
    return {"tables": found, "sequences": sequences, "large objects": large}


def as_root() -> bool:
    """Whether file systems can be mounted."""
    return os.geteuid() == 0
