"""`spec.checks`: what has to hold before and after schema and traffic change. Jobs look, not the operator."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from switchback.api.base import (
    ATOMIC,
    DataKey,
    ImageReference,
    Model,
    ObjectName,
    exactly_one_of,
    rule,
    rules,
)
from switchback.api.snapshots import Argument
from switchback.contract.words import CheckStage

HOUR = 60 * 60

_NUMBER = r"^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,3})?$"
_URL = r"^https?://[^\s/?#@]+([/?#][^\s]*)?$"


class Comparison(StrEnum):
    """How a value is compared with what is expected."""

    LESS = "LessThan"
    LESS_OR_EQUAL = "LessThanOrEqual"
    EQUAL = "Equal"
    NOT_EQUAL = "NotEqual"
    GREATER_OR_EQUAL = "GreaterThanOrEqual"
    GREATER = "GreaterThan"


class EmptyResult(StrEnum):
    """What a query without a result means."""

    FAIL = "Fail"
    PASS = "Pass"  # noqa: S105 - no secret


class SecretKey(Model):
    """One key of one Secret in the namespace of the resource. Only the pods of its Jobs read it."""

    name: ObjectName
    """Name of the Secret."""
    key: DataKey
    """Key in the Secret's data."""


class HeaderSource(Model):
    """A value that is kept in a Secret."""

    secret_key_ref: SecretKey
    """Where the value is kept."""


class Header(Model):
    """A header of a request. Exactly one of value and valueFrom."""

    model_config = ConfigDict(json_schema_extra=exactly_one_of("value", "valueFrom"))

    name: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[-A-Za-z0-9!#$%&'*+.^_`|~]+$")]
    """Name of the header."""
    value: Annotated[str | None, Field(max_length=1024, pattern=r"^[^\x00\r\n]*$")] = None
    """Its value."""
    value_from: HeaderSource | None = None
    """Where a value is kept that nobody should read here, such as a token."""


class HTTPGet(Model):
    """A GET on a new connection each time. Redirects are not followed."""

    url: Annotated[str, Field(min_length=1, max_length=2048, pattern=_URL)]
    """What is asked for, such as http://shop-web/health. Names resolve as in any pod of the namespace."""
    expect_status: Annotated[int, Field(ge=200, le=599)] = 200
    """The status code of a good answer."""
    expect_body: Annotated[str, Field(max_length=1024)] = ""
    """Text that a good answer contains in its first 64 KiB. Empty: anything."""
    headers: Annotated[tuple[Header, ...], Field(max_length=16, json_schema_extra=ATOMIC)] = ()
    """Headers of the request."""


class SQL(Model):
    """A query in a read-only transaction on spec.database, by the user that migrates."""

    query: Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]
    """One statement. It passes when its first row's first column is as expected."""
    expect_value: Annotated[str, Field(max_length=256)] = "t"
    """That column as text; t is true. Without any row the check fails."""


class Prometheus(Model):
    """An instant query. Every value of its result is compared."""

    server: Annotated[str, Field(alias="serverURL", min_length=1, max_length=1024, pattern=_URL)]
    """Address of the server, such as http://prometheus.monitoring:9090, without /api."""
    query: Annotated[str, Field(min_length=1, max_length=4096)]
    """The query in PromQL. It gives a scalar or a vector."""
    comparison: Comparison = Comparison.LESS
    """How each value is compared with expectValue."""
    expect_value: Annotated[str, Field(min_length=1, max_length=64, pattern=_NUMBER)]
    """The number to compare with, as text: a JSON number could not hold every value."""
    empty_result: EmptyResult = EmptyResult.FAIL
    """What an empty vector means. NaN always fails."""
    headers: Annotated[tuple[Header, ...], Field(max_length=16, json_schema_extra=ATOMIC)] = ()
    """Headers of the request, such as X-Scope-OrgID."""


class Command(Model):
    """A command in an image of yours: exit code 0 passes. The image needs /bin/sh."""

    image: ImageReference
    """The image."""
    command: Annotated[tuple[Argument, ...], Field(min_length=1, max_length=64, json_schema_extra=ATOMIC)]
    """The command with its arguments. When its time is over, it is killed with all that it has started."""


class Check(Model):
    """One thing that has to hold. Exactly one of httpGet, sql, prometheus and command."""

    model_config = ConfigDict(json_schema_extra=exactly_one_of("httpGet", "sql", "prometheus", "command"))

    name: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    """Its name, in status and messages."""
    stages: Annotated[
        tuple[CheckStage, ...],
        Field(
            min_length=1,
            max_length=4,
            json_schema_extra={
                **ATOMIC,
                **rules(rule("self.all(x, self.exists_one(y, y == x))", "each stage once")),
            },
        ),
    ]
    """When it runs. AfterCutover runs for the whole soak; the others end with the first success."""
    http_get: Annotated[HTTPGet | None, Field(alias="httpGet")] = None
    """Ask a URL."""
    sql: SQL | None = None
    """Ask the database."""
    prometheus: Prometheus | None = None
    """Ask Prometheus."""
    command: Command | None = None
    """Run a command."""
    period_seconds: Annotated[int, Field(ge=1, le=HOUR)] = 5
    """Time from one try to the next."""
    timeout_seconds: Annotated[int, Field(ge=1, le=HOUR)] = 2
    """Longest time for one try, from looking up the name to the whole answer. No answer is a failure."""
    failure_threshold: Annotated[int, Field(ge=1, le=100)] = 3
    """How many failures in a row fail the check."""
