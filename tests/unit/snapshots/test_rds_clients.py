"""Sessions and roles: who AWS is asked as, and what is kept between calls."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from switchback.api.reasons import OperatorReason
from switchback.aws import client as client_module
from switchback.aws import sdk
from switchback.aws.caller import Caller
from switchback.aws.client import Aws, Trouble
from switchback.aws.tokens import TokenError, auth_token
from switchback.contract.points import ErrorClass
from switchback.snapshots.provider import Allowance
from tests.unit.snapshots.rds_rig import REGION, RDSRig, fake, intent, provider, rig, wish

if TYPE_CHECKING:
    from pathlib import Path

    from tests.aws.server import FakeAws

__all__ = ["fake", "rig"]

ROLE = "arn:aws:iam::123456789012:role/switchback-shop"


def test_clients_give_up_connections_quickly_and_try_often() -> None:
    made = sdk.client(Caller(REGION), client_module.ATTEMPTS).meta.config
    assert made.retries == {"mode": "standard", "total_max_attempts": 8}
    assert (made.connect_timeout, made.read_timeout) == (3, 20)
    assert made.region_name == REGION


@pytest.mark.asyncio
async def test_a_role_is_assumed_for_a_namespace(rig: RDSRig, fake: FakeAws) -> None:
    rds = provider(rig.aws, Allowance(("shop",), ("shop-*",), role=ROLE, external_id="prod-eu"))
    assert (await rds.request(intent())).failure is None
    (assumed,) = fake.calls("AssumeRole")
    told = assumed["params"]
    assert (told["RoleArn"], told["RoleSessionName"], told["ExternalId"]) == (
        ROLE,
        "switchback-shop",
        "prod-eu",
    )
    assert (told["Tags.member.1.Key"], told["Tags.member.1.Value"]) == ("switchback-namespace", "shop")
    created, own = fake.calls("CreateDBSnapshot")[0], fake.calls("AssumeRole")[0]
    assert created["key"] != own["key"], "signed by the role, not by the operator itself"


@pytest.mark.asyncio
async def test_a_client_is_kept_for_each_role_region_and_namespace(rig: RDSRig, fake: FakeAws) -> None:
    allowed = Allowance(("*",), ("shop-*",), roles=("*",), role=ROLE)
    for _ in range(3):
        await provider(rig.aws, allowed).observe([intent()])
    assert fake.counts()["AssumeRole"] == 1
    await provider(rig.aws, allowed, namespace="bank").observe([intent()])
    assert fake.counts()["AssumeRole"] == 2
    other = wish(roleARN=ROLE.replace("shop", "other"))
    await provider(rig.aws, allowed, spec=other).observe([intent()])
    assert fake.counts()["AssumeRole"] == 3


@pytest.mark.asyncio
async def test_a_role_is_assumed_again_before_it_runs_out(
    rig: RDSRig, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    rds = provider(rig.aws, Allowance(("shop",), ("shop-*",), role=ROLE))
    await rds.observe([intent()])
    ahead = _an_hour_ahead()
    monkeypatch.setattr("botocore.credentials._local_now", ahead)
    for one in rig.aws._clients.values():  # noqa: SLF001
        one._request_signer._credentials._time_fetcher = ahead  # noqa: SLF001
    await rds.observe([intent()])
    assert fake.counts()["AssumeRole"] == 2


def _an_hour_ahead() -> Any:
    from datetime import datetime, timedelta  # noqa: PLC0415

    from dateutil.tz import tzlocal  # type: ignore[import-untyped] # noqa: PLC0415

    return lambda: datetime.now(tzlocal()) + timedelta(minutes=58)


@pytest.mark.asyncio
async def test_a_role_that_may_not_be_assumed_is_told(rig: RDSRig, fake: FakeAws) -> None:
    fake.fault("AssumeRole", times=None, error="AccessDenied")
    rds = provider(rig.aws, Allowance(("shop",), ("shop-*",), role=ROLE))
    (finding,) = await rds.preflight(intent())
    assert (finding.failure.kind, finding.failure.reason) == (
        ErrorClass.NEEDS_HUMAN,
        OperatorReason.SNAPSHOT_ACCESS_DENIED,
    )
    assert "AssumeRole" in finding.failure.message
    assert ROLE in finding.failure.message


@pytest.mark.asyncio
async def test_the_service_account_of_the_pod_is_enough(
    rig: RDSRig, fake: FakeAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """IAM roles for service accounts: a file with a token, and a role in the environment."""
    token = tmp_path / "token"
    token.write_text("a.b.c")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    assert (await provider(Aws(attempts=1)).request(intent())).failure is None
    (assumed,) = fake.calls("AssumeRoleWithWebIdentity")
    assert assumed["params"]["RoleArn"] == ROLE
    # And from there to the role of a tenant.
    chained = provider(
        Aws(attempts=1), Allowance(("shop",), ("shop-*",), role=ROLE.replace("shop", "tenant"))
    )
    assert (await chained.request(intent())).failure is None
    assert fake.counts()["AssumeRole"] == 1
    token.unlink()
    (finding,) = await provider(Aws(attempts=1)).preflight(intent())
    assert finding.failure.reason == OperatorReason.SNAPSHOT_ACCESS_DENIED
    assert "token" in finding.failure.message


@pytest.mark.asyncio
@pytest.mark.parametrize("role", ["", ROLE])
async def test_without_any_credentials_somebody_has_to_act(
    rig: RDSRig, fake: FakeAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, role: str
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    (finding,) = await provider(Aws(attempts=1), Allowance(("*",), ("*",), role=role)).preflight(intent())
    assert (finding.failure.kind, finding.failure.reason) == (
        ErrorClass.NEEDS_HUMAN,
        OperatorReason.SNAPSHOT_ACCESS_DENIED,
    )
    assert "Unable to locate credentials" in finding.failure.message
    assert fake.counts() == {}


@pytest.mark.asyncio
async def test_a_place_that_is_none(rig: RDSRig) -> None:
    with pytest.raises(Trouble) as raised:
        await rig.aws.ask(Caller("-"), "DescribeDBInstances")
    assert raised.value.failure.reason == OperatorReason.SNAPSHOT_SOURCE_NOT_FOUND


@pytest.mark.asyncio
async def test_only_so_many_clients_are_kept(
    rig: RDSRig, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MOST_CLIENTS", 3)
    for region in ("eu-west-1", "eu-west-2", "eu-west-3", "eu-west-1", "eu-north-1"):
        await rig.aws.ask(Caller(region), "DescribeDBInstances")
    assert [one.region for one in rig.aws._clients] == ["eu-west-3", "eu-west-1", "eu-north-1"]  # noqa: SLF001


@pytest.mark.asyncio
async def test_few_calls_run_at_once_and_none_in_the_loop(rig: RDSRig, fake: FakeAws) -> None:
    few = Aws(attempts=1, threads=2)
    seen: list[int] = []

    def note(_call: Any) -> None:
        seen.append(sum(one.name.startswith("aws_") for one in threading.enumerate()))

    fake.fault("*", times=None, delay=0.1, before=note)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    heart = asyncio.create_task(beat())
    await asyncio.gather(*(few.ask(Caller(REGION), "DescribeDBInstances") for _ in range(6)))
    heart.cancel()
    assert beats > 10, "whatever blocks runs elsewhere"
    assert len(seen) == 6
    few.close()


@pytest.mark.asyncio
async def test_a_name_that_nobody_knows_leads_nowhere() -> None:
    aws = Aws()
    assert await aws.addresses("127.0.0.1") == {"127.0.0.1"}
    assert await aws.addresses("no-such-name.invalid") == frozenset()
    assert await aws.addresses("x" * 300) == frozenset()


@pytest.mark.asyncio
async def test_a_resolver_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RESOLVING", 0.1)
    ended = threading.Event()

    def slow(_host: str) -> frozenset[str]:
        ended.wait(10)
        return frozenset(("10.0.0.1",))

    assert await Aws(resolve=slow).addresses("x") == frozenset()
    ended.set()


# --- logging in to the database -----------------------------------------------------------------------------


def test_a_password_is_signed_for_host_port_and_user(fake: FakeAws) -> None:
    token = auth_token("shop-prod.example", 5432, "app", REGION)
    parts = urlsplit(f"https://{token}")
    asked = {key: one[0] for key, one in parse_qs(parts.query).items()}
    assert (parts.hostname, parts.port) == ("shop-prod.example", 5432)
    assert (asked["Action"], asked["DBUser"], asked["X-Amz-Expires"]) == ("connect", "app", "900")
    assert f"/{REGION}/rds-db/" in asked["X-Amz-Credential"]
    assert fake.counts() == {}, "nobody is asked for it"


def test_no_credentials_no_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(TokenError, match=r"no token for app at shop\.example:5432: .*credentials"):
        auth_token("shop.example", 5432, "app", REGION)


def test_nobody_pays_for_boto3_by_importing_the_provider() -> None:
    code = (
        "import sys, switchback.snapshots.registry, switchback.aws.tokens; print('botocore' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"
