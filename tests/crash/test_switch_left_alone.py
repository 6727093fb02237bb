"""Nobody works in the middle of the soak, for longer than it lasts: only the pod that checks has a say."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from tests.crash.chance import CAMPAIGN
from tests.crash.proxy import Fault, Moment
from tests.crash.story import until
from tests.crash.switch_story import AGAIN_SECONDS, SECONDS, check_writes
from tests.traffic.shop import healthy
from tests.traffic.slots import BLUE, GREEN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.crash.conftest import Tell
    from tests.crash.operator_process import OperatorProcess
    from tests.crash.request import Request
    from tests.crash.switch_story import SwitchStory

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

AT_ONCE = 5 if CAMPAIGN else 3
SOAK = 4
AWAY = 300.0 if CAMPAIGN else 10.0
AUTOMATIC = {"rollback": {"automatic": "Traffic"}}
CHECKED = {"checks": [healthy()], **AUTOMATIC}


def switched(story: SwitchStory, spec: Mapping[str, object]) -> None:
    """Green is live and watched, and the pod that watches knows it."""
    story.ask(BLUE, spec=spec)
    story.succeeded()
    story.ask(GREEN, spec=spec, soakPeriodSeconds=SOAK)
    story.told()


def nobody(operator: OperatorProcess, story: SwitchStory, meanwhile: Callable[[], object]) -> float:
    """Nobody works for longer than the soak, while something happens. Gives when somebody came back."""
    with operator.away():
        begun = time.monotonic()
        meanwhile()
        time.sleep(max(0.0, AWAY - (time.monotonic() - begun)))
        assert story.at()["phase"] == "Soaking"
    return time.time()


def good(story: SwitchStory, telling: Tell) -> None:
    """What was good all the time is a success, and no request failed."""
    with story.oracle() as oracle, telling(story, Fault()) as (_, operator):
        with story.load() as load:
            switched(story, CHECKED)
            came = nobody(operator, story, lambda: None)
            story.succeeded()
        took = time.time() - came
    print(f"good: a success {took:.1f} s after the return")
    assert not load.tally.failed, load.tally.text()
    assert story.probes() == ["1"]
    assert took < AGAIN_SECONDS
    check_writes(oracle, [GREEN])


def bad_for_a_while(story: SwitchStory, telling: Tell) -> None:
    """Green has failed and is good again when somebody looks: the pod knows better."""

    def fail() -> None:
        job = story.at()["probeJob"]
        story.slots.fault(GREEN, errors=1)
        until(lambda: ended(story, job), SECONDS, "verdict of the pod")
        story.slots.fault(GREEN, errors=0)

    goes_back(story, telling, CHECKED, fail, "ChecksFailed")


def ended(story: SwitchStory, job: str) -> bool:
    """Whether the pod of a Job has said its word."""
    pods = story.kube.list("Pod", story.namespace, labels=f"batch.kubernetes.io/job-name={job}")
    return any(pod["status"].get("phase") in {"Succeeded", "Failed"} for pod in pods)


def dead(story: SwitchStory, telling: Tell) -> None:
    """No pod of green is ready any more."""
    goes_back(story, telling, AUTOMATIC, lambda: story.slots.fault(GREEN, unready=True), "SlotDied")


def goes_back(
    story: SwitchStory, telling: Tell, spec: Mapping[str, object], fail: Callable[[], object], why: str
) -> None:
    with story.oracle() as oracle, telling(story, Fault()) as (_, operator):
        switched(story, spec)
        came = nobody(operator, story, fail)
        assert story.finished()["Stalled"] == "True/RolledBack"
        story.at_rest()
    (_, returned) = oracle.switches()
    print(f"{why}: back at blue {returned.at - came:.1f} s after the return")
    assert (story.at()["phase"], story.at()["reason"]) == ("Restored", why)
    assert story.slots.live() == BLUE
    assert returned.at - came < AGAIN_SECONDS
    check_writes(oracle, [GREEN, BLUE])


def without_a_word(story: SwitchStory, telling: Tell) -> None:
    """The Job that checks is deleted: there is no success before another one has watched a whole soak."""
    with story.oracle() as oracle, telling(story, Fault()) as (_, operator):
        switched(story, CHECKED)
        job = story.at()["probeJob"]
        came = nobody(
            operator, story, lambda: story.cluster.kubectl("delete", "job", job, "-n", story.namespace)
        )
        story.succeeded()
        took = time.time() - came
    print(f"without a word: a success {took:.1f} s after the return")
    assert story.probes() == ["1", "2"]
    assert took > SOAK
    check_writes(oracle, [GREEN])


class BeforeTheWord(Fault):
    """The operator dies before it tells the pod that the traffic has moved, and does not come back soon."""

    def __init__(self) -> None:
        self.leave: Callable[[], None] = lambda: None
        self.met = False

    @override
    def kills(self, request: Request) -> Moment | None:
        if self.met or request.what != "patch pods":
            return None
        self.met = True
        self.leave()
        return Moment.BEFORE_SEND


def not_told(story: SwitchStory, telling: Tell) -> None:
    """The pod did not know that the traffic had moved: its soak begins late, and is a whole one."""
    fault = BeforeTheWord()
    with story.oracle() as oracle, telling(story, fault) as (_, operator):
        fault.leave = operator.leave
        story.ask(BLUE, spec=CHECKED)
        story.succeeded()
        story.ask(GREEN, spec=CHECKED, soakPeriodSeconds=SOAK)
        until(lambda: fault.met, SECONDS, "word to the pod")
        time.sleep(AWAY)
        operator.come_back()
        came = time.time()
        said = story.finished()
        story.at_rest()
        took = time.time() - came
    print(f"not told: {said['Ready']} {took:.1f} s after the return")
    assert story.probes() == ["1"]
    assert said["Ready"] == "True/Succeeded"
    assert took > SOAK
    check_writes(oracle, [GREEN])


def test_without_an_operator_the_soak_is_what_the_pod_says(
    new_switch: Callable[..., SwitchStory], telling: Tell
) -> None:
    stories = [(good, 2), (bad_for_a_while, 1), (without_a_word, 1)]
    stories += [(dead, 1), (not_told, 1)] if CAMPAIGN else []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda one: one[0](new_switch(replicas=one[1]), telling), stories))
