"""Which pod answers for a database, and what it keeps its files on. Pure: pods in, words out."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

from switchback.api.reasons import OperatorReason
from switchback.contract.points import ErrorClass, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from switchback.contract.points import Subject

Address = IPv4Address | IPv6Address
Pod = dict[str, Any]

HARMLESS = {"name", "configMap", "secret", "emptyDir", "downwardAPI", "projected", "image"}
"""Kinds of volumes in a pod that do not outlive it, or hold no files of a server."""

_ENDED = {"Succeeded", "Failed"}


@dataclass(frozen=True, slots=True)
class Serving:
    """The pod that serves the database. `others`: what else it may keep files on, in words."""

    pod: str
    others: tuple[str, ...] = ()


def addresses(subject: Subject) -> set[Address]:
    """Where the server is: by its own word, or else where its name leads.

    A server behind a pooler in its own pod is reached at a loopback address, which says nothing.
    """
    own = _parsed(subject.server_address)
    if own is not None and not own.is_loopback:
        return {own}
    return {one for text in subject.addresses if (one := _parsed(text)) is not None and not one.is_loopback}


def serving(pods: Sequence[Pod], subject: Subject, claim: str) -> Serving | Failure:
    """The pod of the namespace that serves the database from this claim, or why it cannot be shown."""
    wanted = addresses(subject)
    if not wanted:
        return _mismatch("The address of the server is not known, so no pod can be found by it.")
    where = ", ".join(sorted(map(str, wanted)))
    here = [pod for pod in pods if _alive(pod) and pod_addresses(pod) & wanted]
    if not here:
        return _mismatch(
            f"No pod of this namespace has the server's address {where}.{_mounting(pods, claim)}"
        )
    on_node = [_name(pod) for pod in here if pod["spec"].get("hostNetwork")]
    if on_node:
        return _mismatch(
            f"Pod {', '.join(on_node)} uses its node's address {where}, as others may: "
            "it cannot be shown that it is the server."
        )
    if len(here) > 1:
        return _mismatch(f"Several pods have the server's address {where}: {', '.join(map(_name, here))}.")
    pod = here[0]
    mounted = claims(pod)
    if claim not in mounted:
        has = f"mounts {', '.join(mounted)}" if mounted else "mounts no claim"
        return _mismatch(
            f"The server at {where} is pod {_name(pod)}, which {has} and not {claim}.{_mounting(pods, claim)}"
        )
    others = [f"claim {one}" for one in mounted if one != claim]
    return Serving(_name(pod), (*others, *_elsewhere(pod)))


def pod_addresses(pod: Pod) -> set[Address]:
    """Every address of a pod."""
    status = pod.get("status") or {}
    texts = [status.get("podIP") or "", *(one.get("ip") or "" for one in status.get("podIPs") or [])]
    return {one for text in texts if (one := _parsed(text)) is not None}


def claims(pod: Pod) -> list[str]:
    """The claims that a pod mounts, also those that are made for it."""
    found = []
    for volume in pod["spec"].get("volumes") or []:
        if "persistentVolumeClaim" in volume:
            found.append(str(volume["persistentVolumeClaim"]["claimName"]))
        elif "ephemeral" in volume:
            found.append(f"{_name(pod)}-{volume['name']}")
    return sorted(set(found))


def _elsewhere(pod: Pod) -> list[str]:
    known = HARMLESS | {"persistentVolumeClaim", "ephemeral"}
    return [
        f"{kind} volume {volume['name']}"
        for volume in pod["spec"].get("volumes") or []
        for kind in sorted(set(volume) - known)
    ]


def _mounting(pods: Sequence[Pod], claim: str) -> str:
    users = [_name(pod) for pod in pods if _alive(pod) and claim in claims(pod)]
    return f" {claim} is mounted by {', '.join(users)}." if users else f" No pod mounts {claim}."


def _mismatch(message: str) -> Failure:
    return Failure(ErrorClass.TERMINAL, OperatorReason.SNAPSHOT_SOURCE_MISMATCH, message)


def _alive(pod: Pod) -> bool:
    return (pod.get("status") or {}).get("phase") not in _ENDED


def _name(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"]["name"])


def _parsed(text: str) -> Address | None:
    try:
        found = ip_address(text.partition("/")[0].partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
