"""Which database to connect to, as whom: what the URL reader gives and the connection takes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from switchback.runner.iam import Tokens


@dataclass(frozen=True)
class Host:
    """Where a server listens: a name, an address, or the folder of a socket (it begins with a slash)."""

    name: str
    port: int

    @property
    def text(self) -> str:
        """`name:port`, `[address]:port` or the path of the socket."""
        if self.name.startswith("/"):
            return f"{self.name}/.s.PGSQL.{self.port}"
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


@dataclass(frozen=True)
class Address:
    """Which database to connect to, as whom.

    Attributes:
        hosts: in the order in which they are tried. Empty when a service file names them.
        database: its name.
        user: the role that logs in.
        password: in clear, or None; a passfile or PGPASSFILE may hold it then.
        parameters: further keywords of libpq.
        options: start-up options that the URL or PGOPTIONS named, as libpq writes them.
        settings: settings of the server for the session, by name.
        search_path: as SQL writes it, or None.
        notices: sentences about what was ignored.
        secrets: what must never be shown, as it was written and as it is meant.
        tokens: makes the password of each attempt to connect, where there is none to be had; else None.
    """

    hosts: tuple[Host, ...]
    database: str
    user: str
    password: str | None = field(default=None, repr=False)
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    options: str = field(default="", repr=False)
    settings: tuple[tuple[str, str], ...] = ()
    search_path: str | None = None
    notices: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    tokens: Tokens | None = field(default=None, repr=False)

    @property
    def hidden(self) -> tuple[str, ...]:
        """Everything that must never be shown by now: `secrets`, and the tokens that were made."""
        return self.secrets if self.tokens is None else (*self.secrets, *self.tokens.secrets)

    @property
    def where(self) -> str:
        """`host:port`, or several with commas."""
        return shown(",".join(host.text for host in self.hosts)) or "the server of the service file"

    @property
    def safe(self) -> str:
        """The address for people, as a URL without its password."""
        hosts = ",".join(
            quote(h.name, safe="") + f":{h.port}" if h.name[:1] == "/" else h.text for h in self.hosts
        )
        return shown(f"postgresql://{quote(self.user)}@{hosts}/{quote(self.database)}")

    def keywords(self, host: Host | None = None) -> dict[str, str]:
        """Keywords of libpq for `psycopg.conninfo.make_conninfo`: for one host, or for all of them."""
        hosts = self.hosts if host is None else (host,)
        found = dict(self.parameters) | {"user": self.user, "dbname": self.database}
        if self.password is not None:
            found["password"] = self.password
        if host is not None and len(addresses := found.get("hostaddr", "").split(",")) == len(self.hosts):
            found["hostaddr"] = addresses[self.hosts.index(host)]
        if hosts:
            found["host"] = ",".join(h.name for h in hosts)
            found["port"] = ",".join(str(h.port) for h in hosts)
        return {keyword: value for keyword, value in found.items() if value}


def shown(text: str) -> str:
    """`text` without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)


def with_database(address: Address, database: str) -> Address:
    """The same server and user, another database."""
    return replace(address, database=database)
