"""boto3's core as it is used here: sessions, roles, clients. Slow to load; see `switchback.aws`."""

from __future__ import annotations

import contextlib
import functools
import re
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import NoCredentialsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.session import Session

    from switchback.aws.caller import Caller

NAMESPACE_TAG: Final = "switchback-namespace"
"""Tag of an assumed role's session. Policies read it as `aws:PrincipalTag/switchback-namespace`."""


class TooLateError(Exception):
    """Nobody waits for the answer any more."""


_thread = threading.local()
"""When those who wait for what is asked in a thread give up."""

_NOT_IN_SESSION_NAMES = re.compile(r"[^\w+=,.@-]", re.ASCII)


def config(attempts: int) -> Config:
    """How clients behave: they give up a connection quickly, and try again often enough."""
    return Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=3,
        read_timeout=20,
        user_agent_extra="switchback",
    )


def client(caller: Caller, attempts: int) -> Any:
    """A client of RDS. Where the credentials come from and which address is asked is boto3's usual way."""
    return session(caller, attempts).create_client("rds", region_name=caller.region, config=config(attempts))


def session(caller: Caller, attempts: int) -> Session:
    """A session in the name of `caller`. Credentials are fetched when they are needed, and again in time."""
    own = _session()
    if not caller.role:
        return own
    source = own.get_credentials()
    if source is None:
        raise NoCredentialsError
    fetcher = AssumeRoleCredentialFetcher(
        functools.partial(own.create_client, region_name=caller.region, config=config(attempts)),
        source,
        caller.role,
        extra_args=_who(caller),
        cache={},
    )
    assumed = _session()
    assumed._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")  # type: ignore[attr-defined] # noqa: SLF001 - boto3 does it so
    return assumed


@contextlib.contextmanager
def until(end: float) -> Iterator[None]:
    """Inside the block nothing is sent once the monotonic clock has passed `end`; second tries neither."""
    _thread.end = end
    try:
        yield
    finally:
        del _thread.end


def _in_time(**_about: Any) -> None:
    end = getattr(_thread, "end", None)
    if end is not None and time.monotonic() > end:
        raise TooLateError("nobody waits for the answer any more")


def call(client: Any, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for one thing, and return what is answered."""
    answer: dict[str, Any] = getattr(client, xform_name(action))(**arguments)
    return answer


def token(client: Any, host: str, port: int, user: str) -> str:
    """A password for a database, signed with the credentials of this client of RDS."""
    made: str = client.generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user)
    return made


def _who(caller: Caller) -> dict[str, Any]:
    """What AWS is told about the one for whom a role is assumed; its logs and policies can name it."""
    name = f"switchback-{caller.namespace}" if caller.namespace else "switchback"
    who: dict[str, Any] = {"RoleSessionName": _NOT_IN_SESSION_NAMES.sub("-", name)[:64]}
    if caller.external_id:
        who["ExternalId"] = caller.external_id
    if caller.namespace:
        who["Tags"] = [{"Key": NAMESPACE_TAG, "Value": caller.namespace}]
    return who


def _session() -> Session:
    """A session of its own that shares the descriptions of the services: they are the big part of it."""
    made = botocore.session.Session()
    made.register_component("data_loader", _loader())
    # Of all clients of this session, those that fetch its credentials included.
    made.register("before-send", _in_time)
    return made


@functools.cache
def _loader() -> Any:
    return botocore.session.Session().get_component("data_loader")
