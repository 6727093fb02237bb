"""Who may use what: the allow-list is looked at before anything is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Level
from switchback.snapshots.provider import Allowance, Tools
from switchback.snapshots.rds import RDS
from tests.unit.snapshots.rds_rig import OWNER, RDSRig, fake, intent, provider, rig, wish

if TYPE_CHECKING:
    from tests.aws.server import FakeAws

__all__ = ["fake", "rig"]

ROLE = "arn:aws:iam::123456789012:role/switchback-shop"
ANY_OF_OURS = "arn:aws:iam::*:role/switchback-*"
OTHER_ROLE = "arn:aws:iam::123456789012:role/switchback-bank"


def caller(*allow: Allowance, namespace: str = "shop", instance: str = "shop-prod", role: str = "") -> object:
    from switchback.aws.client import Trouble  # noqa: PLC0415

    spec = wish(instance, **({"roleARN": role} if role else {}))
    rds = RDS(spec, namespace, Tools(None, "one", allow))
    try:
        found = rds._rds.caller()  # noqa: SLF001
    except Trouble as trouble:
        return trouble.failure.reason
    return found.role, found.external_id, found.namespace


REFUSED = OperatorReason.SNAPSHOT_NOT_ALLOWED


@pytest.mark.parametrize(
    ("allowance", "more", "expected"),
    [
        (Allowance(("shop",), ("shop-prod",)), {}, ("", "", "")),
        (Allowance(("sh*",), ("shop-*",)), {}, ("", "", "")),
        (Allowance(("shop",), ("SHOP-*",)), {}, ("", "", "")),
        (Allowance(("shop",), ("shop-*",)), {"instance": "Shop-Prod"}, ("", "", "")),
        (Allowance(("bank", "shop"), ("x", "*")), {}, ("", "", "")),
        (Allowance((), ("*",)), {}, REFUSED),
        (Allowance(("*",), ()), {}, REFUSED),
        (Allowance(("bank",), ("*",)), {}, REFUSED),
        (Allowance(("shop",), ("bank-*",)), {}, REFUSED),
        (Allowance(("shop",), ("shop",)), {}, REFUSED),
        (Allowance(("shop",), ("*",), role=ROLE), {}, (ROLE, "", "shop")),
        (Allowance(("shop",), ("*",), role=ROLE, external_id="prod"), {}, (ROLE, "prod", "shop")),
        (Allowance(("shop",), ("*",), role=ROLE), {"role": ROLE}, (ROLE, "", "shop")),
        (Allowance(("shop",), ("*",), role=ROLE), {"role": OTHER_ROLE}, REFUSED),
        (Allowance(("shop",), ("*",)), {"role": ROLE}, REFUSED),
        (Allowance(("shop",), ("*",), (OTHER_ROLE,), ROLE), {"role": OTHER_ROLE}, (OTHER_ROLE, "", "shop")),
        (Allowance(("shop",), ("*",), (ANY_OF_OURS,)), {"role": ROLE}, (ROLE, "", "shop")),
        (Allowance(("shop",), ("*",), external_id="prod"), {}, ("", "", "")),
    ],
)  # fmt: skip
def test_namespace_instance_and_role_have_to_be_allowed_together(
    allowance: Allowance, more: dict[str, str], expected: object
) -> None:
    assert caller(allowance, **more) == expected


def test_nothing_is_allowed_at_first() -> None:
    assert caller() == REFUSED


def test_the_first_that_fits_counts_and_others_add_nothing() -> None:
    one = Allowance(("shop",), ("shop-*",), role=ROLE)
    other = Allowance(("*",), ("*",), role=OTHER_ROLE)
    assert caller(one, other) == (ROLE, "", "shop")
    assert caller(one, other, instance="bank-1") == (OTHER_ROLE, "", "shop")
    assert caller(one, other, role=OTHER_ROLE) == (OTHER_ROLE, "", "shop")
    # The namespace of one and the instance of another are no permission.
    apart = Allowance(("shop",), ("shop-*",)), Allowance(("bank",), ("bank-*",))
    assert caller(*apart, instance="bank-1") == REFUSED


@pytest.mark.asyncio
async def test_what_is_not_allowed_never_reaches_aws(rig: RDSRig, fake: FakeAws) -> None:
    rds = provider(rig.aws, Allowance(("bank",), ("*",)))
    (finding,) = await rds.preflight(intent())
    asked = await rds.request(intent())
    seen = (await rds.observe([intent()]))[intent().name]
    listed = await rds.list_owned(OWNER)
    verified = await rds.verify(intent(), Level.METADATA)
    deleted = await rds.delete(intent().name, OWNER)
    for failure in (
        finding.failure, asked.failure, seen.failure, listed.failure, verified.failure, deleted.failure
    ):  # fmt: skip
        assert failure is not None
        assert (failure.kind, failure.reason) == (ErrorClass.TERMINAL, REFUSED)
        assert failure.message == "the namespace shop may not use the instance shop-prod"
    assert not finding.warning
    assert not listed.complete
    assert fake.counts() == {}


def test_it_is_made_for_rds_only() -> None:
    from switchback.api.snapshots import Snapshot  # noqa: PLC0415

    with pytest.raises(ValueError, match=r"spec\.snapshot\.rds"):
        RDS(Snapshot.model_validate({"none": {"acknowledge": True}}), "shop", Tools(None))
