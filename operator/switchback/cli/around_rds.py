"""A snapshot of Amazon RDS before a rollback by hand: asked for, watched until it is there, and verified."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

from switchback.api.names import snapshot_name
from switchback.api.snapshots import Snapshot
from switchback.aws.client import Aws
from switchback.cli.console import duration
from switchback.contract.points import ErrorClass, Intent, Level, Ownership, Phase, Purpose, Subject
from switchback.contract.reasons import Reason
from switchback.runner import clock
from switchback.runner.errors import RunnerError
from switchback.runner.iam import VARIABLE as IAM_REGION
from switchback.snapshots.provider import Allowance, Tools
from switchback.snapshots.rds import RDS
from switchback.snapshots.rds_names import identifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchback.contract.points import Failure, Observation
    from switchback.runner.operations.base import Facts
    from switchback.runner.session import Session

REGIONS = (IAM_REGION, "AWS_REGION", "AWS_DEFAULT_REGION")
WHO = "laptop"
"""Stands where a resource has its namespace and installation, so that no operator takes it for its own."""
SECONDS = 3600.0
TELL_EVERY = 30.0
PACE = 5.0


def provider(instance: str) -> RDS:
    """What asks RDS about one instance.

    Raises:
        RunnerError: `Usage`: no region is named, or that can be no instance.
    """
    region = next((os.environ[name] for name in REGIONS if os.environ.get(name)), "")
    if not region:
        raise RunnerError(
            Reason.USAGE, "The region of the instance is not known.", f"Set {' or '.join(REGIONS[:2])}."
        )
    try:
        spec = Snapshot.model_validate({"rds": {"instance": instance, "region": region}})
    except ValueError:
        raise RunnerError(
            Reason.USAGE,
            f"{instance} in {region} can be no instance of RDS.",
            "Name the DB instance by its identifier, as in --snapshot rds:shop-prod.",
        ) from None
    everything = Allowance(("*",), ("*",))  # whoever calls has the rights of their own credentials
    return RDS(spec, WHO, Tools(None, WHO, (everything,), Aws()))


def take(provider: RDS, session: Session, facts: Facts, say: Callable[[str], None]) -> str:
    """Take a snapshot while the lock is held. Gives its identifier.

    Raises:
        RunnerError: there is none, or the instance is not where the database is.
        Stopped: a signal came; a snapshot that was asked for is made all the same.
    """
    intent = _intent(session, facts)
    asyncio.run(_taken(provider, intent, say))
    return identifier(intent.name)


def _intent(session: Session, facts: Facts) -> Intent:
    assert facts.ledger is not None  # noqa: S101 - it was read
    here, operation = facts.ledger.identity.database, session.author.operation_id
    subject = Subject(
        database=here.name,
        system_identifier=here.system_identifier,
        server_version=here.version,
        host=here.host,
        port=here.port,
        addresses=(here.address,) if here.address else (),
        server_address=here.server_address,
        current=facts.current,
    )
    owner = Ownership(
        installation=WHO,
        uid=operation,
        namespace=WHO,
        name=here.name,
        purpose=Purpose.PRE_ROLLBACK,
        operation_id=operation,
        schema_version=facts.current,
    )
    decided = clock.stamp(datetime.now(UTC))
    name = snapshot_name(Purpose.PRE_ROLLBACK, here.name, operation, decided)
    return Intent(name, WHO, subject, owner, decided)


async def _taken(provider: RDS, intent: Intent, say: Callable[[str], None]) -> None:
    for finding in await provider.preflight(intent):
        if not finding.warning:
            _fail(finding.failure)
        say(finding.failure.message)
    begun = told = time.monotonic()
    seen = await provider.request(intent)
    say(f"RDS makes the snapshot {identifier(intent.name)}.")
    while seen.phase is not Phase.AVAILABLE or seen.failure is not None:
        _refuse_ended(seen)
        elapsed = time.monotonic() - begun
        if elapsed > SECONDS:
            raise RunnerError(
                Reason.SNAPSHOT_FAILED,
                f"After {duration(int(elapsed * 1000))} the snapshot is in the state "
                f"{seen.raw_status or seen.phase}.",
                "It may still come: wait for it in RDS, then roll back with --snapshot none.",
            )
        if time.monotonic() - told >= TELL_EVERY:
            told = time.monotonic()
            percent = "" if seen.progress is None else f", {seen.progress} %"
            say(f"The snapshot is in the state {seen.raw_status or seen.phase}{percent}.")
        await asyncio.sleep(seen.retry_after or PACE)
        if seen.phase in {Phase.ABSENT, Phase.UNKNOWN}:  # the request may not have come through
            seen = await provider.request(intent)
        else:
            seen = (await provider.observe([intent]))[intent.name]
    verified = await provider.verify(intent, Level.METADATA)
    if verified.failure is not None:
        _fail(verified.failure)


def _refuse_ended(seen: Observation) -> None:
    """What passes is waited for; everything else ends it."""
    if seen.failure is not None and seen.failure.kind is not ErrorClass.RETRY:
        _fail(seen.failure)
    if seen.phase in {Phase.FAILED, Phase.DELETING}:
        raise RunnerError(
            Reason.SNAPSHOT_FAILED, f"The snapshot is in the state {seen.raw_status}.", "Look at it in RDS."
        )


def _fail(failure: Failure) -> NoReturn:
    text = failure.message[:1].upper() + failure.message[1:].removesuffix(".")
    raise RunnerError(
        Reason.SNAPSHOT_FAILED, f"{text}.", "Correct that; or take a restore point in another way."
    )
