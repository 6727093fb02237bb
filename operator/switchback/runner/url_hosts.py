"""Hosts and ports of an address: one or several, names, numeric addresses and sockets."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path

from switchback.runner.address import Host
from switchback.runner.url_text import ENCODE, decoded, invalid

DEFAULT_PORT = 5432
SOCKET_FOLDERS = ("/var/run/postgresql", "/tmp")  # noqa: S108 - where servers put their sockets


def hosts(text: str) -> tuple[tuple[str, str], ...]:
    """Hosts and ports as they stand between `@` and `/`."""
    found: list[tuple[str, str]] = []
    for one in text.split(",") if text else ():
        bracketed = re.fullmatch(r"\[([^\[\]]*)\](?::(.*))?", one)
        if bracketed is None and one.count(":") > 1:
            raise invalid("a host has several colons.", f"Write an IPv6 address as [::1]:5432. {ENCODE}")
        if bracketed is not None and not _is_address(decoded(bracketed.group(1))):
            raise invalid("between [ and ] is no IPv6 address.", "Write an IPv6 address as [::1]:5432.")
        if bracketed is not None:
            name, port = bracketed.group(1), bracketed.group(2) or ""
        else:
            name, _, port = one.partition(":")
        found.append((decoded(name), decoded(port)))
    return tuple(found)


def with_ports(hosts: str) -> tuple[str, str]:
    """Hosts, and the ports that stand behind them, as `a:1,b:2` says (SQLAlchemy)."""
    split = [re.fullmatch(r"([^:/\[\]]+):([0-9]+)", one) for one in hosts.split(",")]
    if not any(split):
        return hosts, ""
    pairs = [
        (one, "") if found is None else found.groups()
        for one, found in zip(hosts.split(","), split, strict=True)
    ]
    return ",".join(name for name, _ in pairs), ",".join(port for _, port in pairs)


def zipped(hosts: str, ports: str, before: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Hosts and ports as lists with commas; one port counts for all, as in libpq."""
    names, numbers = hosts.split(",") if hosts else [""], ports.split(",") if ports else [""]
    if len(numbers) == 1:
        numbers = numbers * len(names)
    if len(names) != len(numbers):
        raise invalid(
            f"it names {len(names)} hosts and {len(numbers)} ports.", "Name one port, or one per host."
        )
    known_ports = dict(before)
    return tuple((name, port or known_ports.get(name, "")) for name, port in zip(names, numbers, strict=True))


def host(name: str, port: str) -> Host:
    """One host, with what is missing filled in: the port, and where a socket is."""
    if port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 2**16):
        raise invalid("the port is not a number between 1 and 65535.", ENCODE)
    number = int(port) if port else DEFAULT_PORT
    if ":" in name and not name.startswith("/") and not _is_address(name):
        raise invalid("a host has colons and is no IPv6 address.", "Write an IPv6 address as [::1]:5432.")
    if not name.startswith(("/", "@")) and (not name.isprintable() or re.search(r"[\s/@?#\\'\"]", name)):
        raise invalid("the host holds characters that no host name has.", ENCODE)
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
