"""Guards about the Service: whether a change of its selector would move its traffic, and stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.api.reasons import OperatorReason
from switchback.traffic.guard import Guard, fails, holds, warns
from switchback.traffic.owners import Standing, verdict
from switchback.traffic.read import SERVICE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchback.api import cutover as api
    from switchback.contract.traffic import Service, Traffic

EXTERNAL_NAME = "ExternalName"
FROM_OUTSIDE = frozenset({"LoadBalancer", "NodePort"})
LOCAL = "Local"
NO_ADDRESS = "None"


def about_service(cutover: api.Cutover, traffic: Traffic) -> Iterator[Guard]:
    """Whether it is there, fit, and nobody else's. Where one answer makes the others idle, it is the last."""
    name = cutover.service_name
    if traffic.refused:
        yield fails("look-allowed", OperatorReason.TRAFFIC_NOT_ALLOWED, traffic.refused)
        return
    service = traffic.service
    if service is None:
        yield fails("service", OperatorReason.SERVICE_MISSING, f"Service {name} does not exist")
        return
    if service.deleting:
        yield fails("service", OperatorReason.SERVICE_MISSING, f"Service {name} is being deleted")
        return
    yield _fit(service)
    yield _free(service, traffic)
    yield _ours(cutover, service)
    yield from _warnings(service)


def _fit(service: Service) -> Guard:
    """Whether its traffic follows its selector, and reaches ready pods only."""
    name, unfit = service.name, ""
    if service.kind == EXTERNAL_NAME:
        unfit = (
            f"Service {name} is of type ExternalName: it is a name for something else and has no endpoints"
        )
    elif not service.selector:
        unfit = f"Service {name} has no selector: somebody else writes its endpoints"
    elif service.publish_not_ready:
        unfit = (
            f"Service {name} has publishNotReadyAddresses: it sends connections to pods that are not ready"
        )
    if unfit:
        return fails("service", OperatorReason.SERVICE_UNFIT, unfit, fatal=True)
    chosen = ",".join(f"{key}={value}" for key, value in sorted(service.selector.items()))
    return holds("service", f"Service {name} sends connections to the ready pods of {chosen}")


def _free(service: Service, traffic: Traffic) -> Guard:
    """Whether nobody else has it. One that is being deleted is waited for: its switch is undone first."""
    if not traffic.claimed_by:
        return holds(
            "service-claim", f"no other DatabaseMigration moves the traffic of Service {service.name}"
        )
    text = f"Service {service.name} is claimed by DatabaseMigration {traffic.claimed_by}"
    if traffic.claim_ends:
        text += ", which is being deleted and takes its switch back first"
    return fails("service-claim", OperatorReason.SERVICE_CLAIMED, text, fatal=not traffic.claim_ends)


def _ours(cutover: api.Cutover, service: Service) -> Guard:
    """Whether nobody would take our key away again."""
    found = verdict(service, cutover.selector_key)
    text = f"{found.message}: {found.fix}" if found.fix else found.message
    match found.standing:
        case Standing.REFUSED:
            return fails("selector-writer", OperatorReason.SELECTOR_OWNED_BY_GIT_OPS, text, fatal=True)
        case Standing.WARNED:
            reason = (
                OperatorReason.SELECTOR_IN_MANIFEST if found.holds_key else OperatorReason.SELECTOR_SHARED
            )
            return warns("selector-writer", reason, text)
        case Standing.FINE:
            return holds("selector-writer", text)


def about_endpoints(traffic: Traffic) -> Iterator[Guard]:
    """Whether all of its traffic goes to the slots. What no selector moves would never be verified."""
    service, number = traffic.service, traffic.strangers
    if service is None or not number:
        return
    what = "endpoint" if number == 1 else "endpoints"
    is_a = "is a pod" if number == 1 else "are pods"
    text = (
        f"{number} ready {what} of Service {service.name} {is_a} of neither slot; "
        f"see kubectl get endpointslices -n {service.namespace} -l {SERVICE_NAME}={service.name}"
    )
    yield fails("endpoints", OperatorReason.SERVICE_UNFIT, text)


def _warnings(service: Service) -> Iterator[Guard]:
    name = service.name
    if service.session_affinity not in {"", "None"}:
        text = f"Service {name} has sessionAffinity {service.session_affinity}"
        yield warns("session-affinity", OperatorReason.SESSION_AFFINITY, text)
    if service.kind in FROM_OUTSIDE:
        yield warns(
            "load-balancer", OperatorReason.LOAD_BALANCER_LAG, f"Service {name} is of type {service.kind}"
        )
    for field, policy in (
        ("externalTrafficPolicy", service.external_traffic_policy),
        ("internalTrafficPolicy", service.internal_traffic_policy),
    ):
        if policy == LOCAL:
            yield warns(
                "node-local", OperatorReason.TRAFFIC_STAYS_ON_NODE, f"Service {name} has {field} Local"
            )
    if service.cluster_ip == NO_ADDRESS:
        yield warns("headless", OperatorReason.HEADLESS_SERVICE, f"Service {name} has clusterIP None")
