"""From what a person writes as a target to one id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.reasons import Reason
from switchback.contract.words import BASE, LATEST
from switchback.migrations.errors import Problem, SourceProblem
from switchback.migrations.formats import FORMATS, short_forms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchback.migrations.model import Source

NEAREST = 3


def resolve(target: str, source: Source, ledger_ids: Iterable[str] = ()) -> str:
    """The id that `target` names, or `base`.

    `latest` is the last migration of the source. An id in full always wins; a short form counts when one
    migration of source and ledger together has it. A form of digits alone is compared as a number, so that
    `1`, `01` and `0001` are one.

    Args:
        target: `latest`, `base`, an id or a short form.
        source: the files.
        ledger_ids: ids that are applied; their files may be missing.

    Raises:
        SourceProblem: `TargetUnknown` with the nearest ids, or `TargetAmbiguous` with all that match.
    """
    if target == BASE:
        return BASE
    if target == LATEST:
        return source.migrations[-1].id
    ledger = tuple(ledger_ids)
    known = dict.fromkeys([migration.id for migration in source.migrations] + list(ledger))
    if target in known:
        return target
    forms = {migration.id: migration.short_forms for migration in source.migrations}
    for migration_id in ledger:
        forms.setdefault(migration_id, short_forms(migration_id, source.format))
    matching = _matching(target, {known_id: forms[known_id] for known_id in known})
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise SourceProblem(
            [
                Problem(
                    f"the target {target} may mean {' or '.join(matching)}.",
                    advice="Write the id in full.",
                    reason=Reason.TARGET_AMBIGUOUS,
                )
            ]
        )
    raise SourceProblem([_unknown(target, list(known), source)])


def among(target: str, ids: Iterable[str]) -> list[str]:
    """The ids of a ledger that `target` may mean, where there are no files to tell their format."""
    forms = {one: tuple(form for known in FORMATS for form in known.short_forms(one)) for one in ids}
    return [target] if target in forms else _matching(target, forms)


def _matching(target: str, forms: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [one for one, of_one in forms.items() if _names(target, of_one)]


def _names(target: str, forms: tuple[str, ...]) -> bool:
    if target in forms:
        return True
    return _number(target) is not None and _number(target) in {_number(form) for form in forms}


def _number(text: str) -> str | None:
    """Digits without leading zeros; as text, for a number may be longer than any integer should be."""
    return text.lstrip("0") or "0" if text.isascii() and text.isdigit() else None


def _unknown(target: str, known: list[str], source: Source) -> Problem:
    if target[:1] in {"+", "-", "~", "^"} and target[1:].isdigit():
        advice = "Targets are never relative: name an id, or use --steps."
    elif target.lower() in {BASE, LATEST}:
        advice = f"Did you mean {target.lower()}?"
    else:
        advice = f"The nearest are: {', '.join([*_nearest(target, known), LATEST, BASE])}."
    shown = target if target.isprintable() and len(target) <= 100 else ascii(target)[:100]  # noqa: PLR2004
    return Problem(
        f"neither the source {source.folder} nor the ledger has a migration {shown}.",
        advice=advice,
        reason=Reason.TARGET_UNKNOWN,
    )


def _nearest(target: str, known: list[str]) -> list[str]:
    """Ids that look like the target, or stand beside it in number."""
    import difflib  # noqa: PLC0415 - only for an unknown target

    close = difflib.get_close_matches(target, known, n=NEAREST, cutoff=0.4)
    if len(close) < NEAREST and known:
        within = [known_id for known_id in known if target.lower() in known_id.lower()]
        close = list(dict.fromkeys([*close, *within, *known[-NEAREST:]]))
    return close[:NEAREST]
