"""kubectl as a person uses it: commands are shown, every wait has an end, a failure says what is there."""

from __future__ import annotations

import os
import selectors
import shlex
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from examples.bookshop.telling import command, say, styled

if TYPE_CHECKING:
    from collections.abc import Iterator

CALL_SECONDS = 60
PORT_SECONDS = 30
LOG_LINES = 40
SLICE_SECONDS = 10

_CONDITION = ("status", "reason", "message")


class FailedError(Exception):
    """The story cannot go on; the message says what was expected and what was seen instead."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def run(
    words: list[str],
    *,
    seconds: float = CALL_SECONDS,
    stdin: str | None = None,
    environment: dict[str, str] | None = None,
) -> str:
    """Standard output of a program. `environment`: all of it; None: as it is here.

    Raises:
        FailedError: it could not be started, took too long, or ended with another code than 0.
    """
    line = shlex.join(words)
    try:
        done = subprocess.run(
            words, input=stdin, capture_output=True, text=True, timeout=seconds, check=False, env=environment
        )  # fmt: skip
    except FileNotFoundError:
        raise FailedError(f"{words[0]} is not installed: `make setup` installs what the demo needs") from None
    except subprocess.TimeoutExpired:
        raise FailedError(f"`{line}` did not end within {seconds:.0f} s") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise FailedError(f"`{line}` ended with exit code {done.returncode}: {said}")
    return done.stdout


class Kube:
    """kubectl in one namespace of the cluster that KUBECONFIG names."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def quiet(self, *words: str, seconds: float = CALL_SECONDS, stdin: str | None = None) -> str:
        """Run kubectl and return what it says."""
        # `kubectl switchback` is a program beside this Python.
        path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
        line = ["kubectl", *self._scope(words), *words]
        return run(line, seconds=seconds, stdin=stdin, environment={**os.environ, "PATH": path})

    def show(self, *words: str, seconds: float = CALL_SECONDS, stdin: str | None = None) -> str:
        """Show the command, run it, show what it says."""
        self.tell(*words)
        said = self.quiet(*words, seconds=seconds, stdin=stdin)
        if said.strip():
            say(styled(said.rstrip(), "dim"))
        return said

    def tell(self, *words: str) -> None:
        """Show a command."""
        command(f"kubectl {_readable((*self._scope(words, short=True), *words))}")

    def _scope(self, words: tuple[str, ...], *, short: bool = False) -> tuple[str, ...]:
        """The flags that name the namespace, unless the words name another, or none."""
        if "nodes" in words or "namespace" in words or "-n" in words:
            return ()
        return ("-n", self.namespace) if short else (f"--namespace={self.namespace}",)

    def wait(self, what: str, condition: str, *, seconds: int) -> None:
        """`kubectl wait`, shown. A resource that has stopped for good is not waited for any longer.

        Raises:
            FailedError: the time is over, or the resource is Stalled.
        """
        self.tell("wait", what, f"--for={condition}", f"--timeout={seconds}s")
        began = time.monotonic()
        deadline = began + seconds
        while (left := deadline - time.monotonic()) > 0:
            slice_ = max(1, min(SLICE_SECONDS, round(left)))
            try:
                self.quiet("wait", what, f"--for={condition}", f"--timeout={slice_}s", seconds=slice_ + 15)
            except FailedError as error:
                if "timed out waiting" not in str(error):
                    raise
            else:
                say(styled(f"condition met after {time.monotonic() - began:.1f} s", "dim"))
                return
            if what.startswith("dbm/") and self.condition(what, "Stalled").startswith("True"):
                raise FailedError(f"{what} is Stalled: {self.condition(what, 'Ready')}")
        raise FailedError(f"{what} did not reach {condition} within {seconds} s")

    def condition(self, what: str, kind: str) -> str:
        """A condition in one line: status/reason: message. Empty when it is not there."""
        parts = (self.read(what, f'.status.conditions[?(@.type=="{kind}")].{each}') for each in _CONDITION)
        return "{}/{}: {}".format(*parts)

    def read(self, what: str, path: str) -> str:
        """One value of an object by its JSON path; empty when it is not there."""
        return self.quiet("get", *what.split("/"), f"--output=jsonpath={{{path}}}").strip()

    def apply(self, text: str) -> str:
        """Apply a manifest that the story made."""
        return self.quiet("apply", "--filename=-", stdin=text)

    @contextmanager
    def forwarded(self, service: str, port: int) -> Iterator[int]:
        """A local port that leads to a port of a service, while the block runs."""
        words = ["kubectl", f"--namespace={self.namespace}", "port-forward", f"service/{service}", f":{port}"]
        self.tell("port-forward", f"service/{service}", f":{port}")
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
            try:
                yield _local_port(child)
            finally:
                child.kill()

    def diagnose(self) -> None:
        """Print what a person would look at: resource, Jobs, pods, events, logs."""
        looks = (
            ("the resource", ("get", "dbm", "--output=yaml")),
            ("Jobs and pods", ("get", "jobs,pods,pvc", "--output=wide")),
            ("events", ("get", "events", "--sort-by=.lastTimestamp")),
        )
        for title, words in looks:
            self._look(title, words)
        for pod in self._names("pods"):
            self._look(f"log of {pod}", ("logs", pod, "--all-containers", "--prefix", f"--tail={LOG_LINES}"))
        self._look(
            "log of the operator",
            ("-n", "switchback-system", "logs", "--selector=app.kubernetes.io/name=switchback",
             f"--tail={LOG_LINES}"),
        )  # fmt: skip

    def _names(self, kind: str) -> list[str]:
        try:
            return self.quiet("get", kind, "--output=name").split()
        except FailedError:
            return []

    def _look(self, title: str, words: tuple[str, ...]) -> None:
        say(styled(f"-- {title}", "bold"))
        try:
            say(self.quiet(*words, seconds=20).rstrip() or "(nothing)", indent=6)
        except FailedError as error:
            say(str(error), indent=6)


def _readable(words: tuple[str, ...]) -> str:
    return " ".join(word if _plain(word) else shlex.quote(word) for word in words)


def _plain(word: str) -> bool:
    """Whether a word needs no quotes to be read; a shell is stricter about braces."""
    return " " not in word and ("=" in word or "{" in word)


def _local_port(child: subprocess.Popen[str]) -> int:
    """The port that `kubectl port-forward` says it listens on.

    Raises:
        FailedError: it ended, or said nothing useful in time.
    """
    if child.stdout is None:
        raise FailedError("kubectl port-forward has no output to read")
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        deadline = time.monotonic() + PORT_SECONDS
        while (left := deadline - time.monotonic()) > 0 and selector.select(left):
            line = child.stdout.readline()
            if line.startswith("Forwarding from 127.0.0.1:"):
                return int(line.split(":")[1].split(" ")[0])
            if not line:
                break
    raise FailedError(f"kubectl port-forward did not come up within {PORT_SECONDS} s")
