"""One reader for the database URLs that people have, whatever tool they were written for.

No message here ever repeats the input: a URL that cannot be read may hold its password anywhere. libpq's own
parser is not asked, for its errors repeat it.
"""

from __future__ import annotations

import os
import pwd
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.runner import iam, url_foreign
from switchback.runner import url_params as known
from switchback.runner.address import Address
from switchback.runner.errors import RunnerError
from switchback.runner.roots import SYSTEM
from switchback.runner.url_foreign import EXAMPLE
from switchback.runner.url_hosts import host as full_host
from switchback.runner.url_hosts import hosts as read_hosts
from switchback.runner.url_hosts import with_ports, zipped
from switchback.runner.url_text import ENCODE, decoded, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

_IF_PASSWORD = f"If it is part of the password: {ENCODE}"


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
        raise invalid("it holds a line break or another control character.", "Check how it was pasted.")
    scheme, colon, rest = text.partition("://")
    if not colon and re.match(r"jdbc:postgresql:", text, re.IGNORECASE):
        scheme, rest = "jdbc:postgresql", "/" + text.split(":", 2)[2].lstrip("/")
    elif not colon:
        if re.match(r"\s*[a-z_]+\s*=", text):
            return _complete(_from_words(text), env)
        raise invalid(*url_foreign.form(text))
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.:_-]*", scheme):
        raise invalid(*url_foreign.form(text))
    parts = _from_url(scheme.lower(), rest)
    if parts.jdbc:
        _complete(parts, env)  # what is wrong with it comes first
        raise _translated(parts)
    return _complete(parts, env)


def _translated(parts: _Parts) -> RunnerError:
    """An address of JDBC: refused, for there `ssl` and other words mean something else; said in libpq's."""
    query = dict(parts.parameters)
    if parts.search_path is not None:
        query["search_path"] = parts.search_path
    if parts.options:
        query["options"] = parts.options
    same = url_foreign.translation(
        parts.hosts, parts.user, parts.database, query, secret=bool(parts.password)
    )
    return invalid("it is an address of JDBC.", f"Write it as {same}.")


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
    if other := url_foreign.other(base):
        raise invalid(f"it is an address of {other}, not of PostgreSQL.", f"Write it as {EXAMPLE}.")
    if base.split("+")[0] not in url_foreign.SCHEMES:
        raise invalid("it does not begin with postgresql://.", f"Write it as {EXAMPLE}.")
    end = min((i for i in (rest.find("/"), rest.find("?")) if i >= 0), default=len(rest))
    authority, tail = rest[:end], rest[end:]
    path, _, query = tail.partition("?")
    userinfo, at, hosts = authority.rpartition("@")
    if "@" in path or (not at and "@" in query and not parts.jdbc):
        raise invalid("an @ stands where none can be.", ENCODE)
    if at:
        user, _, password = userinfo.partition(":")
        parts.user, parts.password = decoded(user), decoded(password)
        parts.secrets += [password, parts.password]
    parts.hosts = read_hosts(hosts)
    parts.database = decoded(path[1:])
    _take_query(parts, query)
    return parts


def _take_query(parts: _Parts, query: str) -> None:
    hosts, ports = "", ""
    for pair in filter(None, query.split("&")):
        raw_name, equals, raw = pair.partition("=")
        name, value = decoded(raw_name), decoded(raw)
        part = known.PARTS.get(name.lower())
        if "@" in raw_name or ("@" in raw and part not in {"user", "password"}):
            raise invalid("an @ stands where none can be.", ENCODE)
        if not equals:
            advice = f"Write parameters as ?name=value&name=value. {_IF_PASSWORD}"
            raise invalid("a parameter in it has no value.", advice)
        if part == "password":
            parts.secrets.append(raw)
        if part == "host":
            hosts = f"{hosts},{value}" if hosts else value  # SQLAlchemy names each of several
        elif part == "port":
            ports = value
        else:
            _take(parts, name, value)
    if hosts or ports:
        hosts, found = with_ports(hosts or ",".join(name for name, _ in parts.hosts))
        parts.hosts = zipped(hosts, ports or found, parts.hosts)


def _from_words(text: str) -> _Parts:
    from psycopg import Error  # noqa: PLC0415 - only for those who write it this way
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - same

    try:
        words = {name: str(value) for name, value in conninfo_to_dict(text).items() if value is not None}
    except Error:  # its text repeats the input
        raise invalid(
            "its key=value words are not as libpq wants them.",
            "Put values with blanks or quotes between single quotes, with a backslash before \\ and '.",
        ) from None
    parts = _Parts()
    parts.hosts = zipped(words.pop("host", ""), words.pop("port", ""), ())
    for name, value in words.items():
        _take(parts, name, value)
    return parts


def _take(parts: _Parts, name: str, value: str) -> None:  # noqa: C901, PLR0912 - one flat list of cases
    """Take one parameter in: by its table in `url_params`."""
    key = name.lower()
    part = known.PARTS.get(key)
    if "\0" in value:
        raise invalid("a value in it holds a NUL byte.", "Remove %00.")
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
        raise invalid(
            "target_session_attrs asks for a server where nothing can be changed.", "Use read-write."
        )
    elif key in known.TAKEN:
        if key == "sslpassword":
            parts.secrets.append(value)
        parts.parameters[key] = value
    elif key == "options":
        parts.options = value
    elif found := re.fullmatch(r"options\[([a-z_.]+)\]", key):
        _take_setting(parts, found[1], value)
    elif key in known.SCHEMAS:
        quoted = value.replace('"', '""')
        parts.search_path = f'"{quoted}"'
    elif key in known.SEARCH_PATHS:
        parts.search_path = value
    elif key in known.SETTINGS:
        parts.settings[known.SETTINGS[key]] = value
    elif (key, value) in known.HARMLESS:
        parts.notices.append(f"{key} in the URL has no effect: sslmode says what is verified.")
    elif (why := _ignored(key)) is not None:
        parts.notices.append(f"{key} in the URL has no effect: {why}.")
    elif key in known.REFUSED:
        why, advice = known.REFUSED[key]
        raise invalid(f"{key}: {why}", advice)
    else:
        raise _unknown(key)


def _take_setting(parts: _Parts, name: str, value: str) -> None:
    """`options[name]=value`, as Rust's sqlx writes a setting of the server."""
    if name in known.SEARCH_PATHS:
        parts.search_path = value
    else:
        escaped = "".join(f"\\{c}" if c == "\\" or c.isspace() else c for c in value)
        parts.options = f"{parts.options} -c {name}={escaped}".strip()


def _ignored(key: str) -> str | None:
    for prefix, why in known.IGNORED_PREFIXES.items():
        if key.startswith(prefix):
            return why
    return known.IGNORED.get(key)


def _unknown(key: str) -> RunnerError:
    """Only a near miss of a known word is named: anything else might be a piece of a password."""
    words = [*known.TAKEN, *known.PARTS, *known.SCHEMAS, *known.SEARCH_PATHS, "options", "sslmode"]
    import difflib  # noqa: PLC0415 - only for a wrong word

    near = difflib.get_close_matches(key, words, n=1, cutoff=0.75)
    advice = f"Did you mean {near[0]}?" if near else "Remove it, or put settings of the server into options."
    return invalid("a parameter in it is not known.", f"{advice} {_IF_PASSWORD}")


def _ssl_mode(key: str, value: str, *, jdbc: bool) -> str:
    if key == "ssl" and jdbc and value in {"true", ""}:
        return "verify-full"
    mode = known.SSL_WORDS.get(value, value)
    if mode not in known.SSL_MODES:
        raise invalid(
            f"{key} has a value that is not known.", f"Use one of {', '.join(sorted(known.SSL_MODES))}."
        )
    return mode


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
        hosts = zipped(env.get("PGHOST", ""), port or env.get("PGPORT", ""), ())
    listed = tuple(
        full_host(name, port or env.get("PGPORT", "")) for name, port in hosts if name or not service
    )
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


def _account() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise invalid(
            "it names no user, and this process has no account name.", f"Write it as {EXAMPLE}."
        ) from None
