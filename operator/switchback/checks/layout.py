"""Names that the pod's description and the programs in it agree on."""

from __future__ import annotations

SIGNAL_MOUNT = "/switchback/signal"
SIGNAL_FILE = f"{SIGNAL_MOUNT}/switched"
SIGNAL_VOLUME = "switchback-signal"
"""Shows the annotation by which the operator says that the traffic has moved."""

COMMANDS_MOUNT = "/switchback/commands"
"""One folder for each check of kind command: through it, its container is asked and answers."""

ASK, ANSWER, STOP, OUTPUT = "ask", "answer", "stop", "output"
"""Pipes in that folder."""


def spec_variable(number: int) -> str:
    """Variable that holds one check as JSON, as the spec has it: all in one could be too long."""
    return f"SWITCHBACK_CHECK_{number}"


def header_variable(check: str, number: int) -> str:
    """Variable that holds the value of one header of one check that is kept in a Secret, from 0."""
    return f"SWITCHBACK_HEADER_{check.upper().replace('-', '_')}_{number}"


def container_name(check: str) -> str:
    """Name of the container in which the command of a check runs."""
    return f"check-{check}"


def volume_name(check: str) -> str:
    """Name of the volume that this container shares with ours."""
    return f"switchback-check-{check}"


def folder(check: str) -> str:
    """Where that volume is in both."""
    return f"{COMMANDS_MOUNT}/{check}"
