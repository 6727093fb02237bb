"""Every way in which people have their database's address, tool by tool."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from switchback.contract.reasons import Reason
from switchback.runner import url, url_params
from switchback.runner.address import Host
from switchback.runner.errors import RunnerError

SECRET = "c4nary"


class Read(NamedTuple):
    """What an address means. `ignored`: names that the notices hold."""

    where: str = "h:5432"
    user: str = "u"
    password: str | None = SECRET
    database: str = "d"
    sslmode: str | None = None
    search_path: str | None = None
    options: str = ""
    ignored: tuple[str, ...] = ()


UNDERSTOOD = {
    # psql and libpq
    "postgresql://u:c4nary@h/d": Read(),
    "postgres://u:c4nary@h:5432/d": Read(),
    "postgresql://u:c4nary@h/d?sslmode=verify-full": Read(sslmode="verify-full"),
    "postgresql://u:c4nary@a,b:6000/d": Read("a:5432,b:6000"),
    "postgresql://u:c4nary@/d?host=a,b&port=1,2": Read("a:1,b:2"),
    "postgresql://u:c4nary@%2Frun%2Fpg/d": Read("/run/pg/.s.PGSQL.5432"),
    "postgresql:///d?host=/run/pg&user=u&password=c4nary": Read("/run/pg/.s.PGSQL.5432"),
    "postgresql://u:c4nary@[::1]:6000/d": Read("[::1]:6000"),
    "host=h port=5432 dbname=d user=u password=c4nary": Read(),
    "host = h dbname = d user = u password = 'c4nary' sslmode = require": Read(sslmode="require"),
    "postgresql://u:c4nary@h/d?options=-csearch_path%3Dapp": Read(options="-csearch_path=app"),
    # dbmate
    "postgres://u:c4nary@h/d?sslmode=disable": Read(sslmode="disable"),
    "postgres://u:c4nary@h/d?sslmode=disable&search_path=app,public": Read(
        sslmode="disable", search_path="app,public"
    ),
    "postgres://u:c4nary@/d?socket=/run/pg": Read("/run/pg/.s.PGSQL.5432"),
    # golang-migrate, goose
    "pgx5://u:c4nary@h/d?x-migrations-table=m&x-multi-statement=true": Read(
        ignored=("x-migrations-table", "x-multi-statement")
    ),
    "postgres://u:c4nary@h/d?binary_parameters=yes": Read(ignored=("binary_parameters",)),
    # Prisma
    "postgresql://u:c4nary@h/d?schema=App": Read(search_path='"App"'),
    "postgresql://u:c4nary@h/d?connection_limit=5&pool_timeout=2&pgbouncer=true": Read(
        ignored=("connection_limit", "pool_timeout", "pgbouncer")
    ),
    "postgresql://u:c4nary@h/d?sslaccept=accept_invalid_certs&sslmode=require": Read(
        sslmode="require", ignored=("sslaccept",)
    ),
    # node-postgres, postgres.js
    "postgres://u:c4nary@h/d?ssl=true": Read(sslmode="require"),
    "postgres://u:c4nary@h/d?ssl=0": Read(sslmode="disable"),
    "postgres://u:c4nary@h/d?sslmode=no-verify": Read(sslmode="require"),
    "postgres://u:c4nary@h/d?sslmode=require&uselibpqcompat=true": Read(
        sslmode="require", ignored=("uselibpqcompat",)
    ),
    "postgres://u:c4nary@h/d?max=10&idle_timeout=20&fetch_types=false": Read(
        ignored=("max", "idle_timeout", "fetch_types")
    ),
    # SQLAlchemy
    "postgresql+psycopg://u:c4nary@h/d": Read(),
    "postgresql+psycopg2://u:c4nary@h:5432/d?application_name=shop": Read(ignored=("application_name",)),
    "postgresql+asyncpg://u:c4nary@h/d?ssl=require&prepared_statement_cache_size=0": Read(
        sslmode="require", ignored=("prepared_statement_cache_size",)
    ),
    "postgresql+pg8000://u:c4nary@h/d": Read(),
    "postgresql+psycopg2://u:c4nary@/d?host=a:1&host=b:2&host=c": Read("a:1,b:2,c:5432"),
    "postgresql+psycopg2://u:c4nary@/d?host=a&host=b": Read("a:5432,b:5432"),
    # Django with its URL packages
    "postgis://u:c4nary@h/d?conn_max_age=600&conn_health_checks=true": Read(
        ignored=("conn_max_age", "conn_health_checks")
    ),
    "pgsql://u:c4nary@h/d": Read(),
    "psql://u:c4nary@h/d": Read(),
    "timescalegis://u:c4nary@h/d": Read(),
    # pgx
    "postgres://u:c4nary@h/d?pool_max_conns=10&pool_max_conn_lifetime=1h&default_query_exec_mode=exec": Read(
        ignored=("pool_max_conns", "pool_max_conn_lifetime", "default_query_exec_mode")
    ),
    # Rails
    "postgresql://u:c4nary@h/d?pool=5&timeout=5000&encoding=unicode&prepared_statements=false": Read(
        ignored=("pool", "timeout", "encoding", "prepared_statements")
    ),
    "postgres://u:c4nary@h/d?schema_search_path=app": Read(search_path="app"),
    # Ecto, R2DBC, sqlx
    "ecto://u:c4nary@h/d?ssl=true&pool_size=10": Read(sslmode="require", ignored=("pool_size",)),
    "r2dbc:postgresql://u:c4nary@h/d?sslMode=verify-full": Read(sslmode="verify-full"),
    "postgres://u:c4nary@h/d?options[search_path]=app&statement-cache-capacity=1": Read(
        search_path="app", ignored=("statement-cache-capacity",)
    ),
    "postgres://u:c4nary@h/d?options[geqo]=off": Read(options="-c geqo=off"),
    # what programs with windows write
    "postgresql://u:c4nary@h/d?statusColor=686B6F&env=local&name=x&tLSMode=0&safeModeLevel=0": Read(
        ignored=("statuscolor", "env", "name", "tlsmode", "safemodelevel")
    ),
    # hosted servers
    "postgresql://u:c4nary@h/d?sslmode=require&options=endpoint%3Dep-1": Read(
        sslmode="require", options="endpoint=ep-1"
    ),
    # percent signs
    "postgresql://u:c4nary%@h/d": Read(password="c4nary%"),
    "postgresql://u:c4nary%4@h/d": Read(password="c4nary%4"),
    "postgresql://u:%zzc4nary@h/d": Read(password="%zzc4nary"),
    "postgresql://u:c4nary%40%2F%3a@h/d": Read(password="c4nary@/:"),
    "postgresql://%C3%BC:c4nary@h/%C3%BC": Read(user="ü", database="ü"),
}


@pytest.mark.parametrize(("text", "meant"), UNDERSTOOD.items(), ids=UNDERSTOOD)
def test_what_is_understood(text: str, meant: Read) -> None:
    found = url.read(text, {})
    assert Read(
        found.where, found.user, found.password, found.database, dict(found.parameters).get("sslmode"),
        found.search_path, found.options, tuple(notice.split(" ")[0] for notice in found.notices),
    ) == meant  # fmt: skip


REFUSED = {
    # JDBC, with the translation
    "jdbc:postgresql://h:6000/d?user=u&password=c4nary": "postgresql://u:PASSWORD@h:6000/d.",
    "jdbc:postgresql://h/d?user=u&password=c4nary&ssl=true&currentSchema=a,b": (
        "postgresql://u:PASSWORD@h/d?sslmode=verify-full&search_path=a,b."
    ),
    "jdbc:postgresql://a:1,b:2/d?user=u@c&targetServerType=primary": "postgresql://u%40c@a:1,b:2/d.",
    "jdbc:postgresql://[::1]:6000/d?user=u": "postgresql://u@[::1]:6000/d.",
    "jdbc:postgresql://h/d?user=u&password=c4nary&options=-c%20geqo=off": "@h/d?options=-c%20geqo%3Doff.",
    "jdbc:postgresql:d": "postgresql://USER@localhost/d.",
    "jdbc:postgresql://h/": "postgresql://USER@h/DATABASE.",
    "JDBC:POSTGRESQL://h/d": "postgresql://USER@h/d.",
    "jdbc:postgresql://h/d?ssl=maybe&password=c4nary": "ssl has a value that is not known",
    "jdbc:mysql://h/d?password=c4nary": "an address of MySQL",
    # other ways to write it
    "Host=h;Username=u;Password=c4nary;Database=d": "a connection string of .NET",
    "Server=h;Port=5432;User Id=u;Password=c4nary": "a connection string of .NET",
    "User ID=u;Password=c4nary;Host=h;": "a connection string of .NET",
    "pgsql:host=h;dbname=d;user=u;password=c4nary": "a data source name of PHP",
    "socket:/run/pg/?db=c4nary": "postgresql:///database?host=",
    "/run/pg c4nary": "postgresql:///database?host=",
    "DATABASE_URL=postgres://u:c4nary@h/d": "Take only what stands behind the = sign",
    'export DATABASE_URL="postgres://u:c4nary@h/d"': "Take only what stands behind the = sign",
    "postgresql:/u:c4nary@h/d": "two slashes",
    "u:c4nary@h:5432/d": "does not begin with postgresql://",
    # other databases
    "mysql2://u:c4nary@h/d": "an address of MySQL",
    "cockroachdb://u:c4nary@h/d": "an address of CockroachDB",
    "redshift+psycopg2://u:c4nary@h/d": "an address of Redshift",
    "sqlite:///c4nary.db": "an address of SQLite",
    "prisma+postgres://accelerate.example/?api_key=c4nary": "Prisma's proxy",
    # what would mean something else
    "postgresql://u:c4nary@h/d?sslaccept=strict": "sslmode=verify-full",
    "postgresql://u:c4nary@h/d?ssl_context=True": "sslmode=require",
    "postgresql://u:c4nary@h/d?tlsmode=3": "sslmode=require",
    "postgresql://u:c4nary@h/d?sslinline=true&sslkey=x": "Put them into files",
    "postgresql://u:c4nary@h/d?sslmode=require;connect_timeout=5": "sslmode has a value that is not known",
    # percent signs
    "postgresql://u:c4nary%ff@h/d": "not UTF-8",
    "postgresql://u:c4nary%00@h/d": "NUL byte",
    "postgresql://u:c4nary%40h/d": "the port is not a number",
}


@pytest.mark.parametrize(("text", "told"), REFUSED.items(), ids=REFUSED)
def test_what_is_refused(text: str, told: str) -> None:
    with pytest.raises(RunnerError) as caught:
        url.read(text, {"PGUSER": "nobody", "PGHOST": "elsewhere"})
    error = caught.value
    assert error.reason is Reason.URL_INVALID
    assert told in f"{error.message} {error.advice}"
    assert SECRET not in f"{error.message} {error.advice}"


@pytest.mark.parametrize(
    "text", [text for text, told in REFUSED.items() if told.startswith("postgresql://u")]
)
def test_a_translation_is_understood(text: str) -> None:
    with pytest.raises(RunnerError) as caught:
        url.read(text, {})
    assert caught.value.advice is not None
    same = caught.value.advice.removeprefix("Write it as ").removesuffix(".")
    assert url.read(same, {}).user.startswith("u")


def test_a_terminal_is_told_nothing_by_a_translation() -> None:
    with pytest.raises(RunnerError) as caught:
        url.read("jdbc:postgresql://h/d%1b]0;x?user=u", {})
    assert caught.value.advice is not None
    assert caught.value.advice.isprintable()


def test_no_name_is_in_two_tables() -> None:
    tables = (
        url_params.TAKEN, url_params.PARTS, url_params.SCHEMAS, url_params.SEARCH_PATHS, url_params.SETTINGS,
        url_params.IGNORED, url_params.REFUSED, {"options"},
    )  # fmt: skip
    names = [name for table in tables for name in table]
    assert len(names) == len(set(names))
    assert all(name == name.lower() for name in names)


def test_a_port_for_some_of_several_hosts() -> None:
    assert url.read("postgresql://u@/d?host=a:7&host=b", {"PGPORT": "9"}).hosts == (
        Host("a", 7),
        Host("b", 9),
    )
