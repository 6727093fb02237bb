from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import aiohttp
import pytest
import structlog

from switchback.controller import log
from switchback.controller.health import Health, Server
from switchback.controller.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator


async def asked(port: int, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as answer,
    ):
        return answer.status, await answer.text()


@pytest.mark.asyncio
async def test_probes_say_what_is_wrong() -> None:
    trouble = ""
    health = Health(alive={"resync": lambda: trouble}, ready={"watches": lambda: "not watching yet"})
    server = Server(health, Metrics(), 0)
    port = await server.start()
    try:
        assert await asked(port, "/healthz") == (200, "ok\n")
        assert await asked(port, "/readyz") == (503, "watches: not watching yet\n")
        trouble = "everything was last looked at 901 s ago"
        assert await asked(port, "/healthz") == (503, f"resync: {trouble}\n")
        assert (await asked(port, "/"))[0] == 404
    finally:
        await server.stop()


@pytest.mark.asyncio
async def test_the_numbers_are_there_for_prometheus() -> None:
    metrics = Metrics()
    metrics.leading(yes=True)
    metrics.resync_age(lambda: 12.5)
    server = Server(Health(), metrics, 0)
    port = await server.start()
    try:
        code, text = await asked(port, "/metrics")
    finally:
        await server.stop()
    assert code == 200
    assert 'leader_election_master_status{name="switchback"} 1.0' in text
    assert "switchback_resync_age_seconds 12.5" in text


@pytest.fixture
def untouched() -> Iterator[None]:
    """Leaves logging as it was found: other tests listen to it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.mark.usefixtures("untouched")
def test_a_line_of_json_carries_what_is_bound_to_the_look(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "json")
    structlog.contextvars.bind_contextvars(namespace="shop", name="a", operation="1-2")
    structlog.stdlib.get_logger("test").info("Job created", job="j")
    logging.getLogger("kopf.x").info("chatter")
    logging.getLogger("kopf.x").warning("worth knowing")
    logging.getLogger("test").debug("too fine")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["Job created", "worth knowing"]
    assert lines[0]["level"] == "info"
    assert {key: lines[0][key] for key in ("namespace", "name", "operation", "job")} == {
        "namespace": "shop",
        "name": "a",
        "operation": "1-2",
        "job": "j",
    }
    assert lines[0]["time"].endswith("Z")


@pytest.mark.usefixtures("untouched")
def test_text_is_for_people_and_debug_shows_the_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("debug", "text")
    logging.getLogger("kopf.x").debug("chatter")
    structlog.stdlib.get_logger("test").info("leading", lease="l")
    told = capsys.readouterr().err
    assert "chatter" in told
    assert "leading" in told
    assert "lease=l" in told
    assert "\x1b[" not in told, "no colour without a terminal"
