"""The URL reader understands what people have, and never repeats it."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from switchback.contract.reasons import Reason, Retry, meaning
from switchback.runner import url
from switchback.runner.address import Address, Host
from switchback.runner.errors import RunnerError

CANARY = "c4nary-pw"


def read(text: str, **env: str) -> Address:
    return url.read(text, env)


def refused(text: str, **env: str) -> RunnerError:
    with pytest.raises(RunnerError) as caught:
        read(text, **env)
    error = caught.value
    assert error.reason is Reason.URL_INVALID
    assert error.advice
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    return error


@pytest.mark.parametrize(
    "scheme",
    ["postgresql", "postgres", "POSTGRESQL", "postgresql+psycopg", "postgresql+asyncpg", "postgres+pg8000",
     "pgx5", "pgsql", "postgis", "ecto", "r2dbc:postgresql", "r2dbc:pool:postgresql", "timescale"],
)  # fmt: skip
def test_schemes_and_drivers(scheme: str) -> None:
    address = read(f"{scheme}://ann:{CANARY}@db.example:6543/shop")
    assert (address.user, address.password, address.database) == ("ann", CANARY, "shop")
    assert address.hosts == (Host("db.example", 6543),)
    assert address.safe == "postgresql://ann@db.example:6543/shop"
    assert CANARY not in repr(address)
    assert address.notices == ()


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("postgresql://u@h/d", (Host("h", 5432),)),
        ("postgresql://u@[::1]:6000/d", (Host("::1", 6000),)),
        ("postgresql://u@[fe80::1%25eth0]/d", (Host("fe80::1%eth0", 5432),)),
        ("postgresql://u@a:1,b,[::1]:3/d", (Host("a", 1), Host("b", 5432), Host("::1", 3))),
        ("postgresql://u@%2Fvar%2Frun/d", (Host("/var/run", 5432),)),
        ("postgresql:///d?host=/run/x&port=7&user=u", (Host("/run/x", 7),)),
        ("postgresql://u@/d?host=a,b&port=1,2", (Host("a", 1), Host("b", 2))),
        ("postgresql://u@/d?host=a,b&port=1", (Host("a", 1), Host("b", 1))),
        ("host=h port=7 user=u dbname=d", (Host("h", 7),)),
    ],
)
def test_hosts(text: str, hosts: tuple[Host, ...]) -> None:
    assert read(text).hosts == hosts


def test_where_and_safe_are_for_people() -> None:
    address = read("postgresql://u%0a@a:1,[::1]:2/d%20b")
    assert address.where == "a:1,[::1]:2"
    assert address.safe == "postgresql://u%0A@a:1,[::1]:2/d%20b"
    assert read("postgresql://u@%2Fsock/d").where == "/sock/.s.PGSQL.5432"


@given(user=st.text(min_size=1), password=st.text(min_size=1), database=st.text(min_size=1))
def test_values_survive_the_way_to_libpq(user: str, password: str, database: str) -> None:
    if any("\0" in value or "\ud800" <= c <= "\udfff" for value in (user, password, database) for c in value):
        return
    text = f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@h/{quote(database, safe='')}"
    address = read(text)
    words = conninfo_to_dict(make_conninfo("", **address.keywords()))
    assert (words["user"], words["password"], words["dbname"]) == (user, password, database)
    assert address.safe.isprintable()


@pytest.mark.parametrize(
    "password", ["p@ss", "a:b:c", "100%", "50%off", "x#y", "a b", "ü€", "a+b", "%zz", "a'b\\c\"d"]
)
def test_raw_passwords_that_are_not_ambiguous_survive(password: str) -> None:
    assert read(f"postgresql://u:{password}@h/d").password == password


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("?sslmode=require", {"sslmode": "require"}),
        ("?ssl=true", {"sslmode": "require"}),
        ("?ssl=verify-full", {"sslmode": "verify-full"}),
        ("?sslmode=no-verify", {"sslmode": "require"}),
        ("?ssl=0", {"sslmode": "disable"}),
        ("?sslmode=verify-ca&sslrootcert=/a%20b", {"sslmode": "verify-ca", "sslrootcert": "/a b"}),
        (
            "?connect_timeout=7&channel_binding=require",
            {"connect_timeout": "7", "channel_binding": "require"},
        ),
        ("?target_session_attrs=read-write", {"target_session_attrs": "read-write"}),
    ],
)
def test_keywords_of_libpq_are_handed_on(text: str, parameters: dict[str, str]) -> None:
    assert dict(read(f"postgresql://u@h/d{text}").parameters) == parameters


def test_numeric_addresses_belong_to_their_hosts() -> None:
    address = read("postgresql://u@a,b/d?hostaddr=10.0.0.1,10.0.0.2")
    assert [address.keywords(host)["hostaddr"] for host in address.hosts] == ["10.0.0.1", "10.0.0.2"]


@pytest.mark.parametrize(
    ("query", "search_path"),
    [
        ("schema=App", '"App"'),
        ("schema=we%22ird", '"we""ird"'),
        ("search_path=app%2Cpublic", "app,public"),
        ("currentSchema=app", "app"),
        ("schema_search_path=app,public", "app,public"),
    ],
)
def test_schema_and_search_path(query: str, search_path: str) -> None:
    assert read(f"postgresql://u@h/d?{query}").search_path == search_path


@pytest.mark.parametrize(
    "query",
    ["connection_limit=1", "pool_timeout=0", "pgbouncer=true", "socket_timeout=3",
     "sslaccept=accept_invalid_certs", "x-migrations-table=a", "x-statement-timeout=1",
     "pool=5", "prepared_statements=false",
     "prepareThreshold=0", "ApplicationName=x", "application_name=x", "pool_max_conns=3",
     "default_query_exec_mode=simple_protocol", "binary_parameters=yes", "statement_timeout=5"],
)  # fmt: skip
def test_what_is_for_other_tools_is_ignored_by_name(query: str) -> None:
    address = read(f"postgresql://u@h/d?{query}&sslmode=require")
    (notice,) = address.notices
    assert query.partition("=")[0].lower() in notice
    assert dict(address.parameters) == {"sslmode": "require"}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("role=admin", "--role"),
        ("sslaccept=strict", "verify-full"),
        ("replication=database", "replication"),
        ("readOnly=true", "Remove it"),
        ("target_session_attrs=standby", "read-write"),
        ("sslmod=require", "Did you mean sslmode?"),
        ("frobnicate=1", "not known"),
        ("sslmode=maybe", "verify-full"),
        ("sslmode", "?name=value"),
    ],
)
def test_what_cannot_be_ignored_is_refused_with_the_way_out(query: str, words: str) -> None:
    error = refused(f"postgresql://u:{CANARY}@h/d?{query}")
    assert words in error.message + error.advice
    assert CANARY not in error.message + error.advice


@pytest.mark.parametrize(
    "text",
    [
        CANARY,
        f"mysql://u:{CANARY}@h/d",
        f"{CANARY}://u:{CANARY}@h/d",
        f"prisma+postgres://x/?api_key={CANARY}",
        f"postgresql://u:{CANARY}@h:port/d",
        f"postgresql://u:{CANARY}@h:99999/d",
        f"postgresql://u:{CANARY}@h:/d?port=x",
        f"postgresql://u:a/{CANARY}@h/d",
        f"postgresql://u:a?{CANARY}=@h/d",
        f"postgresql://u:1?{CANARY}=@h/d",
        f"postgresql://u:1/{CANARY}@h/d",
        f"postgresql://u:a@b/{CANARY}@h/d",
        f"postgresql://u:a@b?{CANARY}@h/d",
        f"postgresql://u:a@b?x={CANARY}@h/d",
        f"postgresql://u:{CANARY}@h/d\nmore",
        f"postgresql://u:{CANARY}%00@h/d",
        f"postgresql://u:{CANARY}%ff@h/d",
        f"postgresql://u:{CANARY}@a b/d",
        f"postgresql://u:{CANARY}@::1/d",
        f"postgresql://u:{CANARY}@[zz]/d",
        f"postgresql://u:{CANARY}@a,b/d?port=1,2,3",
        f"host=h password='{CANARY}",
        f"host=h {CANARY}=x",
        f"host=h password={CANARY} port=x",
    ],
)
def test_what_cannot_be_read_is_never_repeated(text: str) -> None:
    error = refused(text, PGUSER="u")
    assert CANARY not in error.message + error.advice + str(error.detail) + repr(error)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:p@ss/w:o#r?d%zz@h/d",
        "postgresql://u:p@ss/w:o#r?d%zz",
        "postgresql://u:a?b@h/d",
        "postgresql://u:a?b/c@h/d?sslmode=require",
        "postgresql://u:p@ss?word@h/d",
        "postgresql://u:p@ss?w=o&rd@h/d",
    ],
)
def test_a_raw_password_is_told_to_be_encoded(text: str) -> None:
    assert "Percent-encode" in refused(text).advice


def test_a_url_that_is_wrong_or_not_there_is_tried_again() -> None:
    """It mostly comes from a Secret: the operator cannot see that somebody mends it, a new try can."""
    assert meaning(Reason.URL_INVALID).retry is meaning(Reason.URL_MISSING).retry is Retry.COUNT


def test_no_text_names_a_field_that_there_is_not() -> None:
    error = refused("postgresql://u@h/d?role=admin")
    assert "spec." not in error.message + error.advice


def test_blanks_and_quotes_around_it_are_dropped() -> None:
    assert read('  "postgresql://u@h/d"\n').safe == read("postgresql://u@h/d").safe


def test_missing_parts_come_from_the_environment() -> None:
    env = {
        "PGHOST": "e",
        "PGPORT": "6",
        "PGUSER": "eu",
        "PGPASSWORD": "ep",
        "PGDATABASE": "ed",
        "PGSSLMODE": "require",
    }
    assert read("postgresql://", **env).safe == "postgresql://eu@e:6/ed"
    mixed = read("postgresql://u:p@h/d?sslmode=disable", **env)
    assert (mixed.safe, mixed.password) == ("postgresql://u@h:6/d", "p")
    assert dict(mixed.parameters) == {"sslmode": "disable"}
    assert read("postgresql://u@h/d", **env).password == "ep"
    assert read("postgresql://u@h", PGPORT="").database == "u"
    assert read("postgresql://h/d", PGOPTIONS="-c a=b").options == "-c a=b"


def test_a_service_is_left_to_libpq() -> None:
    address = read("postgresql://?service=shop", PGHOST="e", PGUSER="eu", PGPASSWORD="x")
    assert address.keywords() == {"service": "shop"}
    assert address.where == "the server of the service file"


def test_without_a_url_the_variables_count() -> None:
    assert url.from_environment(None, {"PGHOST": "h", "PGUSER": "u"}).safe == "postgresql://u@h:5432/u"
    assert (
        url.from_environment(None, {"DATABASE_URL": "postgresql://a@b/c"}).safe == "postgresql://a@b:5432/c"
    )
    both = {"DATABASE_URL": "postgresql://a@b/c", "PGDATABASE": "x"}
    assert url.from_environment("postgresql://d@e/f", both).safe == "postgresql://d@e:5432/f"


@pytest.mark.parametrize(
    ("given_url", "env", "words"),
    [
        (None, {}, "DATABASE_URL is not set"),
        (None, {"DATABASE_URL": " \n"}, "DATABASE_URL is empty"),
        ("", {"DATABASE_URL": "postgresql://a@b/c"}, "--url is empty"),
        ("", {"PGHOST": "h", "PGDATABASE": "d"}, "--url is empty"),
        (" \n", {"PGSERVICE": "s"}, "--url is empty"),
    ],
)
def test_nothing_named(given_url: str | None, env: dict[str, str], words: str) -> None:
    with pytest.raises(RunnerError, match=words) as caught:
        url.from_environment(given_url, env)
    assert caught.value.reason is Reason.URL_MISSING


def test_secrets_are_known_as_written_and_as_meant() -> None:
    assert set(read("postgresql://u:a%2Fb%21c@h/d?sslpassword=key").secrets) == {"a%2Fb%21c", "a/b!c", "key"}
    assert read("postgresql://u@h/d", PGPASSWORD="env").secrets == ("env",)


@pytest.mark.parametrize(
    ("query", "env", "warned"),
    [
        ("", {}, False),
        ("", {"PGSSLROOTCERT": "/ca.crt"}, True),
        ("?sslmode=prefer", {"PGSSLROOTCERT": "/ca.crt"}, True),
        ("?sslrootcert=/ca.crt&sslmode=disable", {}, True),
        ("?sslmode=require", {"PGSSLROOTCERT": "/ca.crt"}, False),
        ("?sslmode=verify-full", {"PGSSLROOTCERT": "/ca.crt"}, False),
        ("", {"PGSSLROOTCERT": "/ca.crt", "PGSSLMODE": "verify-ca"}, False),
        ("", {"PGSSLROOTCERT": "system"}, False),
    ],
)
def test_an_authority_that_nobody_asks_is_warned_of(query: str, env: dict[str, str], *, warned: bool) -> None:
    address = read(f"postgresql://u:p@h/d{query}", **env)
    assert any("verify-full" in notice for notice in address.notices) is warned
