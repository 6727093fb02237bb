"""PostgreSQL in the cluster, one server per major; each test gets a database and a role of its own."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from datetime import datetime

    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Kube, Object

REFUSED_SECONDS = 10
START_SECONDS = 60
GROUP = 999
"""Of the user postgres in the image."""

LABEL = "switchback-e2e/postgres"

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Event:
    """One line of the ledger's own history."""

    seq: int
    at: datetime
    kind: str
    migration: str | None
    operation: str


class Server:
    """One server in a pod, with its data in memory. This machine reaches it through a NodePort."""

    def __init__(self, cluster: Cluster, kube: Kube, namespace: str, major: str, tls: str = "") -> None:
        """Start it. `tls`: name of a Secret with tls.crt and tls.key that it then uses."""
        self.kube = kube
        self._tls = tls
        self.namespace = namespace
        self.major = major
        self.name = f"postgres-{major}"
        self.host = f"{self.name}.{namespace}.svc"
        self._password = secrets.token_hex(16)
        kube.create(self._pod(cluster.images.postgres[major]), namespace)
        service = kube.create(self._service(), namespace)
        self._address = cluster.node_ip
        self._port = service["spec"]["ports"][0]["nodePort"]

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} is not ready after {START_SECONDS} s: {self._state()}")
            time.sleep(0.1)

    def connect(self, database: str = "postgres") -> psycopg.Connection[Row]:
        """A superuser's connection in autocommit.

        On a busy machine the pod may be taken for not ready for a moment; then nobody listens at its port.
        """
        deadline = time.monotonic() + REFUSED_SECONDS
        while True:
            try:
                return psycopg.connect(
                    host=self._address,
                    port=self._port,
                    user="postgres",
                    password=self._password,
                    dbname=database,
                    autocommit=True,
                    connect_timeout=10,
                )
            except psycopg.OperationalError as error:
                if "refused" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    @property
    def here(self) -> str:
        """Its address and port for this machine."""
        return f"{self._address}:{self._port}"

    def database(self, *, password: str = "") -> Database:
        """A new database with a role that owns it and nothing else."""
        made = Database(self, f"t_{secrets.token_hex(5)}", password or secrets.token_urlsafe(18))
        with self.connect() as connection:
            made.make(connection)
        return made

    def _ready(self) -> bool:
        pod = self.kube.find("Pod", self.namespace, self.name)
        states = (pod or {}).get("status", {}).get("containerStatuses", [])
        if not states or not all(state["ready"] for state in states):
            return False
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False  # the rules for its Service are being written
        return True

    def _state(self) -> str:
        log = self.kube.log(self.namespace, self.name, "postgres", tail=10)
        return f"{self.kube.get('Pod', self.namespace, self.name)['status']}; {log}"

    def _pod(self, image: str) -> Object:
        more, volumes, mounts = [], [], []
        if self._tls:
            more = ["-c", "ssl=on", "-c", "ssl_cert_file=/tls/tls.crt", "-c", "ssl_key_file=/tls/tls.key"]
            volumes = [{"name": "tls", "secret": {"secretName": self._tls, "defaultMode": 0o640}}]
            mounts = [{"name": "tls", "mountPath": "/tls", "readOnly": True}]
        probe = {"exec": {"command": ["pg_isready", "--host=127.0.0.1"]}, "periodSeconds": 1}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self.name, "labels": {LABEL: self.major}},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "automountServiceAccountToken": False,
                "containers": [
                    {
                        "name": "postgres",
                        "image": image,
                        "imagePullPolicy": "IfNotPresent",
                        # Nothing here outlives its test.
                        "args": ["postgres", "-c", "fsync=off", "-c", "full_page_writes=off", *more],
                        "env": [
                            {"name": "POSTGRES_PASSWORD", "value": self._password},
                            {"name": "PGDATA", "value": "/data/pg"},
                        ],
                        "readinessProbe": probe,
                        "volumeMounts": [{"name": "data", "mountPath": "/data"}, *mounts],
                    }
                ],
                "securityContext": {"fsGroup": GROUP},  # a key may be read by the server's group
                "volumes": [{"name": "data", "emptyDir": {"medium": "Memory"}}, *volumes],
            },
        }

    def _service(self) -> Object:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": self.name},
            "spec": {"type": "NodePort", "selector": {LABEL: self.major}, "ports": [{"port": 5432}]},
        }


@dataclass
class Database:
    """One database, as its owner's role reaches it from pods and as a test looks at it."""

    server: Server
    name: str
    password: str
    _connection: psycopg.Connection[Row] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """What a Secret holds."""
        return self.url_with()

    def url_with(self, *, host: str = "", password: str = "") -> str:
        """The URL with a part replaced."""
        shown = quote(password or self.password, safe="")
        return f"postgresql://{self.name}:{shown}@{host or self.server.host}:5432/{self.name}"

    @property
    def url_here(self) -> str:
        """The same for a program on this machine."""
        return f"postgresql://{self.name}:{quote(self.password, safe='')}@{self.server.here}/{self.name}"

    def make(self, connection: psycopg.Connection[Row]) -> None:
        name = sql.Identifier(self.name)
        role = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(self.password))
        connection.execute(role)
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))

    def drop(self) -> None:
        """Remove it, whoever is connected."""
        if self._connection is not None:
            self._connection.close()
        name = sql.Identifier(self.name)
        with self.server.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(name))

    def sql(self, query: str) -> list[Row]:
        """Rows of a query, as superuser; nothing for a command."""
        if self._connection is None or self._connection.closed:
            self._connection = self.server.connect(self.name)
        cursor = self._connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []

    def has_ledger(self) -> bool:
        return self.sql("SELECT to_regclass('switchback.meta') IS NOT NULL") == [(True,)]

    def applied(self) -> list[str]:
        """Ids in the ledger, in order of application."""
        if not self.has_ledger():
            return []
        return [row[0] for row in self.sql("SELECT id FROM switchback.migrations ORDER BY position")]

    def events(self) -> list[Event]:
        """The ledger's own history."""
        if not self.has_ledger():
            return []
        rows = self.sql(
            "SELECT seq, at, kind, migration_id, operation_id FROM switchback.events ORDER BY seq"
        )
        return [Event(*row) for row in rows]

    def reserved_by(self) -> str | None:
        """Operation that has reserved the database."""
        if not self.has_ledger():
            return None
        found: str | None = self.sql("SELECT reserved_by FROM switchback.meta")[0][0]
        return found

    def contents(self) -> dict[str, object]:
        """Everything but the ledger that a rollback could change: definitions and rows, in no order."""
        columns = self.sql(
            "SELECT c.table_schema || '.' || c.table_name, c.column_name || ' ' || c.data_type || ' ' || "
            "c.is_nullable || coalesce(' ' || c.column_default, '') FROM information_schema.columns c "
            f"WHERE {_OURS.format('c.table_schema')} ORDER BY 1, 2"
        )
        indexes = self.sql(f"SELECT indexdef FROM pg_indexes WHERE {_OURS.format('schemaname')} ORDER BY 1")
        rules = self.sql(
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
            f"WHERE {_OURS.format('connamespace::regnamespace::text')} ORDER BY 1, 2"
        )
        tables = sorted({table for table, _ in columns})
        rows = {
            table: [row[0] for row in self.sql(f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1")]
            for table in tables
        }
        return {"columns": columns, "indexes": indexes, "constraints": rules, "rows": rows}


_OURS = "{} NOT IN ('switchback', 'pg_catalog', 'information_schema', 'pg_toast')"
