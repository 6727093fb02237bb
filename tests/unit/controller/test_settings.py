from __future__ import annotations

import pytest
from click.testing import CliRunner

from switchback.cli.operator import command
from switchback.controller.settings import Settings, SettingsError, client_images, namespaces


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
        "SWITCHBACK_LOG_LEVEL",
        "SWITCHBACK_LOG_FORMAT",
        "SWITCHBACK_PORT",
        "POD_NAMESPACE",
        "POD_NAME",
    ):
        assert name in help_text
