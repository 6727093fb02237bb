"""One DatabaseMigration as the API server has it, read with forbearance.

Plain JSON, not the operator's models: the plugin on a laptop may be older than the operator, and a word that
it does not know is shown as it is.
"""

from __future__ import annotations

from typing import Any

from switchback.api import names

Object = dict[str, Any]

REQUESTS = {
    "approve": names.ANNOTATION_APPROVE,
    "reject": names.ANNOTATION_REJECT,
    "abort": names.ANNOTATION_ABORT,
    "retry": names.ANNOTATION_RETRY,
    "rollback": names.ANNOTATION_ROLLBACK,
    "preview": names.ANNOTATION_PREVIEW,
    "inspect": names.ANNOTATION_INSPECT,
}
"""Requests by annotation: their names in `status.lastHandled`, and the annotations."""


class Resource:
    """What the plugin asks of a resource. Missing parts are empty."""

    def __init__(self, data: Object) -> None:
        self.data = data
        self.metadata: Object = data.get("metadata") or {}
        self.spec: Object = data.get("spec") or {}
        self.status: Object = data.get("status") or {}

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.metadata.get("name", ""))

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(self.metadata.get("namespace", ""))

    @property
    def uid(self) -> str:
        """Its life."""
        return str(self.metadata.get("uid", ""))

    @property
    def version(self) -> str:
        """Its resourceVersion."""
        return str(self.metadata.get("resourceVersion", ""))

    @property
    def generation(self) -> int:
        """How often its spec has changed."""
        return int(self.metadata.get("generation") or 0)

    @property
    def annotations(self) -> dict[str, str]:
        """Its annotations."""
        return self.metadata.get("annotations") or {}

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return self.metadata.get("labels") or {}

    @property
    def deleting(self) -> bool:
        """Whether its deletion was asked for."""
        return bool(self.metadata.get("deletionTimestamp"))

    @property
    def observed(self) -> int:
        """The generation that the operator has seen; -1: none."""
        return int(self.status.get("observedGeneration", -1))

    @property
    def is_seen(self) -> bool:
        """Whether the operator has seen the newest edit of the spec."""
        return self.observed >= self.generation

    @property
    def suspended(self) -> bool:
        """Whether spec.suspend is set."""
        return bool(self.spec.get("suspend"))

    def part(self, name: str) -> Object:
        """A part of the status; empty when it is not there."""
        return self.status.get(name) or {}

    def items(self, name: str) -> list[Object]:
        """A list in the status; empty when it is not there."""
        return self.status.get(name) or []

    def condition(self, kind: str) -> Object:
        """A condition; empty when it is not there."""
        return next((one for one in self.items("conditions") if one.get("type") == kind), {})

    def is_true(self, kind: str) -> bool:
        """Whether a condition is True for the spec as it is now."""
        found = self.condition(kind)
        return found.get("status") == "True" and int(found.get("observedGeneration") or 0) >= self.generation

    @property
    def reason(self) -> str:
        """The reason of Ready; empty before the operator's first look."""
        return str(self.condition("Ready").get("reason", ""))

    @property
    def message(self) -> str:
        """The message of Ready."""
        return str(self.condition("Ready").get("message", ""))

    @property
    def operation(self) -> Object:
        """The operation under way, or the last one."""
        return self.part("operation")

    @property
    def operation_id(self) -> str:
        """Its id."""
        return str(self.operation.get("id", ""))

    @property
    def outcome(self) -> Object:
        """How the operation ended; empty while it is under way."""
        return self.outcome_of(self.operation_id)

    def outcome_of(self, operation: str) -> Object:
        """The entry of the history about an operation; empty when there is none."""
        entries = self.items("history")
        return next((one for one in entries if operation and one.get("operationID") == operation), {})

    @property
    def under_way(self) -> bool:
        """Whether an operation has begun and not ended."""
        return bool(self.operation_id) and not self.outcome

    @property
    def begins_again(self) -> bool:
        """Whether a retry was heard after the operation's end, and the next operation has not begun yet."""
        retry, outcome = self.handled("retry"), self.outcome.get("outcome")
        about = retry.partition("/")[0] == self.operation_id
        return about and outcome not in {None, "Succeeded"} and retry != self.operation.get("retry")

    @property
    def approval(self) -> Object:
        """What waits for a person's yes; empty when nothing does."""
        found = self.part("approval")
        return found if self.under_way and found.get("token") and not found.get("approvedBy") else {}

    def handled(self, kind: str) -> str:
        """The newest request of this kind that the operator has looked at."""
        return str(self.part("lastHandled").get(kind, ""))

    @property
    def open_requests(self) -> dict[str, str]:
        """Requests on the resource that the operator has not looked at yet."""
        given = {kind: self.annotations.get(name, "").strip() for kind, name in REQUESTS.items()}
        return {
            kind: value
            for kind, value in given.items()
            if value and value != self.handled(kind) and not self._is_void(kind, value)
        }

    def _is_void(self, kind: str, value: str) -> bool:
        """A yes or no to a plan that is no more, which nobody will answer."""
        return kind in {"approve", "reject"} and value != self.approval.get("token")

    @property
    def database(self) -> str:
        """Which database, as far as it is known: `shop on db.example:5432`, `shop (Secret shop-db)`."""
        known = self.part("schema").get("database") or {}
        wished = self.spec.get("database") or {}
        connection, secret = wished.get("connection") or {}, (wished.get("urlFrom") or {}).get("secretKeyRef")
        name = str(known.get("name") or connection.get("name") or "")
        if connection.get("host"):
            return f"{name} on {connection['host']}:{connection.get('port', 5432)}"
        return f"{name or 'the database'} (Secret {(secret or {}).get('name', '')})"
