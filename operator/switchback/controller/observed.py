"""The world of one resource, as it was read in one go: frozen values, no clients, no clocks.

`decide` sees nothing else. Whatever it needs to know is a field here, so that a test can build any world.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchback.api.spec import Spec
    from switchback.api.status import Status
    from switchback.contract.points import Capabilities, Finding, Listing, Observation
    from switchback.contract.result import Result
    from switchback.contract.traffic import Traffic
    from switchback.contract.words import Operation


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a pod does not run, in words for a condition.

    `fatal`: it will not mend itself. `passing`: it says nothing about what was asked for, so the same is
    asked again. `at`: when the API server said so, for what was asked of it.
    """

    reason: str
    message: str
    fatal: bool = False
    passing: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of one of our Jobs.

    `started`: the container `switchback` runs or has run. `ended`: it has terminated, or never will run
    because the pod is over.
    `result` is what it said, None when it said nothing that can be understood. `source_image` is the image
    that its files were copied from, with its digest; empty when they are not, or came from elsewhere.
    """

    name: str
    uid: str
    job: str
    ended: bool
    started: bool = False
    exit_code: int | None = None
    result: Result | None = None
    trouble: Trouble | None = None
    source_image: str = ""
    told: str = ""
    """Id of the cutover that it was told of, for the pod that checks a new slot."""


@dataclass(frozen=True, slots=True)
class Job:
    """A Job that carries our labels, with its pods.

    `failure` is the reason of its Failed condition, `hindrance` why it has no pod although it should.
    `intent` is the digest of what the spec asked for when it was created.
    """

    name: str
    uid: str
    operation: str
    step: Operation
    attempt: int
    created: datetime
    finished: bool
    failure: str = ""
    deleting: bool = False
    hindrance: Trouble | None = None
    intent: str = ""
    pods: tuple[Pod, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing of this Job runs any more, so that the next one may start.

        The container's end counts, not the Job's: the Job controller says so two seconds later.
        """
        if self.pods:
            return all(pod.ended for pod in self.pods)
        return self.finished

    @property
    def result(self) -> Result | None:
        """What the run said. Two pods that say different things said nothing."""
        said = {pod.result for pod in self.pods if pod.result is not None}
        return said.pop() if len(said) == 1 else None

    @property
    def trouble(self) -> Trouble | None:
        """The first trouble among its pods, or why there are none."""
        return next((pod.trouble for pod in self.pods if pod.trouble is not None), self.hindrance)

    @property
    def source_image(self) -> str:
        """The image that its files came from, with its digest."""
        return next((pod.source_image for pod in self.pods if pod.source_image), "")

    @property
    def started(self) -> bool:
        """Whether its run may have done something by now."""
        return any(pod.started for pod in self.pods)


class PolicyState(Enum):
    """Whether the admission policy that makes approvals trustworthy is in force."""

    PRESENT = "in force"
    MISSING = "not in force"
    UNKNOWN = "not known: the operator may not look"
    UNSEEN = "not looked at: nothing waited for an approval"
    NOT_REQUIRED = "not asked for"


@dataclass(frozen=True, slots=True)
class Namespace:
    """The namespace of a resource. `terminating`: nothing new can be created in it.

    `unread`: it could not be read; then the labels are those that ask for the most.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    terminating: bool = False
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """What the spec's source is right now.

    `digest` is `contract.digest.source_digest` for ConfigMaps and empty for images. `problem` tells why
    there is none: a ConfigMap is missing, or two hold the same key. `unread`: nobody could look, and the
    digest is of what the operation at hand works with: no new wish is taken from files that were not seen.
    """

    digest: str = ""
    problem: Trouble | None = None
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of restore points that the operator itself asks for. Nothing of it is in the status.

    Attributes:
        point: the one that status names, as its provider showed it in this look, or why it could not be
            asked; None when nobody looked.
        missing_at: when this process last saw that it was not there yet; None: never.
        findings: what stands in the way of taking one; None when nobody looked.
        listing: all of this resource; None when nobody looked.
    """

    point: Observation | None = None
    missing_at: datetime | None = None
    findings: tuple[Finding, ...] | None = None
    listing: Listing | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that `decide` may look at."""

    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    deleting: bool
    annotations: Mapping[str, str]
    spec: Spec | None
    status: Status
    now: datetime
    source: Source = field(default_factory=Source)
    jobs: tuple[Job, ...] = ()
    stray_pods: tuple[Pod, ...] = ()
    client_images: Mapping[str, str] = field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    status_shared: bool = False
    """Whether another field manager holds parts of the status: an apply of ours does not remove them."""
    deletion_time: datetime | None = None
    around: Namespace = field(default_factory=Namespace)
    approval_policy: PolicyState = PolicyState.NOT_REQUIRED
    approval_seal: str = ""
    """Which policy is in force, for tokens that count under this one only (`admission.guard`)."""
    refused: Trouble | None = None
    """Why the API server would not take the operation's Job, when this process last asked it to."""
    look_refused: Trouble | None = None
    """The same for the Job of a look."""
    probe_refused: Trouble | None = None
    """The same for the Job that checks a new slot."""
    provider: Capabilities | None = None
    """What the provider that spec.snapshot chooses can do; None where it chooses none."""
    kept: Kept = field(default_factory=Kept)
    """Restore points, where the operator itself asks for them."""
    traffic: Traffic | None = None
    """The Service of spec.cutover and what is behind it; None without a cutover, or when nobody looked."""
    invalid: str = ""
    """Why the spec could not be read, naming the field. Then `spec` is None."""

    @property
    def claim(self) -> str:
        """What the Service of spec.cutover carries while it is this resource's."""
        return f"{self.namespace}/{self.name}/{self.uid}"

    @property
    def unread(self) -> bool:
        """Whether something beside the traffic could not be read: only a switch in flight goes on then."""
        return self.source.unread or self.around.unread

    @property
    def stray_pods_alive(self) -> bool:
        """Whether a pod runs whose Job was deleted under it."""
        return any(not pod.ended for pod in self.stray_pods)
