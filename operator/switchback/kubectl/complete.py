"""What a shell completes: names of resources, namespaces, contexts and targets, as far as they are known.

Completion is silent: where nothing can be found out, nothing is offered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click

SECONDS = 3.0
"""Longest wait for the API server: somebody holds the key down."""


def names(context: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    """Resources of the namespace."""
    return _ask("names", context, incomplete)


def namespaces(context: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    """Namespaces of the cluster."""
    return _ask("namespaces", context, incomplete)


def contexts(context: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    """Contexts of the kubeconfig."""
    return _ask("contexts", context, incomplete)


def points(context: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    """Restore points of the named resource that are ready, newest first."""
    return _ask("points", context, incomplete)


def targets(context: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    """Versions to which the named resource could be brought."""
    return _ask("targets", context, incomplete)


def slots(context: click.Context, option: click.Parameter, incomplete: str) -> list[str]:
    """Slots of the resource, for an option or as the last word; before it, names of resources, too."""
    if option.param_type_name == "option":
        return _ask("slots", context, incomplete)
    before = [word for word in context.args if word] or [word for word in _given(context) if word]
    if before:
        return _ask("slots", context, incomplete, name=before[0])
    return _ask("names", context, incomplete) + _ask("slots", context, incomplete)


def _given(context: click.Context) -> list[str]:
    """The words that stand there already."""
    words = context.params.get("words") or ()
    return [str(word) for word in words]


def _ask(what: str, context: click.Context, incomplete: str, name: str = "") -> list[str]:
    try:
        from switchback.kubectl import lookup  # noqa: PLC0415 - the Kubernetes client takes a second to load

        values: dict[str, Any] = dict(context.params) | ({"name": name} if name else {})
        if (
            not values.get("name") and context.args
        ):  # click stops at the option whose value is to be completed
            values["name"] = context.args[0]
        found = lookup.find(what, values)
    except Exception:  # noqa: BLE001 - a traceback in the middle of a command line helps nobody
        return []
    return [one for one in found if one.startswith(incomplete)]
