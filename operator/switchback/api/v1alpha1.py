"""The resource as a whole, as it is read from the API server."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from switchback.api.base import Model
from switchback.api.spec import Spec
from switchback.api.status import Status

__all__ = ["DatabaseMigration", "Metadata", "Spec", "Status"]


class Metadata(Model):
    """The parts of `metadata` that the operator reads."""

    name: str
    """Name of the resource."""
    namespace: str
    """Its namespace; Jobs and Secrets are in the same one."""
    uid: str
    """Its life: a recreated resource has another one."""
    resource_version: str
    """The version that was read; status is written only over this one."""
    generation: int = 0
    """Counts changes of the spec."""
    labels: Mapping[str, str] = Field(default_factory=dict)
    """Its labels."""
    annotations: Mapping[str, str] = Field(default_factory=dict)
    """Its annotations; requests of people arrive here."""
    creation_timestamp: str = ""
    """When it was created."""
    deletion_timestamp: str = ""
    """When its deletion was asked for. Empty: it is not being deleted."""
    finalizers: tuple[str, ...] = ()
    """Who has to let go before it vanishes."""


class DatabaseMigration(Model):
    """Changes the schema of one PostgreSQL database, forward and backward."""

    metadata: Metadata
    """Name, version and annotations."""
    spec: Spec
    """What is wished for."""
    status: Status = Status()
    """What the operator saw, does and did."""
