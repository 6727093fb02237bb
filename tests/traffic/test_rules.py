"""Every rule of the oracle is silent about a good switch, and speaks up about one that breaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.traffic import rules
from tests.traffic.rules import RULES, judge
from tests.traffic.slots import BLUE, GREEN, selector
from tests.traffic.tape import PERSON, Tape

if TYPE_CHECKING:
    from collections.abc import Callable


def good() -> Tape:
    """There and back, each with its intent before it and its endpoints after it."""
    tape = Tape()
    tape.intends("Switching")
    tape.write(selector(GREEN))
    tape.slice(GREEN)
    tape.resource(GREEN, ready=True)
    tape.intends("Restoring")
    tape.write(selector(BLUE))
    tape.slice(BLUE)
    tape.resource(BLUE, generation=2, ready=True)
    return tape


def broken_by(tape: Tape) -> set[str]:
    return {text.partition(":")[0] for text in judge(tape.story())}


def into_nothing(tape: Tape) -> None:
    tape.pod(GREEN, ready=False)
    tape.intends("Switching")
    tape.intends("Switching")
    tape.write(selector(GREEN))


def into_ending_pods(tape: Tape) -> None:
    tape.pod(GREEN, gone=True)
    tape.intends("Switching")
    tape.intends("Switching")
    tape.write(selector(GREEN))


def both(tape: Tape) -> None:
    tape.intends("Switching")
    tape.write(selector(None))


def emptied(tape: Tape) -> None:
    tape.intends("Switching")
    tape.write(None)


def unknown_slot(tape: Tape) -> None:
    tape.intends("Switching")
    tape.write(selector("red"))


def another_key(tape: Tape) -> None:
    tape.intends("Switching")
    tape.write({**selector(GREEN), "app": "another"})


def without_version(tape: Tape) -> None:
    tape.intends("Switching")
    tape.write(selector(GREEN), blind=True)


def there_twice(tape: Tape) -> None:
    tape.intends("Switching")
    tape.write(selector(GREEN))
    tape.intends("Restoring")
    tape.write(selector(BLUE))
    tape.intends("Switching")
    tape.write(selector(GREEN))


def act_before_intent(tape: Tape) -> None:
    tape.intends("Preparing")
    tape.write(selector(GREEN))
    tape.intends("Switched")


def back_without_intent(tape: Tape) -> None:
    tape.intends("Switching")
    tape.write(selector(GREEN))
    tape.intends("Soaking")
    tape.write(selector(BLUE))


def scales(tape: Tape) -> None:
    tape.request("patch", "deployments", "shop-blue")


def writes_slices(tape: Tape) -> None:
    tape.request("update", "endpointslices", "part")


def deletes_the_service(tape: Tape) -> None:
    tape.request("delete", "services", "shop-web")


def changes_ports(tape: Tape) -> None:
    tape.request("patch", "services", "shop-web", body={"spec": {"ports": []}})


def ready_on_the_old_side(tape: Tape) -> None:
    tape.resource(GREEN, ready=True)


def ready_before_the_endpoints(tape: Tape) -> None:
    tape.intends("Switching")
    tape.write(selector(GREEN))
    tape.resource(GREEN, ready=True)


def ready_with_both_behind(tape: Tape) -> None:
    tape.intends("Switching")
    tape.write(selector(GREEN))
    tape.slice(BLUE, GREEN)
    tape.resource(GREEN, ready=True)


def ready_with_nothing_behind(tape: Tape) -> None:
    tape.intends("Switching")
    tape.write(selector(GREEN))
    tape.slice()
    tape.resource(GREEN, ready=True)


def seen_from_the_future(tape: Tape) -> None:
    tape.resource(GREEN, generation=1, seen=2)


def contract_beside_the_old(tape: Tape) -> None:
    tape.job()


def contract_beside_an_ending_pod(tape: Tape) -> None:
    tape.pod(GREEN, ready=False)
    tape.job()


def replicas_fall(tape: Tape) -> None:
    tape.deployment(BLUE, 0)


VIOLATIONS: list[tuple[Callable[[Tape], None], Callable[..., object]]] = [
    (into_nothing, rules.never_into_nothing),
    (into_ending_pods, rules.never_into_nothing),
    (both, rules.never_both),
    (emptied, rules.never_both),
    (unknown_slot, rules.only_known),
    (another_key, rules.only_known),
    (without_version, rules.over_what_was_seen),
    (there_twice, rules.once_per_direction),
    (act_before_intent, rules.intent_before_act),
    (back_without_intent, rules.intent_before_act),
    (scales, rules.nothing_else_is_written),
    (writes_slices, rules.nothing_else_is_written),
    (deletes_the_service, rules.nothing_else_is_written),
    (changes_ports, rules.nothing_else_is_written),
    (ready_on_the_old_side, rules.ready_means_it),
    (ready_before_the_endpoints, rules.ready_means_it),
    (ready_with_both_behind, rules.ready_means_it),
    (ready_with_nothing_behind, rules.ready_means_it),
    (seen_from_the_future, rules.generations_are_honest),
    (contract_beside_the_old, rules.contract_after_the_old),
    (contract_beside_an_ending_pod, rules.contract_after_the_old),
    (replicas_fall, rules.replicas_stay),
]


def test_a_good_switch_there_and_back_breaks_no_rule() -> None:
    assert judge(good().story()) == []


@pytest.mark.parametrize(("step", "rule"), VIOLATIONS, ids=[step.__name__ for step, _ in VIOLATIONS])
def test_a_violation_is_seen(step: Callable[[Tape], None], rule: Callable[..., object]) -> None:
    tape = Tape()
    step(tape)
    assert rule.__name__ in broken_by(tape)


def test_every_rule_has_a_violation() -> None:
    assert {rule for _, rule in VIOLATIONS} == set(RULES)


def test_putting_right_what_somebody_else_did_is_no_second_switch() -> None:
    tape = good()
    tape.write(selector(None), user=PERSON, switch="")
    tape.write(selector(BLUE))
    tape.write(selector(None), user=PERSON, switch="")
    tape.write(selector(BLUE))
    assert judge(tape.story()) == []


def test_what_somebody_else_writes_is_not_held_against_the_operator() -> None:
    tape = Tape()
    tape.write(None, user=PERSON)
    tape.request("patch", "deployments", "shop-blue", user=PERSON)
    tape.deployment(BLUE, 0)
    assert judge(tape.story()) == []


def test_contract_files_run_when_the_old_pods_are_gone_or_over() -> None:
    tape = Tape()
    tape.pod(GREEN, ready=False, phase="Succeeded")
    tape.job("first")
    tape.pod(GREEN, gone=True)
    tape.job("second")
    assert judge(tape.story()) == []


def test_a_pod_that_dies_in_the_last_moment_is_a_race_and_no_fault() -> None:
    tape = Tape()
    tape.intends("Switching")
    tape.pod(GREEN, ready=False)
    tape.write(selector(GREEN))
    assert judge(tape.story()) == []
