"""The pod of a stage's checks, and that what it is told is what the spec says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from switchback.api.checks import Check
from switchback.api.job_template import InitContainer
from switchback.api.names import ANNOTATION_SWITCHED, CONTAINER
from switchback.checks import kinds, layout
from switchback.checks.model import KINDS, Context, from_environment
from switchback.checks.pod import CheckRequest, check_pod
from switchback.checks.told import told
from switchback.cli.check import command
from switchback.contract.reasons import Reason
from switchback.contract.result import DEFAULT_BUDGET, Result, decode, encode
from switchback.contract.result import Check as Outcome
from switchback.contract.words import CheckStage, Operation
from switchback.explain.rules import holds

if TYPE_CHECKING:
    from switchback.snapshots.provider import PodParts

ROOT = Path(__file__).parents[3]
HEADERS = [
    {"name": "X-Check", "value": "$(HOME)"},
    {"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "shop-checks", "key": "authorization"}}},
]
HTTP = {"url": "https://shop-web/checkout/ping?$(DATABASE_URL)", "expectStatus": 204, "headers": HEADERS}
DATABASE_ENV = ({"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}},)


def check(name: str, **kind: Any) -> Check:
    return Check.model_validate({"name": name, "stages": ["AfterCutover"], **kind})


WEB = check("my-web", httpGet=HTTP)
ROWS = check("rows", sql={"query": "SELECT '' WHERE '$' <> 'ü'", "expectValue": ""})
BUY = check(
    "can-buy", command={"image": "shop:1", "command": ["/smoke", "$(HOME)", "--buy"]}, timeoutSeconds=9
)


def pod(*checks: Check, **wishes: Any) -> PodParts:
    wishes = {"stage": CheckStage.AFTER_CUTOVER, "operation_id": "op-1", "image": "switchback:1", **wishes}
    return check_pod(CheckRequest(checks=checks, **wishes))


def environment(parts: PodParts) -> dict[str, str]:
    """What the container sees: the kubelet makes one sign of two."""
    (container,) = parts.containers
    return {one["name"]: one["value"].replace("$$", "$") for one in container["env"] if "value" in one}


def test_the_checks_arrive_as_the_spec_has_them() -> None:
    parts = pod(WEB, ROWS, BUY)
    web, rows, buy = from_environment(environment(parts))
    assert (web.name, web.kind, web.options["url"]) == ("my-web", "httpGet", HTTP["url"])
    assert (web.options["expectStatus"], web.options["expectBody"]) == (204, "")
    assert (web.period, web.timeout, web.threshold) == (5, 2, 3)
    assert dict(rows.options) == {"query": "SELECT '' WHERE '$' <> 'ü'", "expectValue": ""}
    assert (buy.kind, dict(buy.options), buy.timeout) == ("command", {}, 9)


def test_every_kind_of_the_api_is_known_here() -> None:
    fields = {field.alias or name for name, field in Check.model_fields.items()}
    assert set(KINDS) == set(kinds.MODULES) == fields - {
        "name", "stages", "periodSeconds", "timeoutSeconds", "failureThreshold",
    }  # fmt: skip


def test_every_check_of_the_example_can_be_made() -> None:
    manifest = yaml.safe_load((ROOT / "examples/resource/blue-green.yaml").read_text())
    checks = tuple(Check.model_validate(one) for one in manifest["spec"]["checks"])
    parts = pod(*checks)
    secrets = {one["name"]: "x" for one in parts.containers[0]["env"] if "valueFrom" in one}
    arrived = from_environment(environment(parts))
    made = [kinds.make(one, Context(environment=secrets)) for one in arrived]
    assert len(made) == len(checks) > 4
    assert {one.kind for one in arrived} == set(KINDS)


def test_values_of_secrets_are_in_no_argument_and_no_value() -> None:
    (container,) = pod(WEB).containers
    secret = next(one for one in container["env"] if one["name"] == "SWITCHBACK_HEADER_MY_WEB_1")
    assert secret["valueFrom"] == {"secretKeyRef": {"name": "shop-checks", "key": "authorization"}}
    assert "SWITCHBACK_HEADER_MY_WEB_0" not in {one["name"] for one in container["env"]}


def test_variables_of_headers_never_meet() -> None:
    pairs = [("a", 0), ("a", 1), ("a-0", 0), ("a-0", 1), ("a-1", 0), ("a-1-0", 0), ("b", 10), ("b-1", 0)]
    assert len({layout.header_variable(*pair) for pair in pairs}) == len(pairs)


def test_the_database_is_known_to_our_container_alone_and_only_where_it_is_asked() -> None:
    with_sql = pod(ROWS, BUY, database_env=DATABASE_ENV)
    assert DATABASE_ENV[0] in with_sql.containers[0]["env"]
    assert "DATABASE_URL" not in json.dumps(with_sql.init_containers)
    assert "DATABASE_URL" not in json.dumps(pod(BUY, database_env=DATABASE_ENV).containers)


def test_words_of_the_command_line() -> None:
    (container,) = pod(
        WEB, soak_seconds=300, seconds=900, connect=("10.96.0.7:80", "[fd00::1]:443"), signal=True,
        wait_seconds=400, role="app", search_path=("shop", "public"), result_budget=2048,
    ).containers  # fmt: skip
    assert container["name"] == CONTAINER
    assert container["args"] == [
        *("check", "--stage", "AfterCutover", "--operation-id", "op-1", "--seconds", "900"),
        *("--soak-seconds", "300", "--connect", "10.96.0.7:80", "--connect", "[fd00::1]:443"),
        *("--signal", "/switchback/signal/switched", "--wait-seconds", "400", "--role", "app"),
        *("--search-path", "shop", "--search-path", "public"),
        *("--result-file", "/dev/termination-log", "--result-budget", "2048"),
    ]


def test_the_signal_is_the_annotation() -> None:
    parts = pod(WEB, signal=True)
    (volume,) = parts.volumes
    (item,) = volume["downwardAPI"]["items"]
    assert item["fieldRef"]["fieldPath"] == f"metadata.annotations['{ANNOTATION_SWITCHED}']"
    (mount,) = parts.containers[0]["volumeMounts"]
    assert (mount["name"], mount["readOnly"]) == (volume["name"], True)
    assert f"{mount['mountPath']}/{item['path']}" == layout.SIGNAL_FILE


def test_without_a_signal_or_a_command_there_is_nothing_beside() -> None:
    parts = pod(WEB)
    assert (parts.init_containers, parts.volumes, parts.containers[0]["volumeMounts"]) == ((), (), [])


def test_a_command_has_a_container_of_its_own_that_runs_beside_ours() -> None:
    parts = pod(BUY)
    (theirs,) = parts.init_containers
    assert (theirs["name"], theirs["image"], theirs["restartPolicy"]) == ("check-can-buy", "shop:1", "Always")
    assert theirs["command"][-3:] == ["/smoke", "$(HOME)", "--buy"]
    assert theirs["volumeMounts"] == parts.containers[0]["volumeMounts"]
    assert {one["name"] for one in theirs["env"]} == {
        "SWITCHBACK_CHECK", "SWITCHBACK_STAGE", "SWITCHBACK_OPERATION_ID",
    }  # fmt: skip


def test_one_variable_of_the_largest_check_is_no_longer_than_a_variable_may_be() -> None:
    """Linux takes 128 KiB in one."""
    header = {"name": "X" * 128, "value": "ü" * 1024}
    largest = check(
        "x" * 40,
        httpGet={"url": "http://" + "ü" * 2041, "expectBody": "ü" * 1024, "headers": [header] * 16},
    )
    assert len(json.dumps(told(largest), ensure_ascii=False).encode()) < 128 * 1024


def test_names_fit() -> None:
    name = "x" * 40
    assert len(layout.container_name(name)) <= 63
    assert len(layout.volume_name(name)) <= 63


def test_the_names_of_these_containers_are_ours() -> None:
    """Two containers of one name are refused by the API server, and the whole Job with them."""
    name = InitContainer.model_json_schema()["properties"]["name"]
    (rule,) = [one["rule"] for one in name["x-kubernetes-validations"]]
    assert not holds(rule, layout.container_name("can-buy"))
    assert holds(rule, "checker")


def test_many_containers_leave_room_for_the_outcome() -> None:
    """The kubelet keeps 12 KiB for all containers of a pod, and cuts what is longer than one's share."""
    commands = [
        check(f"c-{number}", command={"image": "shop:1", "command": ["/smoke"]}) for number in range(16)
    ]
    (container,) = pod(*commands, beside=10).containers
    words = container["args"]
    budget = int(words[words.index("--result-budget") + 1])
    assert budget == 12 * 1024 // 27
    (option,) = [one for one in command.params if one.name == "result_budget"]
    option.type.convert(budget, option, None)
    failed = Result(
        operation=Operation.CHECK,
        operation_id="3f2a91c0-000000",
        reason=Reason.CHECKS_FAILED,
        message=f"Check c-7 failed 3 times in a row: exit code 1: {'x' * 2000}",
        at="2026-01-01T12:00:00Z",
        exit_code=8,
        checks=tuple(Outcome(f"c-{number}", passed=False, error="x" * 500) for number in range(16)),
    )
    text = encode(failed, budget)
    assert len(text.encode()) <= budget
    found = decode(text)
    assert found.reason is Reason.CHECKS_FAILED
    assert found.message.startswith("Check c-7 failed 3 times in a row: exit code 1")
    few = pod(BUY, beside=2).containers[0]["args"]
    assert few[few.index("--result-budget") + 1] == str(DEFAULT_BUDGET)
