"""One manifest, all that can be found out about it: judged, asked about in the cluster, played through."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchback.api.crd import definition
from switchback.api.reasons import OperatorReason
from switchback.controller.observe import spec_from, status_from
from switchback.controller.observed import Namespace, Observed, PolicyState, Source
from switchback.controller.pods import jobs_of
from switchback.controller.settings import Settings
from switchback.controller.view import View
from switchback.explain import admission, apply, cluster, files, lookout, metadata, requests
from switchback.explain.advice import advice
from switchback.explain.changes import begin, changes
from switchback.explain.cluster import Guard, There
from switchback.explain.files import Files
from switchback.explain.findings import Finding, Level
from switchback.explain.needs import needs
from switchback.explain.references import references
from switchback.explain.scenes import NEW_UID
from switchback.explain.schema import Judge
from switchback.explain.script import steps_of
from switchback.explain.stories import MAJORS, Stage, backward, stories
from switchback.snapshots.registry import capabilities_of

if TYPE_CHECKING:
    from switchback.api.spec import Spec
    from switchback.api.status import Status
    from switchback.contract.traffic import Traffic
    from switchback.explain.admission import Verdict
    from switchback.explain.apply import Answer
    from switchback.explain.changes import Begin, Change
    from switchback.explain.cluster import Place
    from switchback.explain.document import Document
    from switchback.explain.looking import Looking
    from switchback.explain.operators import Operator, Operators
    from switchback.explain.references import Companions, Reference
    from switchback.explain.requests import Request
    from switchback.explain.stories import Told

Object = dict[str, Any]

UNKNOWN_IMAGE = "switchback/image-of-the-operator"
"""Stands for the image that only the operator's settings name."""

UNKNOWN_CLIENT = "switchback/client-image-of-the-operator:{major}"


@dataclass(frozen=True)
class Cluster:
    """The cluster, when it can be reached, and what is known of it beyond a single namespace."""

    client: Looking
    operators: Operators


@dataclass
class Report:
    """Everything about one document."""

    document: Document
    namespace: str
    name: str
    findings: list[Finding] = field(default_factory=list)
    fields: int = 0
    rules: int = 0
    spec: Spec | None = None
    answer: Answer | None = None
    place: Place | None = None
    operator: Operator | None = None
    guard: Guard = field(default_factory=Guard)
    needed: dict[Reference, There] = field(default_factory=dict)
    source: Files = field(default_factory=Files)
    changes: list[Change] = field(default_factory=list)
    begin: Begin | None = None
    intent: str = ""
    requests: list[Request] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    traffic: Traffic | None = None
    """What the cluster shows of Service and slots; None when it was not asked, or does not tell."""
    verdicts: list[Verdict] = field(default_factory=list)
    world: Observed | None = None

    @property
    def live(self) -> Object | None:
        """The resource as it is now."""
        return self.place.live if self.place is not None else None

    @property
    def traffic_seen(self) -> bool:
        """Whether somebody has looked where the traffic is."""
        return self.traffic is not None

    @property
    def is_valid(self) -> bool:
        """Whether the API server would take it."""
        return not any(one.level is Level.INVALID for one in self.findings)


async def inquire(document: Document, namespace: str, beside: Companions, asked: Cluster | None) -> Report:
    """Everything about one DatabaseMigration.

    Raises:
        KubeError: the API server has ceased to answer.
    """
    name = document.metadata.get("name")
    report = Report(document, namespace, name if isinstance(name, str) else "")
    data = judged(report)
    if not report.is_valid:
        if asked is not None:
            await _asked_all_the_same(report, asked.client)
        return report
    report.spec, unreadable = spec_from(data)
    if report.spec is None:
        report.findings.append(Finding(Level.INVALID, OperatorReason.SPEC_INVALID, unreadable, ("spec",)))
        return report
    if asked is not None:
        await _look(report, beside, asked, data)
    _with_companions(report, data, beside)
    if _goes_on(report):
        stage = _stage(report, data, beside)
        _played(report, stage, beside)
        if asked is not None and report.place is not None and report.place.there is not There.NO:
            await _admitted(report, stage, asked.client)
    report.findings += needs(report.told, report.needed, report.namespace, beside)
    return report


def _goes_on(report: Report) -> bool:
    """Whether there is anything to play: the server may have refused, the resource be on its way out."""
    live = report.live
    return report.is_valid and (live is None or "deletionTimestamp" not in live["metadata"])


def judged(report: Report) -> Object:
    """What is wrong with the manifest by itself. The data with defaults."""
    document = report.document
    report.findings += [*document.findings, *metadata.judge(document)]
    judge = Judge(document.raw)
    root = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    spec = document.data.get("spec")
    if spec is None:
        advice = "It holds target, database and source, or cutover, or all of them."
        report.findings.append(
            Finding(Level.INVALID, "FieldMissing", "spec is required and missing.", ("spec",), advice)
        )
        return {**document.data}
    filled = judge.judge(root["properties"]["spec"], spec, ("spec",))
    report.findings += judge.findings
    report.fields, report.rules = judge.fields, judge.rules
    return {**document.data, "spec": filled}


async def _asked_all_the_same(report: Report, client: Looking) -> None:
    """An API server whose definition is of another release may see it otherwise."""
    if not report.name:
        return
    place = await cluster.place_of(client, report.namespace, report.name, (), ())
    answer = await apply.pretend(client, report.namespace, report.document.data, place.live)
    if answer.after is not None:
        message = (
            "the API server takes it all the same: its definition is of another release than this command."
        )
        report.findings.append(Finding(Level.WARNING, "OtherRelease", message))


async def _look(report: Report, beside: Companions, asked: Cluster, data: Object) -> None:
    """What the cluster says, to the manifest and about its place."""
    client, wanted = asked.client, references(data["spec"])
    maps = [one.name for one in wanted if one.kind == "ConfigMap" and one.path[:2] == ("spec", "source")]
    place = await cluster.place_of(client, report.namespace, report.name, wanted, maps)
    report.place = place
    if report.spec is not None and report.spec.cutover is not None and place.there is not There.NO:
        uid = place.live["metadata"]["uid"] if place.live is not None else NEW_UID
        report.traffic, unseen = await lookout.seen(client, report.namespace, report.spec.cutover, uid)
        report.findings += unseen
    report.needed = dict(place.references)
    report.operator = asked.operators.of(report.namespace)
    told = report.operator.approval_policy if report.operator is not None else None
    report.guard = await cluster.guard_of(client, told)
    answer = await apply.pretend(client, report.namespace, report.document.data, place.live)
    report.answer = answer
    report.findings += answer.findings
    if place.live is not None and answer.after is not None:
        report.changes = [
            *changes(place.live.get("spec"), answer.after.get("spec"), ("spec",)),
            *_annotations(place.live, answer.after),
        ]
    report.findings += _surroundings(report, beside, asked.operators)


def _annotations(before: Object, after: Object) -> list[Change]:
    path = ("metadata", "annotations")
    both = [(one["metadata"].get("annotations") or {}) for one in (before, after)]
    found = changes(both[0], both[1], path)
    return [one for one in found if str(one.path[-1]) != apply.LAST_APPLIED]


def _surroundings(report: Report, beside: Companions, known: Operators) -> list[Finding]:
    """What around the resource stands in the way of everything."""
    place, found = report.place, list[Finding]()
    if place is None:
        return found
    if place.there is There.NO and report.namespace not in beside.namespaces:
        message = f"there is no namespace {report.namespace}."
        found.append(
            Finding(Level.REFUSED, "NamespaceMissing", message, ("metadata", "namespace"), "Create it.")
        )
    if place.namespace is not None and place.namespace.terminating:
        message = f"namespace {report.namespace} is being deleted: nothing new starts in it."
        found.append(Finding(Level.REFUSED, "NamespaceTerminating", message, ("metadata", "namespace")))
    if not place.live_known:
        message = "you may not read DatabaseMigrations here: whether there is one already is not known."
        found.append(Finding(Level.UNKNOWN, "Forbidden", message))
    if place.live is not None and place.live["metadata"].get("deletionTimestamp"):
        message = "the resource is being deleted; what is applied to it now goes with it."
        found.append(Finding(Level.REFUSED, "Deleting", message, (), "Apply it again once it is gone."))
    return [*found, *_operator(report, known)]


def _operator(report: Report, known: Operators) -> list[Finding]:
    one = report.operator
    if one is None and known.found:
        served = "; ".join(
            f"{other.namespace}/{other.name}: {', '.join(other.namespaces)}" for other in known.found
        )
        message = f"no operator serves namespace {report.namespace} ({served})."
        return [Finding(Level.WARNING, "OperatorMissing", message, ("metadata", "namespace"))]
    if one is None and known.known:
        message = "no operator is installed in this cluster: nothing would happen."
        return [Finding(Level.WARNING, "OperatorMissing", message)]
    if one is None:
        message = (
            "whether an operator runs is not known: you may read neither Deployments nor Leases everywhere."
        )
        return [Finding(Level.UNKNOWN, "Forbidden", message)]
    if one.age is not None and not one.runs:
        message = f"the operator {one.namespace}/{one.name} does not run: nobody renews its Lease."
        return [Finding(Level.WARNING, "OperatorNotRunning", message)]
    return []


def _with_companions(report: Report, data: Object, beside: Companions) -> None:
    """The files bring more than the resource: what stands beside it counts as there."""
    for reference in references(data["spec"]):
        if beside.has(reference, report.namespace):
            report.needed[reference] = There.COMES
        else:
            report.needed.setdefault(reference, There.UNKNOWN)


def _stage(report: Report, data: Object, beside: Companions) -> Stage:
    """The world after the apply, as the operator would read it."""
    place, after = report.place, report.answer.after if report.answer is not None else None
    live = place.live if place is not None else None
    resource = _resource(report, after or data, live)
    spec, _ = spec_from(resource)
    report.spec = spec or report.spec
    assert report.spec is not None  # noqa: S101 - it was read before
    report.source = _files(report, beside, live)
    settings, images_known = _settings(report.operator)
    meta, now = resource["metadata"], datetime.now(UTC)
    jobs, strays = jobs_of(meta["uid"], place.jobs if place else (), place.pods if place else (), now)
    status = status_from(live or {})
    policy, seal = _guard(report.guard, status)
    traffic = lookout.traffic_of(report.spec.cutover, report.traffic, beside, report.namespace, status)
    world = Observed(
        namespace=report.namespace,
        name=meta.get("name") or f"{meta.get('generateName', 'unnamed-')}xxxxx",
        uid=meta["uid"],
        generation=int(meta.get("generation", 1)),
        resource_version=str(meta.get("resourceVersion") or 1),
        deleting=False,
        annotations={key: value or "" for key, value in (meta.get("annotations") or {}).items()},
        spec=report.spec,
        status=status,
        now=now,
        source=report.source.source,
        jobs=jobs,
        stray_pods=strays,
        client_images=settings.client_images,
        provider=capabilities_of(report.spec.snapshot),
        finalizers=tuple(meta.get("finalizers") or ()),
        around=_around(report, beside),
        approval_policy=policy,
        approval_seal=seal,
        traffic=traffic,
    )
    report.world = world
    seen = report.traffic_seen
    return Stage(world, report.spec, report.source, settings, images_known=images_known, live_known=seen)


def _guard(guard: Guard, status: Status) -> tuple[PolicyState, str]:
    """What the operator sees of the policy. What the user may not see is taken to be as the status has it."""
    if guard.state is not PolicyState.UNKNOWN:
        return guard.state, guard.seal
    return PolicyState.PRESENT, status.approval.policy_digest if status.approval is not None else ""


def _resource(report: Report, after: Object, live: Object | None) -> Object:
    """The resource after the apply; put together here when the API server was not asked or said no."""
    if report.answer is not None and report.answer.after is not None:
        if live is None:
            return {**after, "metadata": {**after["metadata"], "uid": NEW_UID}}
        return after
    mine = after["metadata"]
    if live is None:
        return {**after, "metadata": {**mine, "uid": NEW_UID}}
    kept = live["metadata"]
    annotations = {**(kept.get("annotations") or {}), **(mine.get("annotations") or {})}
    edited = spec_from(after)[0] != spec_from(live)[0]
    generation = int(kept.get("generation", 1)) + edited
    return {**after, "metadata": {**kept, "annotations": annotations, "generation": generation}}


def _files(report: Report, beside: Companions, live: Object | None) -> Files:
    """The source. Where ConfigMaps may not be read, they are taken to be what the operator has seen last."""
    assert report.spec is not None  # noqa: S101 - it was read before
    found = files.files_of(report.spec, _config_maps(report, beside))
    if found.is_seen or live is None:
        return found
    before, status = spec_from(live)[0], status_from(live)
    same = before is not None and before.config_maps == report.spec.config_maps
    digest = status.source.digest if status.source is not None else ""
    return replace(found, source=Source(digest=digest)) if same and digest else found


def _config_maps(report: Report, beside: Companions) -> dict[str, Object | None]:
    found = dict(report.place.config_maps) if report.place is not None else {}
    for (namespace, name), content in beside.config_maps.items():
        if namespace == report.namespace:
            found[name] = content
    return found


def _around(report: Report, beside: Companions) -> Namespace:
    place = report.place
    if place is not None and place.namespace is not None:
        return place.namespace
    comes = beside.namespaces.get(report.namespace, {}).get("metadata") or {}
    labels = comes.get("labels") or {}
    return Namespace({str(key): str(value) for key, value in labels.items()})


def _settings(operator: Operator | None) -> tuple[Settings, bool]:
    """(the operator's settings, whether its client images are known)."""
    if operator is None or not operator.runner_image:
        images = {major: UNKNOWN_CLIENT.format(major=major) for major in MAJORS}
        return Settings(UNKNOWN_IMAGE, client_images=images), False
    pull = operator.pull_policy or "IfNotPresent"
    return Settings(operator.runner_image, pull, client_images=dict(operator.client_images)), True


def _played(report: Report, stage: Stage, beside: Companions) -> None:
    """The stories, and everything that hangs on the world that they begin with."""
    view = View(world=stage.world, spec=stage.spec, status=stage.world.status)
    live = report.live
    before = spec_from(live)[0] if live is not None else None
    config_maps = report.place.config_maps if report.place is not None else {}
    now = (before, files.files_of(before, config_maps).source) if before is not None else None
    if report.place is not None and report.place.live_known and report.source.is_seen:
        report.begin = begin(view, now)
    report.intent = view.intent if report.source.is_seen else ""
    report.requests = requests.standing(view)
    report.findings += requests.findings(report.requests)
    report.told = stories(stage)
    report.findings += advice(report.document, stage.spec, stage.files.ids, beside, report.namespace)
    report.findings += lookout.cautions(stage)
    report.findings += [one for told in report.told for one in files.unknown_losses(stage.files, told.known)]
    applied = _applied(stage)
    found = files.findings(stage.files, applied)
    report.findings += [one for one in found if one.reason != OperatorReason.CONFIG_MAP_MISSING]
    unknown = files.target_finding(stage.files, stage.target, applied)
    if unknown is not None:
        report.findings.append(unknown)


def _applied(stage: Stage) -> tuple[str, ...]:
    """Ids of which it is known that they are applied already."""
    state = stage.world.status.schema_state
    if state is None:
        return ()
    ids = stage.files.ids or ()
    below = ids[: ids.index(state.current) + 1] if state.current in ids else ()
    return tuple(dict.fromkeys([*below, *state.applied_tail]))


async def _admitted(report: Report, stage: Stage, client: Looking) -> None:
    """Whether the cluster would take the Jobs, of every step that could come."""
    played = [one.story for one in report.told] + [one.risky for one in report.told if one.risky is not None]
    scenes = steps_of([*played, backward(replace(stage, world=replace(stage.world, jobs=())))])
    report.verdicts = await admission.verdicts(client, report.namespace, scenes)
    certain = {one.step for told in report.told for one in told.story.scenes if told.known.certain}
    report.findings += admission.findings(report.verdicts, certain, report.needed)
