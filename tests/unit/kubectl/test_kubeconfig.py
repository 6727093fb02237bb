"""Logging in as kubectl does: which file, which context, as whom, and what is said when it does not work."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from switchback.controller.kube.kubeconfig import Access, Login, contexts, login_as_person
from switchback.controller.kube.login import LoginError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.asyncio


def config(*, user: Any = None, current: str = "here", namespace: str = "", **cluster: Any) -> dict[str, Any]:
    place = {"cluster": "c", "user": "u"} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1", **cluster}}],
        "users": [{"name": "u", "user": {"token": "secret"} if user is None else user}],
        "contexts": [
            {"name": "here", "context": place},
            {"name": "there", "context": {"cluster": "c", "user": "u", "namespace": "far"}},
        ],
    }


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def writer(content: Any, name: str = "config") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return writer


def headers(login: Login) -> list[tuple[str, str]]:
    return list(login.configuration.client_session_kwargs["headers"].items())


async def refused(access: Access, environ: dict[str, str]) -> str:
    with pytest.raises(LoginError) as caught:
        await login_as_person(access, environ)
    return str(caught.value)


async def test_the_named_file_comes_first_then_the_variable_then_the_usual_place(
    write: Any, tmp_path: Path
) -> None:
    usual = write(config(namespace="usual"), "home/.kube/config")
    variable, flag = write(config(namespace="variable"), "b"), write(config(namespace="flag"), "c")
    home = {"HOME": str(tmp_path / "home")}
    assert usual.is_file()
    assert (await login_as_person(Access(), home)).namespace == "usual"
    environ = {**home, "KUBECONFIG": str(variable)}
    assert (await login_as_person(Access(), environ)).namespace == "variable"
    assert (await login_as_person(Access(kubeconfig=str(flag)), environ)).namespace == "flag"


async def test_several_files_are_one_and_the_first_to_name_something_wins(write: Any, tmp_path: Path) -> None:
    first, second = write(config(namespace="one"), "a"), write(config(current="there", namespace="two"), "b")
    missing = tmp_path / "none"
    environ = {"KUBECONFIG": os.pathsep.join([str(missing), str(first), str(second)])}
    found = await login_as_person(Access(), environ)
    assert (found.context, found.namespace) == ("here", "one")
    assert contexts(Access(), environ) == ["here", "there"]


async def test_a_context_is_chosen_by_name(write: Any) -> None:
    path = str(write(config()))
    found = await login_as_person(Access(kubeconfig=path, context="there"), {})
    assert (found.context, found.namespace) == ("there", "far")
    assert (await login_as_person(Access(kubeconfig=path), {})).namespace == "default"
    words = await refused(Access(kubeconfig=path, context="elsewhere"), {})
    assert path in words
    assert "no context elsewhere; there are: here, there" in words


async def test_credentials(write: Any) -> None:
    found = await login_as_person(Access(kubeconfig=str(write(config()))), {})
    assert found.configuration.api_key["BearerToken"] == "Bearer secret"
    assert headers(found) == []


async def test_a_credential_plugin(write: Any, tmp_path: Path) -> None:
    status = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "made"},
    }
    plugin = {"apiVersion": status["apiVersion"], "command": "echo", "args": [json.dumps(status)]}
    found = await login_as_person(Access(kubeconfig=str(write(config(user={"exec": plugin})))), {})
    assert found.configuration.api_key["BearerToken"] == "Bearer made"


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        ({"command": "/nonexistent/aws"}, "No such file"),
        (
            {"command": "sh", "args": ["-c", "echo the token has expired >&2; exit 3"]},
            "the token has expired",
        ),
        ({"command": "echo", "args": ["hello"]}, "decode"),
    ],
)
async def test_a_credential_plugin_that_fails_is_told(
    write: Any, plugin: dict[str, Any], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", **plugin}}
    said = await refused(Access(kubeconfig=str(write(config(user=user)))), {})
    assert words in said
    assert plugin["command"] in said
    assert capfd.readouterr().err == "", "said once, as an error, and not by the client as well"


async def test_as_somebody_else(write: Any) -> None:
    path = str(write(config()))
    found = await login_as_person(Access(kubeconfig=path, user="ada", groups=("dba", "dev")), {})
    assert headers(found) == [
        ("Impersonate-User", "ada"),
        ("Impersonate-Group", "dba"),
        ("Impersonate-Group", "dev"),
    ]
    assert "--as" in await refused(Access(kubeconfig=path, groups=("dba",)), {})


async def test_the_kubeconfig_may_say_as_whom(write: Any) -> None:
    user = {"token": "secret", "as": "ada", "as-groups": ["dba"]}
    path = str(write(config(user=user)))
    assert headers(await login_as_person(Access(kubeconfig=path), {})) == [
        ("Impersonate-User", "ada"),
        ("Impersonate-Group", "dba"),
    ]
    assert headers(await login_as_person(Access(kubeconfig=path, user="eve"), {})) == [
        ("Impersonate-User", "eve")
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no current context"),
        ("- a\n- b\n", "no mapping"),
        ("a: [", "cannot be used"),
        ("\x00", "cannot be used"),
        ("contexts: 5\n", "cannot be used"),
        (config(current=""), "--context; there are: here, there"),
        (config(current="gone"), "no context gone"),
        (config(**{"certificate-authority-data": "!!"}, server="https://127.0.0.1:1"), "cannot be used"),
        (
            config(**{"certificate-authority": "/nonexistent/ca"}, server="https://127.0.0.1:1"),
            "/nonexistent/ca",
        ),
        (
            config(**{"certificate-authority-data": "bm8gY2VydGlmaWNhdGU="}, server="https://127.0.0.1:1"),
            "certificates of the kubeconfig",
        ),
    ],
)
async def test_a_broken_file_is_named_and_why(write: Any, content: Any, words: str) -> None:
    said = await refused(Access(kubeconfig=str(write(content))), {})
    assert words in said
    assert "\n" not in said
    assert contexts(Access(kubeconfig=str(write(content))), {}) in ([], ["here", "there"])


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "none")
    assert f"{missing} (--kubeconfig) does not exist" in await refused(Access(kubeconfig=missing), {})
    assert f"{missing} (KUBECONFIG) does not exist" in await refused(Access(), {"KUBECONFIG": missing})
    assert "~/.kube/config is not there" in await refused(Access(), {"HOME": str(tmp_path)})


async def test_proxies_of_the_environment_count(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(write(config(server="http://api.example:6443")))
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    environ = {"http_proxy": "http://proxy.example:3128"}
    found = await login_as_person(Access(kubeconfig=path), environ)
    assert found.configuration.proxy == "http://proxy.example:3128"
    monkeypatch.setenv("no_proxy", "api.example")
    assert (await login_as_person(Access(kubeconfig=path), environ)).configuration.proxy is None


@pytest.mark.parametrize("token", ["hunter2: x", "*hunter2", '"hunter2\\q"', "!hunter2!x", "'a' hunter2"])
async def test_a_file_that_is_no_yaml_is_told_without_its_words(write: Any, token: str) -> None:
    said = await refused(
        Access(kubeconfig=str(write(f"users:\n- name: a\n  user:\n    token: {token}\n"))), {}
    )
    assert "hunter2" not in said
    assert "line 4: " in said
