"""Which addresses ask for tokens of AWS, and which are not fit for them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from switchback.contract.reasons import Reason
from switchback.runner import iam, trouble, url
from switchback.runner.address import Address, Host
from switchback.runner.errors import RunnerError
from switchback.runner.trouble import Said

REGION = {"SWITCHBACK_IAM_REGION": "eu-west-1"}
HOST = "shop.abc.eu-west-1.rds.amazonaws.com"
PARTS = {"PGHOST": HOST, "PGPORT": "5432", "PGDATABASE": "shop", "PGUSER": "shop", "PGSSLMODE": "verify-full"}


def refused(text: str | None, **env: str) -> RunnerError:
    with pytest.raises(RunnerError) as caught:
        url.from_environment(text, REGION | env)
    return caught.value


def test_an_address_without_a_password_gets_tokens() -> None:
    for address in (
        url.from_environment(None, PARTS | REGION),
        url.from_environment(f"postgresql://shop@{HOST}/shop?sslmode=require", REGION),
    ):
        assert address.tokens is not None
        assert (address.tokens.region, address.password, address.notices) == ("eu-west-1", None, ())


def test_without_a_region_there_are_none() -> None:
    assert url.from_environment(None, PARTS).tokens is None
    assert url.from_environment(None, PARTS | {"SWITCHBACK_IAM_REGION": ""}).tokens is None


@pytest.mark.parametrize(
    "env", [{"PGPASSWORD": "secret"}, {"DATABASE_URL": f"postgresql://u:secret@{HOST}/x"}]
)
def test_a_password_comes_first_and_that_is_said(env: dict[str, str]) -> None:
    address = url.from_environment(None, PARTS | REGION | env)
    assert (address.tokens, address.password, address.notices) == (None, "secret", (iam.UNUSED,))


def test_tls_is_asked_for_where_nothing_is_said() -> None:
    assert (
        dict(url.from_environment(f"postgresql://shop@{HOST}/x", REGION).parameters)["sslmode"] == "require"
    )


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_without_tls_no_token_travels(mode: str) -> None:
    for error in (
        refused(f"postgresql://shop@{HOST}/x?sslmode={mode}"),
        refused(None, **PARTS | {"PGSSLMODE": mode}),
    ):
        assert error.reason is Reason.TLS_FAILED
        assert f"sslmode is {mode}" in error.message
        assert "spec.database.connection.sslMode" in (error.advice or "")


@pytest.mark.parametrize(
    "text", ["postgresql://shop@/x", "postgresql:///x?host=/run/pg", "postgresql:///?service=x"]
)
def test_a_token_is_for_one_host_name(text: str) -> None:
    error = refused(text)
    assert error.reason is Reason.URL_INVALID
    assert "names none" in error.message


@pytest.mark.parametrize(
    ("region", "arn"),
    [
        ("eu-west-1", "arn:aws:rds-db:eu-west-1:"),
        ("cn-north-1", "arn:aws-cn:rds-db:cn-north-1:"),
        ("us-gov-west-1", "arn:aws-us-gov:rds-db:us-gov-west-1:"),
    ],
)
def test_a_token_that_is_refused_is_told_with_what_iam_wants(region: str, arn: str) -> None:
    tokens = iam.Tokens(region, ["the-token"])
    address = Address((Host(HOST, 5432),), "shop", "shop user", tokens=tokens)
    said = Said('FATAL:  PAM authentication failed for user "shop user" (the-token)', "28000")
    error = trouble.connecting(said, address, f"{HOST}:5432")
    assert error.reason is Reason.AUTHENTICATION_FAILED
    assert "the-token" not in error.message
    assert 'GRANT rds_iam TO "shop user"' in (error.advice or "")
    assert "rds-db:connect" in (error.advice or "")
    assert arn in (error.advice or "")
    assert "rds_iam" not in (trouble.connecting(said, Address((), "x", "y"), "h").advice or "")


def test_the_connection_loads_nothing_of_aws_before_it_is_wanted() -> None:
    aws = "('boto', 'switchback.aws')"
    seen = f"sorted(name for name in sys.modules if name.startswith({aws}))"
    code = f"import sys, switchback.runner.connect, switchback.runner.opening; print({seen})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
