"""The stories of one resource: each case played calmly, and once more for the rollback that loses data.

A refusal ends an operation, so the operator tells the first one only. Here each is lifted once it is noted,
and the play goes on, until all of them are known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from switchback.api.reasons import REASONS, OperatorReason, explain
from switchback.api.spec import Spec
from switchback.api.status import OperationKind
from switchback.contract.reasons import Reason, meaning
from switchback.contract.result import Database
from switchback.contract.words import Direction, Risk
from switchback.controller.cutovers import live
from switchback.controller.observed import PolicyState, Source
from switchback.controller.view import View
from switchback.explain import rail
from switchback.explain.bounds import fits
from switchback.explain.cases import Case, cases
from switchback.explain.pretend import Ground
from switchback.explain.ride import FROM_TRAFFIC
from switchback.explain.scenes import EndingKind, SceneKind
from switchback.explain.script import Play
from switchback.migrations.model import Reversal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from switchback.controller.observed import Observed
    from switchback.controller.settings import Settings
    from switchback.explain.cases import Known
    from switchback.explain.files import Files
    from switchback.explain.findings import Path
    from switchback.explain.scenes import Ending, Story

MAJORS = ("15", "16", "17", "18")
"""Of the servers that Switchback takes."""

SOURCE: Path = ("spec", "source")
IF_RISKY = "if it loses data"

IF_STAYING = "if that stays so for spec.cutover.slotReadyDeadlineSeconds"

_R = OperatorReason

_PASSING = {_R.SLOT_NOT_READY, _R.NO_WAY_BACK}
"""What is waited for: a release that is applied together with this is seldom ready at once."""

PLACES: Mapping[str, Path] = {
    _R.ROLLBACK_DENIED: ("spec", "rollback", "policy"),
    _R.REASON_REQUIRED: ("spec", "rollback", "reasonPolicy"),
    _R.SNAPSHOT_REQUIRED: ("spec", "snapshot"),
    _R.CLIENT_IMAGE_MISSING: ("spec", "snapshot", "pgDump"),
    _R.DATA_LOSS_DENIED: ("spec", "rollback", "dataLossPolicy"),
    _R.APPROVAL_POLICY_MISSING: ("spec", "approval"),
    _R.SUSPENDED: ("spec", "suspend"),
    Reason.SLOT_NEEDS_SCHEMA: ("spec", "cutover", "slots"),
    **dict.fromkeys(FROM_TRAFFIC, ("spec", "cutover")),
    Reason.SOURCE_BEHIND_LEDGER: ("spec", "source", "aheadPolicy"),
}
"""Which part of the spec a refusal is about."""


@dataclass(frozen=True)
class Refusal:
    """One thing that would end the operation, or keep it from going on. `condition`: only if that is so."""

    reason: str
    message: str
    advice: str
    path: Path = ()
    condition: str = ""


@dataclass(frozen=True)
class Told:
    """One case: its story, what is different when going back destroys something, and all that refuses it.

    `suspended`: nothing of it happens before spec.suspend is false.
    """

    known: Known
    story: Story
    risky: Story | None
    refusals: tuple[Refusal, ...]
    suspended: bool = False
    live: str = ""
    """The slot that the Service points at before anything begins."""
    live_known: bool = False

    @property
    def asks_when_risky(self) -> bool:
        """Whether only a loss makes a person necessary."""
        return self.risky is not None and _asks(self.risky) and not _asks(self.story)

    @property
    def is_refused(self) -> bool:
        """Whether it cannot come to its end as things are, whatever is lost."""
        return any(not one.condition for one in self.refusals)


@dataclass(frozen=True)
class Stage:
    """What the stories are played on: the world after the apply, the files, the operator's settings."""

    world: Observed
    spec: Spec
    files: Files
    settings: Settings
    images_known: bool = True
    live_known: bool = False
    """Whether somebody has looked where the traffic is."""

    @property
    def live(self) -> str:
        """The slot that the Service points at; empty when that is not clear."""
        return live(View(world=self.world, spec=self.spec, status=self.world.status))

    @property
    def target(self) -> str:
        """The version that the operation goes to: the spec's, or that of a request to roll back."""
        view = View(world=self.world, spec=self.spec, status=self.world.status)
        asked, operation = view.rollback_wanted, self.world.status.operation
        if asked:
            return asked
        if operation is not None and operation.intent_digest == view.intent:
            goes_on = not view.wants_new or operation.kind is OperationKind.ROLLBACK
            return operation.target or self.spec.target if goes_on else self.spec.target
        return self.spec.target


def stories(stage: Stage) -> list[Told]:
    """Every case that can be."""
    return [_told(stage, known) for known in cases(stage.spec, stage.world.status, stage.target, stage.files)]


def backward(stage: Stage) -> Story:
    """The way back with everything that refuses it lifted: what it would need from the cluster."""
    stage = _with_spec(stage, suspend=False)
    first = cases(stage.spec, stage.world.status, stage.target, stage.files)[-1]
    story, _refusals = _through(stage, replace(first, case=Case.BEYOND), ())
    return story


def _is_back(known: Known) -> bool:
    return known.direction is Direction.BACKWARD


def _told(stage: Stage, known: Known) -> Told:
    suspended = stage.spec.suspend
    if stage.world.source.problem is not None:  # told with the place that names it; the story goes on
        stage = replace(stage, world=replace(stage.world, source=Source()))
    here, live_known = stage.live, stage.live_known
    first = _play(stage, known, ())
    if suspended and first.ending.kind is EndingKind.SUSPENDED:
        stage = _with_spec(stage, suspend=False)
        first = _play(stage, known, ())
    else:
        suspended = False
    _last, refusals = _through(stage, known, ())
    soft = [one.reason for one in refusals if one.reason in _PASSING]
    for reason in soft:
        stage = _lifted(stage, reason) or stage
    first = _play(stage, known, ()) if soft else first
    risky = None
    if _is_back(known):
        risky = _play(stage, known, (Risk.DATA_LOSS,))
        _last, more = _through(stage, known, (Risk.DATA_LOSS,))
        seen = {one.reason for one in refusals}
        refusals += [replace(one, condition=IF_RISKY) for one in more if one.reason not in seen]
        refusals += [*_irreversible(stage, known), *_unknown_servers(stage, seen)]
    return Told(known, first, risky, tuple(refusals), suspended, here, live_known)


def _irreversible(stage: Stage, known: Known) -> list[Refusal]:
    """Migrations on the way back whose files hold none."""
    found: dict[Reversal, list[str]] = {}
    for name, what in stage.files.no_way_back(known.todo).items():
        found.setdefault(what, []).append(name)
    texts = {
        Reversal.ABSENT: (Reason.NO_DOWN, "the source holds no way back for"),
        Reversal.IRREVERSIBLE: (Reason.IRREVERSIBLE, "the source declares irreversible"),
    }
    applied = "" if known.certain else "if it is applied"
    return [
        Refusal(reason, f"{words} {', '.join(found[what])}.", meaning(reason).advice, SOURCE, applied)
        for what, (reason, words) in texts.items()
        if what in found
    ]


def _unknown_servers(stage: Stage, seen: Collection[str]) -> list[Refusal]:
    """Which servers would have no client image, where nobody knows yet which one it is."""
    majors, reason = missing_majors(stage), OperatorReason.CLIENT_IMAGE_MISSING
    if not majors or reason in seen:
        return []
    condition = f"if the server is PostgreSQL {' or '.join(majors)}"
    return [Refusal(reason, "no client image is known.", REASONS[reason].advice, PLACES[reason], condition)]


def _through(stage: Stage, known: Known, risks: tuple[Risk, ...]) -> tuple[Story, list[Refusal]]:
    """(the story with every refusal lifted, the refusals in the order in which they come)."""
    found: list[Refusal] = []
    while True:
        story = _play(stage, known, risks)
        refusal = refusal_of(story.ending)
        if refusal is None or refusal.reason in {one.reason for one in found}:
            return story, found
        found.append(refusal)
        lifted = _lifted(stage, refusal.reason)
        if lifted is None:
            return story, found
        stage = lifted


def refusal_of(ending: Ending) -> Refusal | None:
    """What an ending says of somebody's having to do something; None when it is a good one."""
    if ending.kind not in {EndingKind.REFUSED, EndingKind.WAITING, EndingKind.ABORTED}:
        return None
    known = explain(ending.reason)
    advice = known.advice if known is not None else ""
    message = ending.message.removesuffix(advice).strip() or (known.meaning if known is not None else "")
    later = IF_STAYING if ending.reason in _PASSING else ""
    return Refusal(ending.reason, message, advice, PLACES.get(ending.reason, ()), later)


def _lifted(stage: Stage, reason: str) -> Stage | None:  # noqa: PLR0911 - one answer per reason
    """The same without what has refused; None when nobody could lift it by an edit."""
    match reason:
        case OperatorReason.ROLLBACK_DENIED:
            return _with_part(stage, "rollback", policy="Allow")
        case OperatorReason.REASON_REQUIRED:
            return _with_part(stage, "rollback", reasonPolicy="Optional")
        case OperatorReason.DATA_LOSS_DENIED:
            return _with_part(stage, "rollback", dataLossPolicy="Allow")
        case OperatorReason.SNAPSHOT_REQUIRED:
            return _with_spec(stage, snapshot={"none": {"acknowledge": True}})
        case OperatorReason.CLIENT_IMAGE_MISSING:
            images = dict.fromkeys(MAJORS, "postgres")
            return replace(
                stage,
                world=replace(stage.world, client_images=images),
                settings=replace(stage.settings, client_images=images),
            )
        case _ if reason in FROM_TRAFFIC and stage.spec.cutover is not None:
            well = rail.mended(stage.spec.cutover, stage.world, stage.live, whole=reason not in _PASSING)
            return replace(stage, world=well)
        case OperatorReason.APPROVAL_POLICY_MISSING:
            return replace(stage, world=replace(stage.world, approval_policy=PolicyState.PRESENT))
        case _:
            return None


def _with_part(stage: Stage, part: str, **fields: Any) -> Stage:
    data = stage.spec.to_json()
    return _with_spec(stage, **{part: {**data.get(part, {}), **fields}})


def _with_spec(stage: Stage, **fields: Any) -> Stage:
    spec = Spec.model_validate({**stage.spec.to_json(), **fields})
    return replace(stage, spec=spec, world=replace(stage.world, spec=spec))


def _play(stage: Stage, known: Known, risks: tuple[Risk, ...]) -> Story:
    held = stage.files.held(known.todo) if known.case is Case.BEHIND else ()
    ground = Ground(database_of(stage), risks, held, fits(stage.spec, stage.files.ids, known.target))
    return Play(stage.world, known, ground, stage.settings).story()


def database_of(stage: Stage) -> Database | None:
    """The database as it was seen, or as it may be; None where the spec names none."""
    if stage.spec.database is None:
        return None
    state = stage.world.status.schema_state
    seen = state.database if state is not None else None
    if seen is not None and seen.server_version:
        return Database(seen.name, seen.system_identifier, seen.server_version, seen.ledger)
    connection = stage.spec.database.connection
    majors = [major for major in MAJORS if major in images_of(stage)] or list(MAJORS)
    return Database(connection.name if connection is not None else "", "", int(majors[-1]) * 10000)


def images_of(stage: Stage) -> dict[str, str]:
    """Client images by major version: the operator's, and the spec's over them."""
    dump = stage.spec.snapshot.pg_dump if stage.spec.snapshot is not None else None
    return {**stage.settings.client_images, **(dump.client_images if dump is not None else {})}


def missing_majors(stage: Stage) -> list[str]:
    """Server versions for which no restore point could be taken, when it is not known which one it is."""
    state = stage.world.status.schema_state
    known = state is not None and state.database is not None and state.database.server_version
    if known or stage.spec.snapshot is None or stage.spec.snapshot.pg_dump is None:
        return []
    return [major for major in MAJORS if major not in images_of(stage)]


def _asks(story: Story) -> bool:
    return any(scene.kind is SceneKind.APPROVAL for scene in story.scenes)
