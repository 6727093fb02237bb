"""The settings of the command line, and what database URLs may hold, read off their tables."""

from __future__ import annotations

from tables import code, table

from switchback.cli.config_keys import KEYS, URL_ENV
from switchback.runner import url_foreign, url_params


def settings() -> str:
    """Keys, variables, values and defaults."""
    rows = (
        (
            code(key.name),
            "" if key is URL_ENV else code(f"--{key.name}"),
            "" if key is URL_ENV else code(key.variable),
            " / ".join(code(choice) for choice in key.choices) or key.kind.value,
            key.about,
            code(key.default) if key.default and " " not in key.default else key.default,
        )
        for key in KEYS
    )
    return table(("key", "flag", "variable", "value", "what it is", "default"), rows)


def schemes() -> str:
    """What may stand in front."""
    rows = [
        (
            ", ".join(code(f"{scheme}://") for scheme in sorted(url_foreign.SCHEMES)),
            "read; a `+driver` behind it is dropped",
        ),
        ("`r2dbc:postgresql://`", "read"),
        ("`host=… port=… dbname=… user=…`", "read, as libpq's key=value words"),
        (
            code(f"{url_foreign.JDBC}:"),
            "refused, with the translation: its words for TLS mean something else",
        ),
    ]
    for name in dict.fromkeys(url_foreign.OTHERS.values()):
        known = sorted(scheme for scheme, other in url_foreign.OTHERS.items() if other == name)
        rows.append((", ".join(code(f"{scheme}://") for scheme in known), f"refused: {name}"))
    return table(("begins with", "is"), rows)


def understood() -> str:
    """Parameters that count."""
    rows = [
        (_names(url_params.TAKEN), "handed on to libpq"),
        (
            _names(url_params.PARTS),
            "parts of the address; `host` and `socket` also name the folder of a socket",
        ),
        ("`ssl`", f"{_names(url_params.SSL_WORDS)}, or a value of `sslmode`: becomes `sslmode`"),
        (_names(url_params.SCHEMAS), "one schema's name: becomes the search path"),
        (_names(url_params.SEARCH_PATHS), "the search path, as SQL writes it"),
        (_names(url_params.SETTINGS), "settings of the session"),
        ("`options`, `options[NAME]`", "settings of the server, as libpq and sqlx write them"),
    ]
    return table(("parameter", "what becomes of it"), rows)


def ignored() -> str:
    """Parameters without an effect here."""
    why: dict[str, list[str]] = {}
    for name, reason in url_params.IGNORED.items():
        why.setdefault(reason, []).append(name)
    rows = [(_names(names), reason) for reason, names in why.items()]
    rows += [(code(f"{prefix}…"), reason) for prefix, reason in url_params.IGNORED_PREFIXES.items()]
    rows += [(code(f"{name}={value}"), "it asks for nothing") for name, value in sorted(url_params.HARMLESS)]
    return table(("parameter", "why it has no effect"), rows)


def refused() -> str:
    """Parameters that cannot be ignored."""
    rows = [(code(name), why, advice) for name, (why, advice) in url_params.REFUSED.items()]
    values = ", ".join(sorted(url_params.READ_ONLY_ATTRS))
    rows.append(
        ("`target_session_attrs`", f"with {values}: nothing can be changed there.", "Use read-write.")
    )
    return table(("parameter", "why", "what to write"), rows)


def _names(names: object) -> str:
    return ", ".join(code(str(name)) for name in sorted(names))  # type: ignore[call-overload]
