"""What counts: flag, variable, file, default; and which database, of all that may name one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from switchback.cli import config_keys, config_secrets, config_values
from switchback.cli.config_file import ConfigError
from switchback.runner import policy
from switchback.runner.session import Limits

PROGRAM = Path(sys.executable).parent / "switchback"
EVERYDAY = "postgresql://everyday@h/d"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *words], capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], **environment}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def shown(*words: str, **environment: str) -> dict[str, Any]:
    done = call("config", "--json", *words, **environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def look(environment: str | None = None, *, by_flag: bool = True, **environ: str) -> config_values.Settings:
    return config_values.look(environment, by_flag=by_flag, environ=environ, start=Path.cwd())


def url(environment: str | None = None, *, by_flag: bool = True, **environ: str) -> str | None:
    found = look(environment, by_flag=by_flag, **environ).url()
    return None if found is None else str(found.value)


def test_flag_before_variable_before_file_before_default(here: Path) -> None:
    (here / "switchback.toml").write_text('role = "f"\nledger-schema = "f"\nlock-timeout = "7s"\n')
    found = shown("--role", "c", SWITCHBACK_ROLE="v", SWITCHBACK_LEDGER_SCHEMA="v")["settings"]
    assert found["role"] == {"value": "c", "origin": "flag", "from": "--role"}
    assert found["ledger-schema"] == {"value": "v", "origin": "variable", "from": "SWITCHBACK_LEDGER_SCHEMA"}
    assert found["lock-timeout"] == {"value": "7s", "origin": "file", "from": "switchback.toml:3"}
    assert found["format"] == {"value": None, "origin": "default", "from": "default"}


def test_an_environment_counts_over_the_rest(here: Path) -> None:
    (here / "switchback.toml").write_text('role = "a"\nformat = "Pairs"\n\n[env.live]\nrole = "b"\n')
    assert shown()["settings"]["role"]["value"] == "a"
    for found in (shown("--env", "live"), shown(SWITCHBACK_ENV="live")):
        assert found["environment"] == "live"
        assert found["settings"]["role"]["from"] == "switchback.toml:5 [env.live]"
        assert found["settings"]["format"]["value"] == "Pairs"
    assert shown("--env", "live", SWITCHBACK_ROLE="v")["settings"]["role"]["value"] == "v"


@pytest.mark.parametrize(
    ("words", "environment", "message"),
    [
        (("--env", "lvie"), {}, "--env lvie: switchback.toml has no table [env.lvie]. Did you mean live?"),
        ((), {"SWITCHBACK_ENV": "x"}, "SWITCHBACK_ENV=x: switchback.toml has no table [env.x]. There is"),
        ((), {"SWITCHBACK_HOLD_CONTRACT": "perhaps"}, "SWITCHBACK_HOLD_CONTRACT is neither true nor false."),
        ((), {"SWITCHBACK_LOCK_TIMEOUT": "5"}, "SWITCHBACK_LOCK_TIMEOUT is no duration."),
        (("--lock-timeout", "5"), {}, "Invalid value for '--lock-timeout': '5' is no duration."),
    ],
)  # fmt: skip
def test_what_there_is_not_is_usage(
    here: Path, words: tuple[str, ...], environment: dict[str, str], message: str
) -> None:
    (here / "switchback.toml").write_text('[env.live]\nrole = "b"\n')
    done = call("config", *words, **environment)
    assert done.returncode == 2
    assert message in done.stderr
    told = json.loads(call("config", "--json", *words, **environment).stdout)
    assert told["reason"] == "Usage"


def test_an_environment_without_a_file(here: Path) -> None:
    done = call("config", "--env", "live")
    assert done.returncode == 2
    assert "there is no switchback.toml" in done.stderr


def test_lists_in_variables_have_commas() -> None:
    assert look(SWITCHBACK_SEARCH_PATH="app, public").said["search-path"].value == ("app", "public")


def test_a_folder_in_a_file_is_seen_from_there(here: Path) -> None:
    (here / "switchback.toml").write_text('dir = "db"\n')
    (here / "db").mkdir()
    (here / "below").mkdir()
    assert shown()["settings"]["dir"]["value"] == "db"
    os.chdir(here / "below")
    assert shown()["settings"]["dir"]["value"] == str(here / "db")
    assert shown(SWITCHBACK_DIR="db")["settings"]["dir"]["value"] == "db"
    assert "holds no migration" in call("status", DATABASE_URL="postgresql://u@127.0.0.1:1/d").stderr


TWO = 'url = "postgresql://general@h/d"\n[env.live]\nurl-env = "LIVE"\n[env.bare]\nrole = "x"\n'
LIVE = "postgresql://live@h/d"


def test_which_database(here: Path) -> None:
    assert url() is None, "what libpq's variables say"
    assert url(DATABASE_URL=EVERYDAY) == EVERYDAY
    (here / "switchback.toml").write_text(TWO)
    assert url() == "postgresql://general@h/d"
    assert url(PGHOST="x") == "postgresql://general@h/d"
    assert url(DATABASE_URL=EVERYDAY) == EVERYDAY
    assert url(DATABASE_URL=EVERYDAY, SWITCHBACK_URL="postgresql://mine@h/d") == "postgresql://mine@h/d"
    assert url("live", DATABASE_URL=EVERYDAY, LIVE=LIVE) == LIVE, (
        "who chooses an environment means its database"
    )
    assert url("bare", DATABASE_URL=EVERYDAY) == EVERYDAY
    assert url("bare") == "postgresql://general@h/d"


def test_two_that_are_both_meant_are_refused(here: Path) -> None:
    (here / "switchback.toml").write_text(TWO)
    with pytest.raises(
        ConfigError, match=r"--env live names a database \(switchback.toml:3\), and SWITCHBACK_URL"
    ):
        url("live", LIVE=LIVE, SWITCHBACK_URL=EVERYDAY)
    assert url("live", by_flag=False, LIVE=LIVE, SWITCHBACK_URL=EVERYDAY) == EVERYDAY, "two variables"


def test_a_variable_that_is_not_set_is_not_passed_over(here: Path) -> None:
    (here / "switchback.toml").write_text(TWO)
    with pytest.raises(
        ConfigError, match=r"switchback.toml:3: the URL is to come from the variable LIVE, which is"
    ):
        url("live", DATABASE_URL=EVERYDAY)
    assert call("status", "--env", "live", DATABASE_URL=EVERYDAY).returncode == 2
    done = call("status", "--env", "live", "--url", "postgresql://u@127.0.0.1:1/d")
    assert "LIVE" not in done.stderr, "a flag counts first"


def test_config_shows_no_password(here: Path) -> None:
    secret = "postgresql://u:c4nary%21@h/d?sslpassword=c4nary"
    (here / "switchback.toml").write_text(f'url = "{secret}"\n[env.live]\nurl-env = "LIVE"\n')
    for words, environment in (
        ((), {}),
        (("--url", secret), {}),
        (("--env", "live"), {"LIVE": secret}),
        ((), {"SWITCHBACK_URL": secret}),
        ((), {"DATABASE_URL": secret}),
        ((), {"DATABASE_URL": f"{secret}%00"}),
    ):
        for output in ((), ("--json",)):
            done = call("config", *words, *output, **environment)
            assert done.returncode == 0
            assert "c4nary" not in done.stdout + done.stderr
            if "%00" not in str(environment):
                assert "postgresql://u:***@h:5432/d" in done.stdout


def test_config_tells_where_libpq_looks() -> None:
    assert shown(PGHOST="h", PGUSER="u")["settings"]["url"] == {
        "value": "postgresql://u@h:5432/u", "origin": "variable", "from": "PGHOST, PGUSER",
    }  # fmt: skip
    assert shown()["settings"]["url"]["origin"] == "unset"


def test_jobs_read_no_file(here: Path) -> None:
    (here / "switchback.toml").write_text("nonsense = 1\n")
    words = ("run", "--operation", "inspect", "--operation-id", "x", "--dir", str(here))
    done = call(
        *words, DATABASE_URL="postgresql://u@127.0.0.1:1/d", SWITCHBACK_ENV="x", SWITCHBACK_ROLE="nobody"
    )
    assert done.returncode not in {0, 2}
    assert "nonsense" not in done.stderr
    assert call("status").returncode == 2


def test_help_needs_no_file_that_can_be_read(here: Path) -> None:
    (here / "switchback.toml").write_text("nonsense = 1\n")
    assert call("status", "--help").returncode == 0
    assert call("version").returncode == 0


@pytest.mark.parametrize(
    ("mode", "tracked", "words"),
    [
        (0o644, False, "every user of this machine can read it (chmod 600)"),
        (0o644, True, "can read it (chmod 600), and is in git"),
        (0o600, True, "it is in git"),
        (0o640, False, ""),
    ],
)
def test_a_password_that_others_can_read(here: Path, mode: int, tracked: bool, words: str) -> None:  # noqa: FBT001
    file = here / "switchback.toml"
    file.write_text("")
    file.chmod(mode)
    subprocess.run(["git", "init", "-q"], check=True, cwd=here)
    if tracked:
        subprocess.run(["git", "add", "switchback.toml"], check=True, cwd=here)
    told = config_secrets.exposed(file)
    assert words in told
    assert bool(told) is bool(words)


def test_it_is_warned_of_a_password_only(here: Path) -> None:
    file = here / "switchback.toml"
    file.write_text('url = "postgresql://u:c4nary@127.0.0.1:1/d"\n')
    file.chmod(0o644)
    said = call("config").stderr
    assert said.startswith("warning: switchback.toml:1 holds a password, and every user")
    assert "c4nary" not in said
    assert call("config", "--url", "postgresql://u@h/d").stderr == ""
    file.write_text('url = "postgresql://u@127.0.0.1:1/d"\n')
    assert call("config").stderr == ""


def test_the_table_says_what_the_program_does() -> None:
    assert tuple(policy.Ahead) == config_keys.AHEAD
    assert Limits().lock_timeout_ms == 2000
    assert Limits().advisory == 60
    assert (config_keys.DEFAULT_LOCK_TIMEOUT, config_keys.DEFAULT_ADVISORY) == ("2s", "1min")
