from __future__ import annotations

import pytest

from tests.cluster.backends.choice import decide
from tests.cluster.errors import BedError


def never() -> bool:
    pytest.fail("nobody asked for Docker")


def test_the_switch_wins_and_asks_nothing() -> None:
    for name in ("local", "kind", "current"):
        chosen, reason = decide({"CLUSTER": name}, engine=never, root=True, linux=True)
        assert (chosen, reason) == (name, f"CLUSTER={name} is set")


@pytest.mark.parametrize(
    ("engine", "root", "linux", "expected"),
    [(True, True, True, "kind"), (True, False, False, "kind"), (False, True, True, "local")],
)
def test_docker_first_then_root_on_linux(*, engine: bool, root: bool, linux: bool, expected: str) -> None:
    assert decide({}, engine=lambda: engine, root=root, linux=linux)[0] == expected


@pytest.mark.parametrize(("root", "linux"), [(False, True), (True, False)])
def test_with_nothing_there_is_one_message_and_exit_2(*, root: bool, linux: bool) -> None:
    with pytest.raises(BedError, match="without root, Docker or a kubeconfig") as caught:
        decide({}, engine=lambda: False, root=root, linux=linux)
    assert caught.value.code == 2


@pytest.mark.parametrize("value", ["docker", "Local", "kind "])
def test_an_unknown_word_is_refused(value: str) -> None:
    with pytest.raises(BedError, match="is one of local, kind, current") as caught:
        decide({"CLUSTER": value}, engine=never, root=True, linux=True)
    assert caught.value.code == 2


def test_local_without_root_is_refused() -> None:
    with pytest.raises(BedError, match="needs root on Linux"):
        decide({"CLUSTER": "local"}, engine=never, root=False, linux=True)
