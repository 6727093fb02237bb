"""The traces of an operation that ended well, for a resource of which no operation ever ran. Pure.

A real operation is run once per namespace. What it has left (status, Job, pod) is copied for other resources
of that namespace, with the ids that would be theirs. So the operator finds each of them as it would have left
it itself, and has nothing to do.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchback.api import names
from switchback.api.spec import Spec
from switchback.contract.digest import source_digest
from switchback.contract.words import Operation
from switchback.controller.intent import intent_digest
from switchback.controller.observed import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

Object = dict[str, Any]

NOBODY = "switchback.dev/bench"
"""Who looks after the copied Jobs and schedules the copied pods."""

_GIVEN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "ownerReferences")
_OF_JOB_CONTROLLER = ("controller-uid", "job-name")


class StrangeError(Exception):
    """The learned operation is not what the bench takes it for."""


@dataclass(frozen=True)
class Learned:
    """What a real operation has left: the resource, its finished Job and that Job's pod."""

    resource: Object
    files: Mapping[str, str]
    job: Object
    pod: Object

    def words(self) -> tuple[str, ...]:
        """What is this resource's and this operation's own, the longest first.

        Raises:
            StrangeError: the status does not hold what the operator's own code works out of the spec.
        """
        status = self.resource["status"]
        operation = status["operation"]
        source, intent = _digests(self.resource, self.files)
        if (status["source"]["digest"], operation["intentDigest"]) != (source, intent):
            raise StrangeError(
                f"{_text(self.resource)} was to reach {intent} from {source}, and its status tells of "
                f"{operation['intentDigest']} from {status['source']['digest']}"
            )
        return _words(self.resource, operation["id"], self._job_name(operation["id"]), source, intent)

    def words_for(self, resource: Object, files: Mapping[str, str]) -> tuple[str, ...]:
        """The same for another resource, if such an operation had been its first one."""
        metadata = resource["metadata"]
        operation = names.operation_id(metadata["uid"], metadata["resourceVersion"])
        job = self._job_name(operation, metadata["name"])
        return _words(resource, operation, job, *_digests(resource, files))

    def _job_name(self, operation: str, resource: str = "") -> str:
        told = self.resource["status"]["operation"]
        name = resource or self.resource["metadata"]["name"]
        return names.job_name(name, operation, Operation(told["step"]), told["attempt"])


def _words(resource: Object, operation: str, job: str, source: str, intent: str) -> tuple[str, ...]:
    own = names.uid_hash(resource["metadata"]["uid"])
    return job, _text(resource), operation, own, source, intent


def _digests(resource: Object, files: Mapping[str, str]) -> tuple[str, str]:
    """Of the source and of the intent, by the operator's own code."""
    source = source_digest({name: text.encode() for name, text in files.items()})
    return source, intent_digest(Spec.model_validate(resource["spec"]), Source(digest=source))


def _text(resource: Object) -> str:
    return f"{resource['metadata']['namespace']}/{resource['metadata']['name']}"


def _strip(labels: dict[str, str]) -> None:
    """Without the labels that the Job controller gives."""
    for key in _OF_JOB_CONTROLLER:
        labels.pop(key, None)
        labels.pop(f"batch.kubernetes.io/{key}", None)


@dataclass(frozen=True)
class Stamp:
    """The traces of one operation, renamed for one resource, which exists already and has no status yet."""

    learned: Learned
    resource: Object
    files: Mapping[str, str]

    def status(self) -> Object:
        """What the operator would have written."""
        found: Object = self._renamed(self.learned.resource["status"])
        return found

    def job(self) -> Object:
        """The finished Job, for creation: nobody runs it."""
        job: Object = self._renamed(self.learned.job)
        job.pop("status", None)
        self._own(job, names.API_VERSION, names.KIND, self.resource)
        job["spec"] = {key: value for key, value in job["spec"].items() if "elector" not in key}
        job["spec"]["managedBy"] = NOBODY
        _strip(job["spec"]["template"]["metadata"]["labels"])
        return job

    def job_status(self) -> Object:
        """Its status."""
        found: Object = self._renamed(self.learned.job["status"])
        return found

    def pod(self, job: Object) -> Object:
        """The pod of that Job, for creation: no node gets it."""
        pod: Object = self._renamed(self.learned.pod)
        pod.pop("status", None)
        metadata, uid = pod["metadata"], job["metadata"]["uid"]
        metadata.pop("generateName", None)
        self._own(pod, "batch/v1", "Job", job)
        _strip(metadata["labels"])
        for prefix in ("", "batch.kubernetes.io/"):
            metadata["labels"] |= {
                f"{prefix}controller-uid": uid,
                f"{prefix}job-name": job["metadata"]["name"],
            }
        pod["spec"].pop("nodeName", None)
        pod["spec"]["schedulerName"] = NOBODY
        return pod

    def pod_status(self) -> Object:
        """Its status, with the result that the run has left."""
        found: Object = self._renamed(self.learned.pod["status"])
        return found

    def _own(self, item: Object, version: str, kind: str, owner: Object) -> None:
        """Ours instead of theirs: whatever the API server gives, and the owner."""
        metadata = item["metadata"]
        for given in _GIVEN:
            metadata.pop(given, None)
        reference = {"apiVersion": version, "kind": kind, "controller": True, "blockOwnerDeletion": True}
        about = {"name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        metadata["ownerReferences"] = [reference | about]

    def _renamed(self, part: Any) -> Any:
        text = json.dumps(part)
        ours = self.learned.words_for(self.resource, self.files)
        for old, new in zip(self.learned.words(), ours, strict=True):
            text = text.replace(old, new)
        return json.loads(text)
