"""`kubectl switchback logs` with real Jobs and pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from switchback.contract.words import Operation
from tests.cluster.run import wait_for
from tests.e2e.plugin_bed import Plugin, Shop, job, place, played, plugin, pods_are, shop, talks
from tests.unit.kubectl import statuses

if TYPE_CHECKING:
    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Kube

__all__ = ["place", "played", "plugin", "shop"]

pytestmark = pytest.mark.cluster


def test_the_log_of_the_newest_job_or_of_a_chosen_one(
    plugin: Plugin, shop: Shop, played: Cluster, kube: Kube
) -> None:
    shop.show(statuses.failed())
    none = plugin("logs", "shop")
    assert none.returncode == 2
    assert "has no Job" in none.stderr
    assert 'SQLFailed: 0004_stock.up.sql:1: relation "book" does not exist' in none.stderr

    job(shop, Operation.INSPECT, 1, played.images.switchback, "python3", "-c", "print('first')")
    pods_are(kube, plugin.namespace, "Succeeded")
    job(shop, Operation.MIGRATE, 2, played.images.switchback, *talks())
    followed = plugin("logs", "shop", "-f")
    assert (followed.returncode, followed.stdout) == (0, "one\ntwo\n")
    assert plugin("logs", "shop", "--step", "inspect").stdout == "first\n"
    assert plugin("logs", "shop", "--attempt", "1").stdout == "first\n"
    assert plugin("logs", "shop", "--job", statuses.job_name(Operation.MIGRATE, 2)).stdout == "one\ntwo\n"
    assert plugin("logs", "shop", "--tail", "1").stdout == "two\n"
    _, told = plugin.json("logs", "shop")
    assert told["lines"] == ["one", "two"]

    wrong = plugin("logs", "shop", "--step", "snapshot")
    assert wrong.returncode == 2
    assert "has no Job for step snapshot" in wrong.stderr
    wrong = plugin("logs", "shop", "-c", "sidecar")
    assert wrong.returncode == 2
    assert "It has: switchback." in wrong.stderr

    for pod in kube.list("Pod", plugin.namespace):
        kube.delete("Pod", plugin.namespace, pod["metadata"]["name"])
    wait_for("the pods are gone", lambda: not kube.list("Pod", plugin.namespace), timeout=30)
    gone = plugin("logs", "shop")
    assert (gone.returncode, gone.stdout) == (2, "")
    assert "is gone, and its log with it." in gone.stderr
    assert 'relation "book" does not exist' in gone.stderr


def test_a_log_that_goes_on_until_ctrl_c(plugin: Plugin, shop: Shop, played: Cluster) -> None:
    job(shop, Operation.MIGRATE, 1, played.images.switchback, *talks(60))
    terminal = plugin.terminal("logs", "-f")
    try:
        terminal.until("two", seconds=60)
        assert terminal.interrupt() == 130
        assert "Traceback" not in terminal.raw.decode()
    finally:
        terminal.kill()


def test_a_container_that_has_not_started_is_told_with_what_is_wrong(
    plugin: Plugin, shop: Shop, kube: Kube
) -> None:
    job(shop, Operation.MIGRATE, 1, "localhost/none:nowhere", *talks())

    def waits() -> bool:
        return "image localhost/none:nowhere" in plugin("logs").stderr

    wait_for("the plugin says why", waits, timeout=60)
    assert plugin("logs").returncode == 3
