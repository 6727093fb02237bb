"""When an approval can be trusted, by what the API server has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from switchback.contract.reasons import Reason
from switchback.contract.words import Operation
from switchback.controller.admission import guard, in_force, seal_of
from switchback.controller.observe import observe
from switchback.controller.observed import PolicyState
from switchback.controller.queue import Key
from switchback.controller.sources import SourceMemory
from tests.unit.controller.build import SETTINGS, ended_pod, job, resource, result, status

if TYPE_CHECKING:
    from switchback.controller.kube.client import Client
    from tests.unit.controller.fakes.api import FakeAPI

NAME = "switchback-approvals"


def policy(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": NAME, "namespace": "", "uid": "u1", "generation": 1},
        "spec": {"failurePolicy": "Fail", **spec},
    }


def binding(**spec: Any) -> dict[str, Any]:
    bound = {"policyName": NAME, "validationActions": ["Deny"], **spec}
    return {"metadata": {"name": NAME, "namespace": "", "uid": "u2", "generation": 1}, "spec": bound}


@pytest.mark.parametrize(
    ("rules", "bound", "there"),
    [
        ({}, {}, True),
        ({}, {"validationActions": ["Warn", "Audit"]}, False),
        ({}, {"policyName": "other"}, False),
        ({}, {"matchResources": {"namespaceSelector": {"matchLabels": {"a": "b"}}}}, False),
        ({}, {"paramRef": {"name": "a"}}, False),
        ({"failurePolicy": "Ignore"}, {}, False),
        ({"matchConditions": [{"name": "a", "expression": "false"}]}, {}, False),
    ],
)
def test_only_what_refuses_everywhere_is_in_force(
    rules: dict[str, Any], bound: dict[str, Any], *, there: bool
) -> None:
    assert in_force(policy(**rules), binding(**bound), NAME) is there


def test_the_seal_is_of_these_two_as_they_are() -> None:
    seal = seal_of(policy(), binding())
    assert seal == seal_of(policy(), binding())
    for part in ("uid", "generation"):
        other = policy()
        other["metadata"][part] = "another"
        assert seal_of(other, binding()) != seal
        assert seal_of(policy(), {**binding(), "metadata": other["metadata"]}) != seal


@pytest.mark.asyncio
async def test_it_is_asked_of_the_api_server(api: FakeAPI, client: Client) -> None:
    assert await guard(client, NAME) == (PolicyState.MISSING, "")
    await api.put("validatingadmissionpolicies", policy())
    assert await guard(client, NAME) == (PolicyState.MISSING, "")
    await api.put("validatingadmissionpolicybindings", binding())
    assert await guard(client, NAME) == (PolicyState.PRESENT, seal_of(policy(), binding()))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("step", "reason", "asked"),
    [
        (Operation.MIGRATE, Reason.SUCCEEDED, False),
        (Operation.MIGRATE, Reason.SQL_FAILED, False),
        (Operation.MIGRATE, Reason.BACKWARD, True),
        (Operation.INSPECT, Reason.SUCCEEDED, True),
    ],
)
async def test_it_is_asked_as_soon_as_there_is_a_plan_that_a_person_may_have_to_see(
    api: FakeAPI, client: Client, step: Operation, reason: Reason, *, asked: bool
) -> None:
    """So the first token that anybody sees is bound to the policy; who goes forward does not pay for it."""
    await api.put("databasemigrations", {**resource(), "status": status(step).to_json()})
    await api.put("jobs", job(step=step))
    await api.put("pods", ended_pod(result(operation=step, reason=reason)))
    await api.put("validatingadmissionpolicies", policy())
    await api.put("validatingadmissionpolicybindings", binding())
    settings = replace(SETTINGS, approval_policy=NAME)
    seen = await observe(client, Key("shop", "shop"), settings, SourceMemory())
    assert seen is not None
    assert seen.approval_policy is (PolicyState.PRESENT if asked else PolicyState.UNSEEN)
    assert bool(seen.approval_seal) is asked
    assert len(api.made("GET", "admissionregistration")) == (2 if asked else 0)
