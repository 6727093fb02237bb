"""Another value for a parameter of the server, whatever its type is."""

from __future__ import annotations

from typing import NamedTuple

UNTRIED = {
    "role": "SET ROLE is a case of its own",
    "session_authorization": "SET SESSION AUTHORIZATION is a case of its own",
    "transaction_isolation": "refused: it comes too late",
    "transaction_deferrable": "the same",
    "transaction_read_only": "a case of its own",
    "client_encoding": "a case of its own",
    "exit_on_error": "it asks for the session to end at an error",
}
_WORDS = {
    "DateStyle": "German",
    "TimeZone": "Asia/Kathmandu",
    "application_name": "another",
    "createrole_self_grant": "set, inherit",
    "default_text_search_config": "pg_catalog.simple",
    "default_table_access_method": "heap",
    "restrict_nonsystem_relation_kind": "view",
    "search_path": "pg_catalog",
    "timezone_abbreviations": "Default",
    "wal_consistency_checking": "heap",
    "backtrace_functions": "nothing",
}


class Parameter(NamedTuple):
    """A row of pg_settings."""

    name: str
    kind: str
    now: str
    choices: list[str] | None
    low: str | None
    high: str | None


QUERY = (
    "SELECT name, vartype, setting, enumvals, min_val, max_val FROM pg_settings "
    "WHERE context IN ('user', 'superuser') ORDER BY name"
)


def other(parameter: Parameter) -> str:
    """A value that the parameter may take, other than that of now where there is one."""
    name, kind, now, choices, low, high = parameter
    if name in _WORDS:
        return _WORDS[name]
    if kind == "bool":
        return "off" if now == "on" else "on"
    if kind == "enum" and choices:
        return next((choice for choice in choices if choice != now), now)
    if kind in {"integer", "real"} and low is not None and high is not None:
        least, most = float(low), float(high)
        wished = float(now) + 1 if float(now) + 1 <= most else float(now) - 1
        wished = 60_000.0 if name.endswith("timeout") else wished
        value = wished if least <= wished <= most else least
        return f"{value:.0f}" if kind == "integer" else str(value)
    return now
