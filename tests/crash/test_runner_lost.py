"""A runner is lost in the middle of a statement: its server process ends, or is named and waited for."""

from __future__ import annotations

import os
import re
import select
import signal
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.crash.chance import CAMPAIGN
from tests.crash.proxy import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.handle import Cluster
    from tests.crash.conftest import Tell
    from tests.crash.story import Story

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep({})%' AND pid <> pg_backend_pid()"


@pytest.fixture
def start(
    crd_cluster: Cluster, new_story: Callable[[dict[str, str]], Story], telling: Tell
) -> Iterator[Callable[..., Story]]:
    """Begins a story with one migration whose statement takes so long, and whose effect can be counted."""
    if crd_cluster.backend.name != "local":
        pytest.skip("kills a process of a pod by its id, which only the local node lets a test do")
    with ExitStack() as after:

        def begin(seconds: int, **spec: Any) -> Story:
            up = "CREATE TABLE slow AS SELECT 1 AS done; "
            up += f"SELECT pg_sleep({seconds}); INSERT INTO slow VALUES (2);"
            story = new_story({"0001_slow.up.sql": up, "0001_slow.down.sql": "DROP TABLE slow;"})
            after.enter_context(telling(story, Fault()))
            story.ask("latest", **spec)
            return story

        yield begin


def until(what: str, seconds: float, seen: Callable[[], object]) -> object:
    """Polls five times a second until something is seen."""
    deadline = time.monotonic() + seconds
    while not (found := seen()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.2)
    return found


def running_statement(story: Story, seconds: int) -> str:
    """Pid of the server process that runs the slow statement, once it does."""
    found = until("the slow statement runs", 60, lambda: backends(story, seconds))
    assert isinstance(found, list)
    return str(found[0])


def backends(story: Story, seconds: int) -> list[str]:
    """Pids of the server processes that run the slow statement."""
    return [str(pid) for (pid,) in story.database.sql(BACKENDS.format(seconds))]


def runner(story: Story) -> tuple[int, str]:
    """Process id on this machine of the runner, and the address of its pod."""
    # The kubelet tells of a running container a second or more after its first statement has begun.
    pod = until("the runner's pod is told to run", 15, lambda: running_pod(story))
    assert isinstance(pod, dict)
    operation = pod["metadata"]["labels"]["switchback.dev/operation"]
    (process,) = [pid for pid, words in processes() if b"run" in words and operation.encode() in words]
    return process, str(pod["status"]["podIP"])


def running_pod(story: Story) -> dict[str, Any] | None:
    pods = story.kube.list("Pod", story.namespace, labels="switchback.dev/step=migrate")
    return next((pod for pod in pods if pod["status"]["phase"] == "Running"), None)


def backend(pid: str, client: str) -> int:
    """Process id on this machine of the server process with this pid in its pod that serves this client."""
    (process,) = [
        process
        for process, words in processes()
        if words[0].startswith(b"postgres: ") and client.encode() in words[0] and pid_inside(process) == pid
    ]
    return process


def pid_inside(process: int) -> str:
    """Process id in the innermost namespace that the process lives in."""
    status = Path(f"/proc/{process}/status").read_text()
    return status.partition("NSpid:")[2].partition("\n")[0].split()[-1]


def processes() -> Iterator[tuple[int, list[bytes]]]:
    """Processes of this machine with their words."""
    for folder in Path("/proc").iterdir():
        with suppress(OSError):  # it has ended meanwhile
            if folder.name.isdigit():
                yield int(folder.name), (folder / "cmdline").read_bytes().split(b"\0")


def test_sigkill_of_the_runner_ends_its_server_process_within_two_seconds(
    start: Callable[..., Story],
) -> None:
    story = start(60)
    pid = running_statement(story, 60)
    process, client = runner(story)
    server_process = os.pidfd_open(backend(pid, client))
    try:
        os.kill(process, signal.SIGKILL)
        begun = time.monotonic()
        poller = select.poll()
        poller.register(server_process, select.POLLIN)
        ended = poller.poll(10_000)
        gone = time.monotonic() - begun
    finally:
        os.close(server_process)
    print(f"gone after {gone:.2f} s")
    assert ended
    assert gone < 2
    assert story.database.sql("SELECT to_regclass('slow') IS NULL") == [(True,)], "nothing of it has stayed"


def test_an_orphan_is_named_and_never_run_beside(start: Callable[..., Story]) -> None:
    seconds = 25
    story = start(seconds, execution={"advisoryLockTimeoutSeconds": 3, "backoffLimit": 5})
    orphan = running_statement(story, seconds)
    process, address = runner(story)
    with story.cluster.drop_traffic(address):
        os.kill(process, signal.SIGKILL)
        until("the orphan's pid is told", 40, lambda: re.search(rf"pid {orphan}\b", told(story)))
        assert backends(story, seconds) in ([orphan], []), "nothing runs beside it"
        assert story.finished(120)["Ready"] == "True/Succeeded"
    assert story.database.sql("SELECT count(*) FROM slow") == [(2,)], "done once, by whichever of the two"
    assert [event.kind for event in story.database.events()].count("Applied") == 1


@pytest.mark.skipif(not CAMPAIGN, reason="it takes a minute and a half; make test-all waits for it")
def test_a_node_that_falls_silent_is_told_and_its_run_goes_on(start: Callable[..., Story]) -> None:
    """The kubelet stands still, as when a node is cut off: its containers go on, and nobody hears of them."""
    seconds = 75
    story = start(seconds)
    running_statement(story, seconds)
    process, _ = runner(story)
    with story.cluster.frozen("kubelet"):
        # The node controller waits for 50 s before it gives up on a node.
        until("the silent node is told", 90, lambda: "node has not answered since" in told(story))
        assert story.conditions()["Reconciling"] == "True/NodeLost"
        assert story.created() == ["migrate-1"]
        until("the run ends", seconds, lambda: process not in dict(processes()))
        assert not story.over(), "nobody has heard of it yet"
    assert story.finished(60)["Ready"] == "True/Succeeded"
    assert story.created() == ["migrate-1"]
    assert story.database.sql("SELECT count(*) FROM slow") == [(2,)]
    story.cluster.wait("nodes", "--all", "--for=condition=Ready")
    until("its Service leads to the server again", 60, lambda: reachable(story))


def reachable(story: Story) -> bool:
    with suppress(psycopg.OperationalError), story.database.server.connect():
        return True
    return False


def told(story: Story) -> str:
    """All messages of the resource's conditions."""
    return "\n".join(one["message"] for one in story.resource().get("status", {}).get("conditions", []))
