"""What must never happen to a shop, by watch and audit log alone. Each rule says what broke it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.states import condition
from tests.traffic.story import OURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.kube import Object
    from tests.traffic.history import Change
    from tests.traffic.story import Story, Write

RACE_SECONDS = 1.0
"""What others changed less than this before a write need not have been known to the writer."""

GROUP = "switchback.dev"
STEP, PHASE, CUTOVER = f"{GROUP}/step", f"{GROUP}/phase", f"{GROUP}/cutover-id"
_FORWARD, _BACK = {"Switching"}, {"Restoring"}
_WORKLOADS = {"deployments", "statefulsets", "replicasets", "daemonsets", "horizontalpodautoscalers"}
_DATA_PLANE = {"endpoints", "endpointslices"}


def never_into_nothing(story: Story) -> Iterator[str]:
    """No write makes the selector match no ready pod."""
    for write in story.own:
        moments = story.just_before(write.version, write.at, RACE_SECONDS)
        if not any(story.ready_pods(write.after, version) for version in moments):
            yield f"{_told(write)}: no ready pod matches"


def never_both(story: Story) -> Iterator[str]:
    """No write leaves the slot's key out, which matches the pods of both."""
    for write in story.own:
        if story.key not in write.after:
            yield f"{_told(write)}: it names no slot"


def only_known(story: Story) -> Iterator[str]:
    """The key has the name of a slot, and nothing else of the selector changes."""
    for write in story.own:
        slot = write.after.get(story.key)
        if slot is not None and slot not in story.slots:
            yield f"{_told(write)}: {slot} is no slot"
        rest = [{**selector, story.key: ""} for selector in (write.before, write.after)]
        if rest[0] != rest[1]:
            yield f"{_told(write)}: more than the slot has changed"


def over_what_was_seen(story: Story) -> Iterator[str]:
    """Each write is a compare-and-set."""
    for write in story.own:
        if not write.request.get("metadata", {}).get("resourceVersion"):
            yield f"{_told(write)}: the request carries no resourceVersion"


def once_per_direction(story: Story) -> Iterator[str]:
    """One switch writes once there and at most once back. Putting right what others did does not count."""
    seen: set[tuple[str, str | None]] = set()
    for write in story.own:
        if story.mending(write):
            continue
        switch = (write.service["metadata"].get("annotations") or {}).get(CUTOVER, "")
        step = (switch, write.after.get(story.key))
        if step in seen:
            yield f"{_told(write)}: the second write of switch {switch!r} in this direction"
        seen.add(step)


def intent_before_act(story: Story) -> Iterator[str]:
    """The status tells of a switch before the Service shows it."""
    if not any(True for _ in story.resources()):
        return
    for write in story.own:
        if story.mending(write) or write.before.get(story.key) is None:
            continue
        known = [
            (change.body.get("status", {}).get("traffic") or {}).get("cutover") or {}
            for change in _newest_resources(story, write.version)
        ]
        if not any(_permits(one, write, story.key) for one in known):
            told = [(one.get("id"), one.get("phase")) for one in known]
            yield f"{_told(write)}: no status permits it: {told}"


def nothing_else_is_written(story: Story) -> Iterator[str]:
    """Workloads and EndpointSlices belong to others; of a Service, only selector and notes are written."""
    for event in story.requests:
        if event.user != story.actor or not event.writes or event.code >= 300:
            continue
        what = f"{event.verb} {event.resource}/{event.name} at {event.answered}"
        if event.resource in _WORKLOADS | _DATA_PLANE:
            yield what
        elif event.resource == "services" and event.name == story.service:
            if event.verb in {"create", "delete"}:
                yield what
            elif event.verb == "patch" and (strange := sorted(_strange(event.request))):
                yield f"{what}: it also writes {', '.join(strange)}"


def ready_means_it(story: Story) -> Iterator[str]:
    """Ready=True: the Service names the wished slot, and its endpoints are pods of that slot only."""
    was_ready: dict[str, bool] = {}
    for change in story.resources():
        body = change.body
        wished = body["spec"]["cutover"]["activeSlot"]
        seen = body.get("status", {}).get("observedGeneration") == body["metadata"]["generation"]
        ready = condition(body, "Ready").get("status") == "True" and seen
        fresh = ready and not was_ready.get(change.name)
        was_ready[change.name] = ready
        if not ready or _somebody_else_just_wrote(story, change.version, change.seen):
            continue
        told = f"{change.name} is Ready at {change.version}"
        live, behind = story.live(change.version), set(story.behind(change.version))
        if live != wished:
            yield f"{told}, and the Service names {live}"
        elif behind - {wished}:
            yield f"{told}, and the endpoints are of {sorted(behind)}"
        elif fresh and not behind:
            yield f"{told}, and there is no ready endpoint"


def generations_are_honest(story: Story) -> Iterator[str]:
    """No status claims to have seen a spec that is not there yet."""
    for change in story.of(OURS):
        newest = change.body["metadata"]["generation"]
        status = change.body.get("status", {})
        seen = [status, *status.get("conditions", [])]
        if any(part.get("observedGeneration", -1) > newest for part in seen):
            yield f"{change.name} at {change.version}: observedGeneration is more than {newest}"


def contract_after_the_old(story: Story) -> Iterator[str]:
    """No Job applies files of phase=contract while a pod of the slot that is not live exists."""
    seen: set[str] = set()
    for change in story.of("Job"):
        labels = change.body["metadata"].get("labels") or {}
        if change.name in seen or labels.get(STEP) != "migrate" or labels.get(PHASE) != "contract":
            continue
        seen.add(change.name)
        live = story.live(change.version)
        for slot in story.slots:
            if slot != live and (pods := story.living(slot, change.version)):
                yield f"{change.name} was made while {slot} has {', '.join(sorted(pods))}"


def replicas_stay(story: Story) -> Iterator[str]:
    """Nobody but a user changes how many pods a slot has."""
    others = {
        event.name
        for event in story.requests
        if event.resource == "deployments" and event.writes and event.user != story.actor
    }
    counts: dict[str, int] = {}
    for change in story.of("Deployment"):
        labels = change.body["spec"]["template"]["metadata"].get("labels") or {}
        if labels.get(story.key) not in story.slots or change.deleted:
            continue
        count = change.body["spec"].get("replicas", 1)
        if counts.setdefault(change.name, count) != count and change.name not in others:
            yield f"{change.name} went from {counts[change.name]} to {count} replicas at {change.version}"
        counts[change.name] = count


RULES: tuple[Callable[[Story], Iterator[str]], ...] = (
    never_into_nothing,
    never_both,
    only_known,
    over_what_was_seen,
    once_per_direction,
    intent_before_act,
    nothing_else_is_written,
    ready_means_it,
    generations_are_honest,
    contract_after_the_old,
    replicas_stay,
)


def judge(story: Story) -> list[str]:
    """Every violation, as `rule: what broke it`."""
    return [f"{rule.__name__}: {text}" for rule in RULES for text in rule(story)]


def _told(write: Write) -> str:
    return (
        f"{write.user or 'somebody'} wrote {dict(write.after)} over {dict(write.before)} at {write.version}"
    )


def _newest_resources(story: Story, version: int) -> list[Change]:
    newest = {change.name: change for change in story.resources() if change.version < version}
    return list(newest.values())


def _permits(cutover: Object, write: Write, key: str) -> bool:
    slot, phase = write.after.get(key), cutover.get("phase")
    forward = slot == cutover.get("to") and phase in _FORWARD
    return forward or (slot == cutover.get("from") and phase in _BACK)


def _strange(request: Object) -> set[str]:
    """Fields of a patch that are none of a switch's business."""
    metadata = request.get("metadata") or {}
    found = set(request) - {"metadata", "spec", "apiVersion", "kind"}
    found |= {f"spec.{name}" for name in (request.get("spec") or {}) if name != "selector"}
    found |= {
        f"metadata.{name}"
        for name in metadata
        if name not in {"name", "resourceVersion", "uid", "annotations"}
    }
    ours = f"{GROUP}/"
    found |= {name for name in (metadata.get("annotations") or {}) if not name.startswith(ours)}
    return found


def _somebody_else_just_wrote(story: Story, version: int, at: float) -> bool:
    earlier = [write for write in story.writes if write.version < version]
    return bool(earlier) and earlier[-1].user != story.actor and at - earlier[-1].at < RACE_SECONDS
