"""How the story ends where it cannot begin."""

from __future__ import annotations

import signal
from typing import NoReturn

import pytest

from examples.bookshop import cluster, demo
from examples.bookshop.kube import Kube
from examples.bookshop.telling import Story
from tests.cluster.errors import BedError

WHY = "no cluster can be made"


class Refusing:
    """A cluster that this machine cannot have."""

    name = "kind"

    def is_up(self) -> bool:
        return False

    def up(self) -> NoReturn:
        raise BedError(WHY, code=2)

    def down(self) -> NoReturn:
        raise BedError(WHY, code=2)


def refuse() -> NoReturn:
    raise BedError(WHY, code=2)


@pytest.mark.parametrize("choose", [refuse, lambda: (Refusing(), "for a test")], ids=["chosen", "started"])
def test_without_a_cluster_there_is_one_message_and_exit_2(
    choose: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "choose", choose)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert demo.main() == 2
    said = "".join(capsys.readouterr())
    assert said.count(WHY) == 1
    assert "failed in step" not in said


def test_another_failure_of_the_bed_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> NoReturn:
        raise BedError("the node did not become ready")

    monkeypatch.setattr(cluster, "choose", fail)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert demo.main() == 1
    assert "failed in step 1" in capsys.readouterr().out


def test_only_a_chapter_that_there_is_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        demo.main(["three"])
    assert ended.value.code == 2
    assert "choose from" in capsys.readouterr().err


@pytest.mark.parametrize("chosen", [(), ("one",), ("two",)])
def test_each_chapter_can_be_played_alone(monkeypatch: pytest.MonkeyPatch, chosen: tuple[str, ...]) -> None:
    played: list[object] = []
    monkeypatch.setattr(demo.ChapterOne, "play", lambda _: played.append("one"))
    monkeypatch.setattr(demo.ChapterTwo, "play", lambda _, *, alone: played.append(("two", alone)))
    demo.play(Story(), Kube("bookshop"), *([chosen] if chosen else []))
    assert played == {(): ["one", ("two", False)], ("one",): ["one"], ("two",): [("two", True)]}[chosen]
