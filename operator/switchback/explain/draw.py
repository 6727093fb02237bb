"""The answer for people: verdict and facts first, then the stories, then what stands in the way."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import click

from switchback.api.status import Want
from switchback.contract.words import Operation
from switchback.controller.observed import PolicyState
from switchback.explain import traffic_words, words
from switchback.explain.changes import shown
from switchback.explain.cluster import There
from switchback.explain.findings import Level, in_order, spelled
from switchback.explain.scenes import EndingKind, SceneKind
from switchback.kubectl.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from switchback.explain.findings import Finding
    from switchback.explain.inquire import Report
    from switchback.explain.scenes import Scene
    from switchback.explain.stories import Told
    from switchback.kubectl.screen import Screen

LABEL = 11
WIDTH = 110
CHANGES = 6
STEP = 10
LABELS = {SceneKind.OLD_SLOT: "wait"}
"""How a kind of scene is called, where not by its name."""

_MARKS: dict[Level, tuple[str, dict[str, Any]]] = {
    Level.INVALID: ("✖", {"fg": "red", "bold": True}),
    Level.REFUSED: ("✖", {"fg": "red", "bold": True}),
    Level.WARNING: ("⚠", {"fg": "yellow"}),
    Level.UNKNOWN: ("?", {"dim": True}),
}
_THERE = {There.YES: "✔", There.NO: "✖", There.UNKNOWN: "?", There.COMES: "comes with the file"}


class Drawing:
    """Writes one report after the other."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._width = min(screen.width or WIDTH, 140)
        self._jobs: set[str] = set()

    def report(self, report: Report) -> None:
        """Everything about one document."""
        self._jobs.clear()
        self._line(0, self._heading(report))
        if report.is_valid:
            for label, text in self._facts(report):
                self._fact(label, text)
            for told in report.told:
                self._line()
                self._story(report, told)
        self.findings(report)

    def findings(self, report: Report) -> None:
        """What stands in the way, and what else there is to say."""
        found = in_order(report.findings, report.document.places)
        if found:
            self._line()
        for one in found:
            self._finding(report, one)

    # parts

    def _heading(self, report: Report) -> str:
        style = self._screen.style
        name = report.name or "(without a name)"
        where = report.document.places.text()
        head = f"{style(clean(where), dim=True)}  {style(f'DatabaseMigration {clean(name)}', bold=True)}"
        return f"{head}  {style(f'namespace {clean(report.namespace)}', dim=True)}  {self._verdict(report)}"

    def _verdict(self, report: Report) -> str:
        style = self._screen.style
        invalid = sum(one.level is Level.INVALID for one in set(report.findings))
        refused = sum(one.level is Level.REFUSED for one in set(report.findings))
        if invalid:
            return style(f"✖ invalid: {_counted(invalid, 'mistake')}", fg="red", bold=True)
        if refused:
            return style(f"✖ {_counted(refused, 'thing')} in the way", fg="red", bold=True)
        if any(told.suspended for told in report.told):
            return style("⏸ suspended", fg="yellow")
        return style("✔ nothing refuses it", fg="green")

    def _facts(self, report: Report) -> Iterator[tuple[str, str]]:
        yield "Valid", self._valid(report)
        if report.place is not None:
            yield "Live", _live(report)
        if report.begin is not None:
            yield "Apply", _apply(report)
        elif report.intent:
            yield "Intent", report.intent
        yield from self._changed(report)
        yield from _rails(report)
        needed = [f"{one.kind} {one.name} {_THERE[there]}" for one, there in report.needed.items()]
        if needed:
            yield "Needs", " · ".join(dict.fromkeys(needed))
        if report.place is not None:
            yield "Operator", _operator(report)
        if report.verdicts:
            yield "Jobs", _verdicts(report)
        if report.spec is not None:
            yield "Limits", " · ".join(words.limits(report.spec))
        for one in report.requests:
            mark = "✔" if one.followed else "✖"
            yield "Request", f"{mark} {one.kind} {one.token}: {one.why}"

    @staticmethod
    def _valid(report: Report) -> str:
        judged = f"{_counted(report.fields, 'field')} and {_counted(report.rules, 'rule')} looked at"
        answer = report.answer
        if answer is None or not answer.tried:
            return judged
        if answer.after is not None:
            return f"{judged}; the API server takes it ({answer.how}, dry run)"
        return f"{judged}; the API server refuses it ({answer.how}, dry run)"

    @staticmethod
    def _changed(report: Report) -> Iterator[tuple[str, str]]:
        texts = [f"{spelled(one.path)} {shown(one.before)} → {shown(one.after)}" for one in report.changes]
        if texts:
            more = len(texts) - CHANGES
            yield "Changes", " · ".join(texts[:CHANGES]) + (f" · and {more} more" if more > 0 else "")

    def _story(self, report: Report, told: Told) -> None:
        style = self._screen.style
        head = words.headline(told.known) + traffic_words.place(
            told, report.spec.cutover if report.spec else None
        )
        if told.suspended:
            head += ", once spec.suspend is false"
        self._line(0, style(head, bold=True))
        number = 0
        for scene in self._scenes(told):
            number += 1
            self._scene(report, told, scene, number)
        self._end(report, told, number)
        for one in told.refusals:
            when = f"{one.condition}, " if one.condition else ""
            self._wrapped(
                f"  {style('✖', fg='red')} ", f"{when}refused, {one.reason}: {one.message} {one.advice}"
            )

    @staticmethod
    def _scenes(told: Told) -> Sequence[Scene]:
        """The story that shows more: when a loss makes a person necessary, it stands in the longer one."""
        risky = told.risky
        return risky.scenes if risky is not None and told.asks_when_risky else told.story.scenes

    def _end(self, report: Report, told: Told, number: int) -> None:
        style, spec = self._screen.style, report.spec
        kind = told.story.ending.kind
        if spec is not None and kind in {EndingKind.REACHED, EndingKind.ROLLED_BACK}:
            text = words.ending(told, spec) if number else f"nothing to do: {told.story.ending.message}"
            mark = style("✔", fg="green") if kind is EndingKind.REACHED else style("▼", fg="yellow")
            self._wrapped(f"  {mark} ", text)
            later = traffic_words.afterwards(told, spec)
            if later:
                self._wrapped("    ", later, dim=True)
        elif not told.refusals:
            self._wrapped(f"  {style('◷', fg='yellow')} ", told.story.ending.message)

    def _scene(self, report: Report, told: Told, scene: Scene, number: int) -> None:
        style, spec = self._screen.style, report.spec
        if spec is None:
            return
        what = str(scene.step) if scene.step is not None else LABELS.get(scene.kind, str(scene.kind).lower())
        head = f"  {number:<2} {style(what.ljust(STEP), fg='cyan')} "
        if scene.kind is SceneKind.APPROVAL:
            self._approval(report, told, scene, head)
            return
        self._wrapped(head, words.does(scene, told, spec))
        if scene.manifest:
            name = told.story.pattern(scene.name) if scene in told.story.scenes else _pattern(told, scene)
            if name in self._jobs:
                return
            self._jobs.add(name)
            images = ", ".join(words.images(scene))
            self._wrapped(" " * (STEP + 6), f"Job {name} · {images}", dim=True)
            if scene.step is not Operation.SNAPSHOT:  # several containers, told in words
                self._wrapped(" " * (STEP + 6), words.command(scene), dim=True)

    def _approval(self, report: Report, told: Told, scene: Scene, head: str) -> None:
        want = scene.want or Want.ROLLBACK
        spec = report.spec
        longest = traffic_words.duration(spec.approval.timeout_seconds) if spec is not None else ""
        only = "if it loses data, " if told.asks_when_risky and want is Want.ROLLBACK else ""
        why = " and ".join(words.asked_by(want, report))
        self._wrapped(head, f"{only}waits for a person up to {longest}: {why}")
        self._wrapped(" " * (STEP + 6), f"who: {words.approver(report)}", dim=True)

    def _finding(self, report: Report, one: Finding) -> None:
        mark, how = _MARKS[one.level]
        place = report.document.places.text(one.path)
        style = self._screen.style
        where = f"  {style(spelled(one.path), bold=True)}" if one.path else ""
        self._line(0, f"{style(mark, **how)} {clean(place)}{where}  {style(one.reason, dim=True)}")
        self._wrapped("    ", f"{one.message} {one.advice}".strip())

    # lines

    def _fact(self, label: str, text: str) -> None:
        self._wrapped(f"  {self._screen.style(label.ljust(LABEL), dim=True)}", text)

    def _wrapped(self, head: str, text: str, *, dim: bool = False) -> None:
        """`text` beside `head`, in as many lines as it takes."""
        indent = len(click.unstyle(head))
        room = max(self._width - indent, 30)
        lines = textwrap.wrap(clean(text), room, break_on_hyphens=False, break_long_words=False) or [""]
        for index, line in enumerate(lines):
            shown_line = self._screen.style(line, dim=True) if dim else line
            self._line(0, f"{head if index == 0 else ' ' * indent}{shown_line}")

    def _line(self, indent: int = 0, text: str = "") -> None:
        self._screen.print(self._screen.spell(" " * indent + text).rstrip())


def _pattern(told: Told, scene: Scene) -> str:
    return told.risky.pattern(scene.name) if told.risky is not None else scene.name


def _live(report: Report) -> str:
    place, live = report.place, report.live
    if place is None or not place.live_known:
        return "not known"
    if live is None:
        return "there is none yet"
    status = live.get("status") or {}
    conditions: list[dict[str, Any]] = status.get("conditions") or []
    ready = next((one for one in conditions if one.get("type") == "Ready"), None)
    said = f"Ready {ready['status']}/{ready['reason']}" if ready else "no operator has looked at it yet"
    schema = (status.get("schema") or {}).get("current", "")
    parts = [f"generation {live['metadata'].get('generation', 0)}", said]
    if schema:
        parts.append(f"the schema is at {schema}")
    return " · ".join(parts)


def _apply(report: Report) -> str:
    begin = report.begin
    if begin is None:
        return ""
    head = "begins an operation" if begin.begins else "begins nothing"
    way = f"{begin.before} → {begin.intent}" if begin.before not in {"", begin.intent} else begin.intent
    return f"{head}: {begin.why} Intent {way}"


def _rails(report: Report) -> Iterator[tuple[str, str]]:
    """Where the files are, and where the traffic is."""
    spec = report.spec
    if spec is not None and spec.source is not None:
        yield "Source", _source(report)
    if spec is not None and spec.cutover is not None and report.world is not None:
        seen = report.traffic_seen
        yield "Traffic", traffic_words.known(spec.cutover, report.world.traffic, by_cluster=seen)


def _source(report: Report) -> str:
    spec = report.spec
    if spec is None or spec.source is None:
        return ""
    image = spec.source.image
    if image is not None:
        return f"{image.path} in image {image.reference}, which nobody looks into from here"
    names = ", ".join(spec.config_maps)
    ids = report.source.ids
    if report.source.problem is not None:
        return f"ConfigMap {names}: cannot be used"
    if ids is None:
        return f"ConfigMap {names}: not seen from here"
    span = ids[0] if len(ids) == 1 else f"{ids[0]} … {ids[-1]}"
    return f"{_counted(len(ids), 'migration')} in ConfigMap {names}: {span}"


def _operator(report: Report) -> str:
    one = report.operator
    if one is None:
        return "none was found"
    parts = [f"{one.namespace}/{one.name}"]
    if one.runs:
        parts.append(f"runs as {one.holder}")
    elif one.age is None:
        parts.append("whether it runs is not known")
    else:
        parts.append("does not run")
    if report.guard.state is PolicyState.PRESENT:
        parts.append(f"approvals are guarded by {report.guard.name}")
    elif report.guard.state is PolicyState.MISSING:
        parts.append(f"approvals do not count: policy {report.guard.name} is not in force")
    return " · ".join(parts)


def _verdicts(report: Report) -> str:
    """What the cluster would make of the Jobs, those with the same fate together."""
    groups: dict[str, list[str]] = {}
    for one in report.verdicts:
        groups.setdefault(one.let.value, []).append(str(one.step))
    return " · ".join(f"{', '.join(steps)}: {fate}" for fate, steps in groups.items())


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
