"""`kubectl switchback` against the real API server: what it shows, of which resource, what it says instead.

No operator is needed: the tests write the status.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from switchback.api import names
from switchback.contract.words import Operation
from tests.cluster import binaries
from tests.cluster.run import wait_for
from tests.e2e.plugin_bed import BIN, Plugin, Shop, job, place, played, plugin, pods_are, shop, talks
from tests.unit.kubectl import statuses

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.handle import Cluster
    from tests.e2e.kube import Kube

__all__ = ["place", "played", "plugin", "shop"]

pytestmark = pytest.mark.cluster


def other(kube: Kube, namespace: str, name: str) -> Shop:
    made = Shop(kube, namespace, name)
    made.create()
    return made


# status


def test_a_resource_that_waits_for_a_person(plugin: Plugin, shop: Shop) -> None:
    shop.show(statuses.awaiting_approval())
    done = plugin("status", "shop")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("⏸ shop  AwaitingApproval for ")
    assert f"├─ {'Schema':<11}0003_names → 0002_titles" in done.stdout
    assert f"kubectl switchback approve shop -n {plugin.namespace}" in done.stdout
    assert "token    0f3c9a6b1d2e4857" in done.stdout
    assert "undo  0003_names  Data" in done.stdout
    assert "at stake: column public.books.first holds data" in done.stdout
    assert "\x1b" not in done.stdout, "no colours but on a terminal"


def test_its_jobs_and_pods(plugin: Plugin, shop: Shop, played: Cluster, kube: Kube) -> None:
    shop.show(statuses.taking_snapshot())
    image = played.images.switchback
    job(shop, Operation.MIGRATE, 1, image, *talks())
    pods_are(kube, plugin.namespace, "Succeeded")
    job(shop, Operation.SNAPSHOT, 2, "localhost/none:nowhere", *talks())

    def shown() -> bool:
        return "ErrImage" in plugin("status").stdout or "ImagePullBackOff" in plugin("status").stdout

    wait_for("the plugin shows why the second pod does not start", shown, timeout=60)
    text = plugin("status").stdout
    assert "✔ Job migrate 1   Succeeded" in text or "◌ Job migrate 1   Running" in text
    assert "✔ Pod          Completed" in text
    assert "exit 0 · 0 restarts" in text
    assert "container switchback: image localhost/none:nowhere" in text

    code, told = plugin.json("status", "shop")
    assert code == 0
    assert [one["step"] for one in told["jobs"]] == ["migrate", "snapshot"]
    assert told["jobs"][0]["pods"][0]["exitCode"] == 0
    assert "localhost/none:nowhere" in told["jobs"][1]["pods"][0]["message"]
    assert told["status"]["operation"]["id"] == statuses.OPERATION
    assert told["state"] == "RollingBack"


def test_without_a_name_it_is_the_only_one_or_a_table(plugin: Plugin, shop: Shop, kube: Kube) -> None:
    shop.show(statuses.done())
    assert plugin("status").stdout.startswith("✔ shop  Succeeded")
    other(kube, plugin.namespace, "stock").show(statuses.failed())
    other(kube, plugin.namespace, "zebra")

    lines = plugin("status").stdout.splitlines()
    assert lines[0].split() == ["NAME", "STATUS", "SCHEMA", "TARGET", "AGE"]
    assert [line.split()[:4] for line in lines[1:]] == [
        ["✔", "shop", "Succeeded", "0003_names"],
        ["✖", "stock", "SQLFailed", "0003_names"],
        ["○", "zebra", "NotSeen", "0002_titles"],
    ]
    everywhere = plugin("status", "-A").stdout.splitlines()
    assert everywhere[0].startswith("NAMESPACE ")
    assert [line.split()[2] for line in everywhere if line.startswith(f"{plugin.namespace} ")] == [
        "shop", "stock", "zebra",
    ]  # fmt: skip
    assert "relation" in plugin("status", "-o", "wide").stdout
    _, told = plugin.json("status")
    assert [one["name"] for one in told["items"]] == ["shop", "stock", "zebra"]

    for words in (["history"], ["logs"], ["approve"], ["wait"]):
        done = plugin(*words)
        assert done.returncode == 2
        assert "Name one: shop, stock, zebra." in done.stderr


def test_yaml_is_what_json_is(plugin: Plugin, shop: Shop) -> None:
    import yaml  # noqa: PLC0415 - beside its use

    shop.show(statuses.done())
    _, told = plugin.json("status", "shop")
    assert yaml.safe_load(plugin("status", "shop", "-o", "yaml").stdout) == told


def test_names_as_kubectl_takes_them(plugin: Plugin, shop: Shop) -> None:
    assert plugin("status", "dbm/shop").stdout.startswith("○ shop  NotSeen")
    assert plugin("status", "databasemigrations.switchback.dev/shop").returncode == 0


# instead


def test_a_name_that_is_not_there(plugin: Plugin, shop: Shop) -> None:
    done = plugin("status", "shp")
    assert done.returncode == 2
    assert f"there is no DatabaseMigration shp in namespace {plugin.namespace}." in done.stderr
    assert "There is: shop." in done.stderr
    code, told = plugin.json("status", "shp")
    assert (code, told["reason"], told["exitCode"]) == (2, "NotFound", 2)


def test_a_namespace_without_any_and_none_at_all(plugin: Plugin) -> None:
    empty = plugin("status")
    assert (empty.returncode, empty.stdout) == (0, "")
    assert f"There are no DatabaseMigrations in namespace {plugin.namespace}." in empty.stderr
    assert plugin.json("status") == (0, {"items": []})
    nowhere = plugin("history", "shop", "-n", "no-such-namespace")
    assert nowhere.returncode == 2
    assert "there is no namespace no-such-namespace" in nowhere.stderr


def test_who_may_not_is_told_which_right_is_missing(plugin: Plugin, shop: Shop) -> None:
    done = plugin("status", "shop", "--as", "eve")
    assert done.returncode == 11
    assert f"you (eve) may not get databasemigrations in namespace {plugin.namespace}." in done.stderr
    done = plugin("status", "-A", "--as", "eve")
    assert "may not list databasemigrations in the whole cluster" in done.stderr


def test_who_may_see_no_jobs_sees_the_rest(plugin: Plugin, shop: Shop, played: Cluster) -> None:
    shop.show(statuses.taking_snapshot())
    rule = {"apiGroups": [names.GROUP], "resources": [names.PLURAL], "verbs": ["get", "list", "watch"]}
    group = "rbac.authorization.k8s.io"
    played.apply(
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": {"name": "looks"}, "rules": [rule]},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "looks"},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "looks"},
            "subjects": [{"apiGroup": group, "kind": "User", "name": "carol"}],
        },
        namespace=plugin.namespace,
    )
    done = plugin("status", "shop", "--as", "carol")
    assert done.returncode == 0
    assert "◌ shop  RollingBack" in done.stdout
    assert "not everything is shown: you (carol) may not list pods" in done.stdout
    terminal = plugin.terminal("status", "shop", "--as", "carol", "--watch")
    try:
        terminal.until("◌ shop  RollingBack")
        terminal.until("you (carol) may not list")
    finally:
        terminal.kill()


def test_another_cluster_and_an_unknown_context(plugin: Plugin, tmp_path: Path) -> None:
    done = plugin("status", "--context", "moon")
    assert done.returncode == 7
    assert "has no context moon; there are: " in done.stderr
    done = plugin("status", "--kubeconfig", str(tmp_path / "none"))
    assert done.returncode == 7
    assert "does not exist" in done.stderr


# as it changes


def test_a_picture_that_changes_until_ctrl_c(plugin: Plugin, shop: Shop, played: Cluster) -> None:
    shop.show(statuses.awaiting_approval())
    terminal = plugin.terminal("status", "shop", "--watch")
    try:
        terminal.until("⏸ shop  AwaitingApproval")
        assert b"\x1b[33m" in terminal.raw, "colours, on a terminal"

        shop.show(statuses.taking_snapshot())
        terminal.until("◌ shop  RollingBack", gone="Approval")

        job(shop, Operation.SNAPSHOT, 2, played.images.switchback, *talks(60))
        terminal.until("Job snapshot 2")
        shown = terminal.until("Pod          Running")
        assert sum("shop  RollingBack" in line for line in shown) == 1, "drawn over, not below"
        assert max(map(len, shown)) <= 110

        assert terminal.interrupt() == 130
        assert "Stopped" not in terminal.raw.decode()
        assert "Traceback" not in terminal.raw.decode()
    finally:
        terminal.kill()


def test_a_low_terminal_shows_the_beginning(plugin: Plugin, shop: Shop) -> None:
    shop.show(statuses.awaiting_approval())
    terminal = plugin.terminal("status", "shop", "-w", columns=60, lines=9)
    try:
        shown = terminal.until("more lines")
        assert shown[0].startswith("⏸ shop")
        assert len(shown) <= 9
    finally:
        terminal.kill()


def test_a_resource_that_is_deleted_ends_the_watch(plugin: Plugin, shop: Shop, kube: Kube) -> None:
    terminal = plugin.terminal("status", "shop", "-w", columns=200)
    try:
        terminal.until("○ shop")
        kube.delete(names.KIND, plugin.namespace, "shop")
        terminal.until("was deleted meanwhile")
        assert terminal.end() == 2
    finally:
        terminal.kill()


def test_changes_for_programs_are_one_document_a_line(plugin: Plugin, shop: Shop) -> None:
    with plugin.begin("status", "shop", "-w", "-o", "json") as call:
        first = json.loads(call.line())
        shop.show(statuses.done())
        states = [first["state"]]
        while states[-1] != "Succeeded":
            states.append(json.loads(call.line())["state"])
    assert states[0] == "NotSeen"


def test_a_table_that_changes(plugin: Plugin, shop: Shop, kube: Kube) -> None:
    other(kube, plugin.namespace, "stock")
    terminal = plugin.terminal("status", "-w")
    try:
        terminal.until("○   stock")
        shop.show(statuses.done())
        terminal.until("✔   shop")
        assert terminal.interrupt() == 130
    finally:
        terminal.kill()


# what it was


def test_history(plugin: Plugin, shop: Shop) -> None:
    assert "No operation of shop has ended yet." in plugin("history", "shop").stderr
    shop.show(statuses.failed())
    lines = plugin("history").stdout.splitlines()
    assert lines[0].split() == ["ENDED", "WAY", "OUTCOME", "REASON", "TOOK", "OPERATION", "BECAUSE"]
    assert "Forward 0003_names → 0004_stock" in lines[1]
    assert "SQLFailed" in lines[1]
    assert "first release" in lines[2]
    code, told = plugin.json("history", "shop")
    assert code == 0
    assert [one["outcome"] for one in told["history"]] == ["Failed", "Succeeded"]


# with kubectl


def kubectl(plugin: Plugin, *words: str, path: Path) -> subprocess.CompletedProcess[str]:
    env = plugin.env | {"PATH": f"{path}:{plugin.env['PATH']}"}
    return subprocess.run(
        [str(binaries.path("kubectl")), *words],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_kubectl_finds_it_and_completes_its_words(
    plugin: Plugin, shop: Shop, kube: Kube, tmp_path: Path
) -> None:
    shop.show(statuses.done())
    other(kube, plugin.namespace, "stock")
    script = tmp_path / "kubectl_complete-switchback"
    script.write_text(plugin("completion", "kubectl").stdout)
    script.chmod(0o755)

    done = kubectl(plugin, "switchback", "status", "shop", "-n", plugin.namespace, path=tmp_path)
    assert done.stdout.startswith("✔ shop  Succeeded"), done.stderr

    def offered(*words: str) -> list[str]:
        lines = kubectl(plugin, "__complete", "switchback", *words, path=tmp_path).stdout.splitlines()
        return [line.partition("\t")[0] for line in lines if not line.startswith(":")]

    assert offered("ap") == ["approve"]
    assert offered("status", "-n", plugin.namespace, "s") == ["shop", "stock"]
    assert offered("history", "--namespace", plugin.namespace, "sh") == ["shop"]
    assert offered("rollback", "shop", "-n", plugin.namespace, "--target", "") == [
        "0003_names", "0002_titles", "0001_books", "base", "latest",
    ]  # fmt: skip
    assert offered("status", "--context", "") != []
    assert plugin.namespace in offered("status", "-n", "t-")
    assert (BIN / "kubectl-switchback").is_file()
