from __future__ import annotations

import pytest
from click.testing import CliRunner

from switchback.cli.operator import command
from switchback.controller.settings import Settings, SettingsError, client_images, namespaces, rds_allow
from switchback.snapshots.provider import Allowance


def test_client_images_are_a_json_object_by_major() -> None:
    assert client_images('{"15": "postgres:15"}') == {"15": "postgres:15"}
    assert client_images("") == {}


@pytest.mark.parametrize("text", ["postgres:15", "[1]", '{"15": ""}', '{"fifteen": "x"}', '{"15": 15}', "{"])
def test_client_images_that_cannot_be_used_are_named_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match=r"SWITCHBACK_CLIENT_IMAGES: .*\{\"15\""):
        client_images(text)


def test_namespaces_stand_between_commas() -> None:
    assert namespaces(" shop, bank ,shop,") == ("shop", "bank")
    assert namespaces("") == ()
    with pytest.raises(SettingsError, match="SWITCHBACK_NAMESPACES: 'Shop'"):
        namespaces("Shop")


def test_settings_name_the_variable_that_is_wrong() -> None:
    with pytest.raises(SettingsError, match="SWITCHBACK_RUNNER_IMAGE"):
        Settings(runner_image="")
    with pytest.raises(SettingsError, match="SWITCHBACK_RUNNER_PULL_POLICY"):
        Settings(runner_image="x", runner_pull_policy="Sometimes")


def test_an_installation_has_a_plain_name() -> None:
    assert Settings(runner_image="x", installation="prod-eu.1").installation == "prod-eu.1"
    for name in ("-prod", "prod eu", "x" * 64):
        with pytest.raises(SettingsError, match="SWITCHBACK_INSTALLATION"):
            Settings(runner_image="x", installation=name)


ROLE = "arn:aws:iam::123456789012:role/switchback-shop"


def test_nobody_may_use_rds_until_somebody_is_named() -> None:
    assert rds_allow("") == rds_allow("[]") == Settings(runner_image="x").rds_allow == ()


def test_an_allowance_names_namespaces_and_instances_and_perhaps_roles() -> None:
    assert rds_allow('[{"namespaces": ["shop"], "instances": ["shop-*"]}]') == (
        Allowance(("shop",), ("shop-*",)),
    )
    given = (
        '[{"namespaces": ["shop", "bank-*"], "instances": ["*"], "roles": ["arn:aws:iam::*:role/db-*"], '
        f'"role": "{ROLE}", "externalID": "prod-eu"}}]'
    )
    assert rds_allow(given) == (
        Allowance(("shop", "bank-*"), ("*",), ("arn:aws:iam::*:role/db-*",), ROLE, "prod-eu"),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("shop", r"SWITCHBACK_RDS_ALLOW: not JSON .*\[\{"),
        ('{"namespaces": ["shop"]}', r"SWITCHBACK_RDS_ALLOW: write a JSON list .*\[\{"),
        ('["shop"]', r"SWITCHBACK_RDS_ALLOW\[0\]: write an object"),
        ('[{"namespace": ["shop"]}]', "namespace is not known; there are namespaces, instances, roles"),
        ('[{"instances": ["*"]}]', r"\[0\]\.namespaces: name at least one"),
        ('[{"namespaces": ["shop"], "instances": []}]', r"\[0\]\.instances: name at least one"),
        ('[{"namespaces": "shop", "instances": ["*"]}]', r"\.namespaces: write a list of patterns"),
        ('[{"namespaces": [""], "instances": ["*"]}]', r"\.namespaces: write a list of patterns"),
        ('[{"namespaces": ["*"], "instances": ["*"], "role": "shop"}]', r"\.role: 'shop' is not the ARN"),
        ('[{"namespaces": ["*"], "instances": ["*"], "externalID": "a b"}]', r"\.externalID: use 2 to 1224"),
        (
            '[{"namespaces": ["*"], "instances": ["*"], "externalID": "prod"}]',
            r"\.externalID: .* none is named",
        ),
    ],
)
def test_an_allowance_that_cannot_be_used_is_named(text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        rds_allow(text)


def test_the_command_refuses_what_it_cannot_use_with_exit_2() -> None:
    run = CliRunner().invoke(command, [], env={"SWITCHBACK_RUNNER_IMAGE": ""})
    assert run.exit_code == 2
    assert "--runner-image" in run.output
    env = {"SWITCHBACK_RUNNER_IMAGE": "x", "SWITCHBACK_CLIENT_IMAGES": "no"}
    run = CliRunner().invoke(command, [], env=env)
    assert run.exit_code == 2
    assert "SWITCHBACK_CLIENT_IMAGES" in run.output


def test_every_setting_has_its_variable() -> None:
    help_text = CliRunner().invoke(command, ["--help"]).output
    for name in (
        "SWITCHBACK_RUNNER_IMAGE",
        "SWITCHBACK_RUNNER_PULL_POLICY",
        "SWITCHBACK_CLIENT_IMAGES",
        "SWITCHBACK_NAMESPACES",
        "SWITCHBACK_LEASE_NAME",
        "SWITCHBACK_INSTALLATION",
        "SWITCHBACK_RDS_ALLOW",
        "SWITCHBACK_LOG_LEVEL",
        "SWITCHBACK_LOG_FORMAT",
        "SWITCHBACK_PORT",
        "POD_NAMESPACE",
        "POD_NAME",
    ):
        assert name in help_text
