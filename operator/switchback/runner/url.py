"""One reader for the database URLs that people have, whatever tool they were written for.

No message here ever repeats the input: a URL that cannot be read may hold its password anywhere. libpq's own
parser is not asked, for its errors repeat it.
"""

from __future__ import annotations

import difflib
import os
import pwd
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner import iam
from switchback.runner import url_params as known
from switchback.runner.address import Address, Host
from switchback.runner.errors import RunnerError
from switchback.runner.roots import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 5432
SOCKET_FOLDERS = ("/var/run/postgresql", "/tmp")  # noqa: S108 - where servers put their sockets
EXAMPLE = "postgresql://user:password@host:5432/database"
_ENCODE = "Percent-encode special characters of the password (@ is %40, / is %2F, ? is %3F, # is %23)."
_IF_PASSWORD = f"If it is part of the password: {_ENCODE}"

_SCHEMES = frozenset(
    {
        "postgres",
        "postgresql",
        "pgsql",
        "psql",
        "pgx",
        "pgx4",
        "pgx5",
        "postgis",
        "ecto",
        "pdo-pgsql",
        "pdo_pgsql",
    }
)
_OTHERS = {
    **dict.fromkeys(("mysql", "mysql2", "mariadb", "mysqlx"), "MySQL"),
    **dict.fromkeys(("sqlite", "sqlite3", "file", "libsql"), "SQLite"),
    **dict.fromkeys(("mongodb", "mongodb+srv"), "MongoDB"),
    **dict.fromkeys(("sqlserver", "mssql"), "SQL Server"),
    **dict.fromkeys(("oracle",), "Oracle"),
    **dict.fromkeys(("redis", "rediss"), "Redis"),
    **dict.fromkeys(("http", "https"), "the web"),
    **dict.fromkeys(("prisma", "prisma+postgres"), "Prisma's proxy"),
}


def from_environment(url: str | None, environ: Mapping[str, str] | None = None) -> Address:
    """The address in `url`, else in DATABASE_URL, else in libpq's own variables.

    Args:
        url: what --url says, if it was given; an empty one is a variable that was not set, and names nothing.
        environ: the environment; the process's own by default.

    Raises:
        RunnerError: `UrlMissing`, `UrlInvalid`.
    """
    env = os.environ if environ is None else environ
    text = env.get("DATABASE_URL", "") if url is None else url
    if text.strip():
        return read(text, env)
    if url is None and any(env.get(name) for name in ("PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE")):
        return _complete(_Parts(), env)
    what = "DATABASE_URL is empty" if "DATABASE_URL" in env else "DATABASE_URL is not set"
    raise RunnerError(
        Reason.URL_MISSING,
        f"No database is named: {what if url is None else '--url is empty'}.",
        f"Set DATABASE_URL to {EXAMPLE}, or set PGHOST, PGDATABASE, PGUSER and PGPASSWORD.",
    )


def read(text: str, environ: Mapping[str, str] | None = None) -> Address:
    """The address in a URL or in libpq's `key=value` words; what it leaves out comes from PG* variables.

    Raises:
        RunnerError: `UrlInvalid`. Its message holds nothing of the input but known words.
    """
    env = os.environ if environ is None else environ
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    if any(ord(c) < ord(" ") or c == "\x7f" for c in text):
        raise _invalid("it holds a line break or another control character.", "Check how it was pasted.")
    scheme, colon, rest = text.partition("://")
    if not colon and re.match(r"jdbc:postgresql:", text, re.IGNORECASE):
        scheme, rest = "jdbc:postgresql", "/" + text.split(":", 2)[2].lstrip("/")
    elif not colon:
        if re.match(r"\s*[a-z_]+\s*=", text):
            return _complete(_from_words(text), env)
        raise _invalid("it does not begin with postgresql://.", f"Write it as {EXAMPLE}.")
    return _complete(_from_url(scheme.lower(), rest), env)


def _invalid(why: str, advice: str) -> RunnerError:
    return RunnerError(Reason.URL_INVALID, f"The database URL cannot be read: {why}", advice)


@dataclass
class _Parts:
    """What was read so far. `given` holds the parameters by name in small letters."""

    user: str = ""
    password: str = ""
    hosts: tuple[tuple[str, str], ...] = ()
    database: str = ""
    jdbc: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    options: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    search_path: str | None = None
    notices: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)


def _from_url(scheme: str, rest: str) -> _Parts:
    parts = _Parts(jdbc="jdbc:" in scheme)
    base = scheme.rpartition("jdbc:")[2].rpartition("r2dbc:")[2].removeprefix("pool:")
    if base in _OTHERS or base.split("+")[0] in _OTHERS:
        other = _OTHERS.get(base) or _OTHERS[base.split("+")[0]]
        raise _invalid(f"it is an address of {other}, not of PostgreSQL.", f"Write it as {EXAMPLE}.")
    if base.split("+")[0] not in _SCHEMES:
        raise _invalid("it does not begin with postgresql://.", f"Write it as {EXAMPLE}.")
    end = min((i for i in (rest.find("/"), rest.find("?")) if i >= 0), default=len(rest))
    authority, tail = rest[:end], rest[end:]
    path, _, query = tail.partition("?")
    userinfo, at, hosts = authority.rpartition("@")
    if "@" in path or (not at and "@" in query and not parts.jdbc):
        raise _invalid("an @ stands where none can be.", _ENCODE)
    if at:
        user, _, password = userinfo.partition(":")
        parts.user, parts.password = _decoded(user), _decoded(password)
        parts.secrets += [password, parts.password]
    parts.hosts = _hosts(hosts)
    parts.database = _decoded(path[1:])
    _take_query(parts, query)
    return parts


def _take_query(parts: _Parts, query: str) -> None:
    hosts, ports = "", ""
    for pair in filter(None, query.split("&")):
        raw_name, equals, raw = pair.partition("=")
        name, value = _decoded(raw_name), _decoded(raw)
        part = known.PARTS.get(name.lower())
        if "@" in raw_name or ("@" in raw and part not in {"user", "password"}):
            raise _invalid("an @ stands where none can be.", _ENCODE)
        if not equals:
            advice = f"Write parameters as ?name=value&name=value. {_IF_PASSWORD}"
            raise _invalid("a parameter in it has no value.", advice)
        if part == "password":
            parts.secrets.append(raw)
        if part == "host":
            hosts = value
        elif part == "port":
            ports = value
        else:
            _take(parts, name, value)
    if hosts or ports:
        parts.hosts = _zipped(hosts or ",".join(name for name, _ in parts.hosts), ports, parts.hosts)


def _from_words(text: str) -> _Parts:
    from psycopg import Error  # noqa: PLC0415 - only for those who write it this way
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - same

    try:
        words = {name: str(value) for name, value in conninfo_to_dict(text).items() if value is not None}
    except Error:  # its text repeats the input
        raise _invalid(
            "its key=value words are not as libpq wants them.",
            "Put values with blanks or quotes between single quotes, with a backslash before \\ and '.",
        ) from None
    parts = _Parts()
    parts.hosts = _zipped(words.pop("host", ""), words.pop("port", ""), ())
    for name, value in words.items():
        _take(parts, name, value)
    return parts


def _take(parts: _Parts, name: str, value: str) -> None:  # noqa: C901, PLR0912 - one flat list of cases
    """Take one parameter in: by its table in `url_params`."""
    key = name.lower()
    part = known.PARTS.get(key)
    if "\0" in value:
        raise _invalid("a value in it holds a NUL byte.", "Remove %00.")
    if part == "user":
        parts.user = value
    elif part == "password":
        parts.password = value
        parts.secrets.append(value)
    elif part == "dbname":
        parts.database = value
    elif key in {"ssl", "sslmode"}:
        parts.parameters["sslmode"] = _ssl_mode(key, value.lower(), jdbc=parts.jdbc)
    elif key == "target_session_attrs" and value in known.READ_ONLY_ATTRS:
        raise _invalid(
            "target_session_attrs asks for a server where nothing can be changed.", "Use read-write."
        )
    elif key in known.TAKEN:
        if key == "sslpassword":
            parts.secrets.append(value)
        parts.parameters[key] = value
    elif key == "options":
        parts.options = value
    elif key in known.SCHEMAS:
        quoted = value.replace('"', '""')
        parts.search_path = f'"{quoted}"'
    elif key in known.SEARCH_PATHS:
        parts.search_path = value
    elif key in known.SETTINGS:
        parts.settings[known.SETTINGS[key]] = value
    elif key == "sslaccept" and value == "accept_invalid_certs":
        parts.notices.append(f"{key} in the URL has no effect: sslmode says what is verified.")
    elif (why := _ignored(key)) is not None:
        parts.notices.append(f"{key} in the URL has no effect: {why}.")
    elif key in known.REFUSED:
        why, advice = known.REFUSED[key]
        raise _invalid(f"{key}: {why}", advice)
    else:
        raise _unknown(key)


def _ignored(key: str) -> str | None:
    for prefix, why in known.IGNORED_PREFIXES.items():
        if key.startswith(prefix):
            return why
    return known.IGNORED.get(key)


def _unknown(key: str) -> RunnerError:
    """Only a near miss of a known word is named: anything else might be a piece of a password."""
    words = [*known.TAKEN, *known.PARTS, *known.SCHEMAS, *known.SEARCH_PATHS, "options", "sslmode"]
    near = difflib.get_close_matches(key, words, n=1, cutoff=0.75)
    advice = f"Did you mean {near[0]}?" if near else "Remove it, or put settings of the server into options."
    return _invalid("a parameter in it is not known.", f"{advice} {_IF_PASSWORD}")


def _ssl_mode(key: str, value: str, *, jdbc: bool) -> str:
    if key == "ssl" and jdbc and value in {"true", ""}:
        return "verify-full"
    mode = known.SSL_WORDS.get(value, value)
    if mode not in known.SSL_MODES:
        raise _invalid(
            f"{key} has a value that is not known.", f"Use one of {', '.join(sorted(known.SSL_MODES))}."
        )
    return mode


def _hosts(text: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for one in text.split(",") if text else ():
        bracketed = re.fullmatch(r"\[([^\[\]]*)\](?::(.*))?", one)
        if bracketed is None and one.count(":") > 1:
            raise _invalid("a host has several colons.", f"Write an IPv6 address as [::1]:5432. {_ENCODE}")
        if bracketed is not None and not _is_address(_decoded(bracketed.group(1))):
            raise _invalid("between [ and ] is no IPv6 address.", "Write an IPv6 address as [::1]:5432.")
        if bracketed is not None:
            name, port = bracketed.group(1), bracketed.group(2) or ""
        else:
            name, _, port = one.partition(":")
        found.append((_decoded(name), _decoded(port)))
    return tuple(found)


def _zipped(hosts: str, ports: str, before: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Hosts and ports as lists with commas; one port counts for all, as in libpq."""
    names, numbers = hosts.split(",") if hosts else [""], ports.split(",") if ports else [""]
    if len(numbers) == 1:
        numbers = numbers * len(names)
    if len(names) != len(numbers):
        raise _invalid(
            f"it names {len(names)} hosts and {len(numbers)} ports.", "Name one port, or one per host."
        )
    known_ports = dict(before)
    return tuple((name, port or known_ports.get(name, "")) for name, port in zip(names, numbers, strict=True))


def _decoded(text: str) -> str:
    """Percent-decoded; a percent sign that begins no code stands for itself, as most drivers have it."""
    raw = re.sub(
        rb"%([0-9A-Fa-f]{2})",
        lambda found: bytes([int(found.group(1), 16)]),
        text.encode("utf-8", "surrogateescape"),
    )
    try:
        decoded = raw.decode()
    except UnicodeDecodeError:
        raise _invalid("a percent-encoded part of it is not UTF-8.", _ENCODE) from None
    if "\0" in decoded:
        raise _invalid("a value in it holds a NUL byte.", "Remove %00.")
    return decoded


_FROM_ENVIRONMENT = (
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("hostaddr", "PGHOSTADDR"),
)
"""Parameters that come from a variable where the address does not say its own."""

_NOT_INSISTING = frozenset({"disable", "allow", "prefer"})
_UNASKED = (
    "a certificate authority is named (sslrootcert, PGSSLROOTCERT, spec.database.caFrom), but sslmode does "
    "not insist on it, and takes a connection without TLS, too: say sslmode=verify-full in the URL."
)


def _complete(parts: _Parts, env: Mapping[str, str]) -> Address:
    """Fill what is missing: from PG* variables, then as libpq would."""
    given = parts.parameters
    service = given.get("service") or env.get("PGSERVICE", "")
    if service:
        given["service"] = service
    for keyword, variable in _FROM_ENVIRONMENT:
        if env.get(variable) and keyword not in given and not service:
            given[keyword] = env[variable]
    root = given.get("sslrootcert", "")
    if root and root != SYSTEM and given.get("sslmode", "prefer") in _NOT_INSISTING and not service:
        parts.notices.append(_UNASKED)
    password = parts.password or ("" if service else env.get("PGPASSWORD", ""))
    user = parts.user or ("" if service else env.get("PGUSER", "") or _account())
    database = parts.database or ("" if service else env.get("PGDATABASE", "") or user)
    hosts = parts.hosts
    if not any(name for name, _ in hosts) and not service:
        port = hosts[0][1] if hosts else ""
        hosts = _zipped(env.get("PGHOST", ""), port or env.get("PGPORT", ""), ())
    listed = tuple(_host(name, port or env.get("PGPORT", "")) for name, port in hosts if name or not service)
    region = env.get(iam.VARIABLE, "")
    if region and password:
        parts.notices.append(iam.UNUSED)
    elif region:
        given.setdefault("sslmode", "require")
    return Address(
        hosts=listed,
        database=database,
        user=user,
        password=password or None,
        parameters=tuple(sorted(given.items())),
        options=parts.options or env.get("PGOPTIONS", ""),
        settings=tuple(sorted(parts.settings.items())),
        search_path=parts.search_path,
        notices=tuple(dict.fromkeys(parts.notices)),
        secrets=tuple(dict.fromkeys(filter(None, [*parts.secrets, password]))),
        tokens=iam.tokens_for(region, listed, given) if region and not password else None,
    )


def _host(name: str, port: str) -> Host:
    if port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 2**16):
        raise _invalid("the port is not a number between 1 and 65535.", _ENCODE)
    number = int(port) if port else DEFAULT_PORT
    if ":" in name and not name.startswith("/") and not _is_address(name):
        raise _invalid("a host has colons and is no IPv6 address.", "Write an IPv6 address as [::1]:5432.")
    if not name.startswith(("/", "@")) and (not name.isprintable() or re.search(r"[\s/@?#\\'\"]", name)):
        raise _invalid("the host holds characters that no host name has.", _ENCODE)
    return Host(name or _socket_folder(number), number)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _socket_folder(port: int) -> str:
    """Where a server on this machine listens, when no host is named: the first folder that has its socket."""
    for folder in SOCKET_FOLDERS:
        if Path(folder, f".s.PGSQL.{port}").exists():
            return folder
    return SOCKET_FOLDERS[0]


def _account() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise _invalid(
            "it names no user, and this process has no account name.", f"Write it as {EXAMPLE}."
        ) from None
