"""The configuration file: found upwards, and refused with its line when something in it is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchback.cli import config_file, config_keys
from switchback.cli.config_file import ConfigError, find
from switchback.cli.toml_lines import lines_of


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(text: str, name: str = "switchback.toml") -> str:
    Path(name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        find({}, Path.cwd())
    assert caught.value.exit_code == 2
    return caught.value.message


def test_nothing_is_found_where_nothing_is(here: Path) -> None:
    Path("pyproject.toml").write_text("[project]\nname = 'switchback-like'\n")
    assert find({}, here) is None


def test_the_first_one_upwards_counts(here: Path) -> None:
    (here / "switchback.toml").write_text('role = "far"\n')
    (here / "a" / "b" / "c").mkdir(parents=True)
    (here / "a" / "pyproject.toml").write_text('[tool.switchback]\nrole = "near"\n')
    (here / "a" / "b" / "pyproject.toml").write_text("[tool.other]\nswitchback = 1\n")
    found = find({}, here / "a" / "b" / "c")
    assert found is not None
    assert (found.path, found.settings) == (here / "a" / "pyproject.toml", {"role": "near"})


def test_its_own_file_counts_before_the_shared_one(here: Path) -> None:
    (here / "switchback.toml").write_text('role = "own"\n')
    (here / "pyproject.toml").write_text('[tool.switchback]\nrole = "shared"\n')
    found = find({}, here)
    assert found is not None
    assert found.settings == {"role": "own"}


def test_a_variable_names_another_one_or_none(here: Path) -> None:
    (here / "switchback.toml").write_text('role = "usual"\n')
    (here / "other.toml").write_text('role = "other"\n')
    assert find({"SWITCHBACK_CONFIG": "none"}, here) is None
    found = find({"SWITCHBACK_CONFIG": "other.toml"}, here)
    assert found is not None
    assert found.settings == {"role": "other"}
    with pytest.raises(ConfigError, match=r"gone\.toml cannot be read: No such file"):
        find({"SWITCHBACK_CONFIG": "gone.toml"}, here)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('ledger_schema = "x"', "toml:1: the key ledger_schema is not known. Did you mean ledger-schema?"),
        ('\n\nldir = "x"', "switchback.toml:3: the key ldir is not known. Did you mean dir?"),
        ('zzz = "x"', "switchback.toml:1: the key zzz is not known. Known are url, "),
        ('[env.a]\nrole = "x"\n[env.b]\nrol = "x"', "toml:4: the key rol is not known. Did you mean role?"),
        ("[envs.a]\n", "switchback.toml:1: the key envs is not known. Did you mean env?"),
        ("accept_data_loss = true", "toml:1: accept-data-loss is said on the command line each time"),
        ("role = 3", "switchback.toml:1: role is a number; write a text between quotes."),
        ("role = ['a']", "switchback.toml:1: role is a list; write a text"),
        ("role = 2026-01-01", "switchback.toml:1: role is a date or time; write a text"),
        ('role = " "', "switchback.toml:1: role is empty; leave the key out instead."),
        ("ignore = [1]", "switchback.toml:1: ignore is a list; write a list of texts."),
        ('search-path = ["a", ""]', "switchback.toml:1: search-path holds an empty text."),
        ('hold-contract = "yes"', "switchback.toml:1: hold-contract is a text; write true or false."),
        ("lock-timeout = 5", "toml:1: lock-timeout is a number; write a text between quotes with its"),
        ('lock-timeout = "5 weeks"', "toml:1: lock-timeout is no duration. Write a whole number with its"),
        ('ahead-policy = "go"', "value that is not known; write one of Refuse, Keep, Rollback."),
        ("env = 1", "switchback.toml:1: env is a number; environments are tables: [env.NAME]."),
        ('env.a = "x"', "switchback.toml:1: env.a is a text; an environment is a table: [env.NAME]."),
        ('url = "$SHOP_URL"', 'toml:1: url names a variable; write: url-env = "SHOP_URL".'),
        ('url = "${SHOP_URL}"', 'toml:1: url names a variable; write: url-env = "SHOP_URL".'),
        ('url = "a"\nurl-env = "B"', "switchback.toml:2: url and url-env exclude each other."),
        ('role = "a"\nrole = "b"', "switchback.toml:2: it is not TOML: cannot overwrite a value."),
        ('role = "a', "switchback.toml:1: it is not TOML: "),
        ('ignore = [\n  "a",\n  "b",\n]\nnonsense = 1', "switchback.toml:5: the key nonsense is not known."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(text: str, message: str) -> None:
    assert message in refused(text)


def test_lines_in_a_shared_file(here: Path) -> None:
    text = '[project]\nname = "x"\n\n[tool.switchback]\ndir = "a"\n\n[tool.switchback.env.x]\nport = 1\n'
    assert refused(text, "pyproject.toml").startswith("pyproject.toml:8: the key port is not known.")


def test_a_shared_file_says_it_in_a_table(here: Path) -> None:
    assert refused("[tool]\nswitchback = 3\n", "pyproject.toml") == (
        "pyproject.toml:2: tool.switchback is a number; it is a table: [tool.switchback]."
    )
    (here / "pyproject.toml").write_text("[tool.switchback]\n")
    found = find({}, here)
    assert found is not None, "an empty one ends the search, too"


def test_a_mark_of_the_byte_order_is_none_of_its_text(here: Path) -> None:
    (here / "switchback.toml").write_bytes(b'\xef\xbb\xbfrole = "a"\r\n')
    found = find({}, here)
    assert found is not None
    assert (found.settings, found.line("role", None)) == ({"role": "a"}, 1)


def test_a_file_elsewhere_is_named_in_full(here: Path) -> None:
    (here / "switchback.toml").write_text("nope = 1\n")
    (here / "below").mkdir()
    os.chdir(here / "below")
    with pytest.raises(ConfigError, match=f"^{here}/switchback.toml:1: "):
        find({}, here / "below")


def test_no_value_is_repeated() -> None:
    for text in (
        'url = ["postgresql://u:c4nary@h/d"]',
        'url = "postgresql://u:c4nary@h/d',
        'url = "postgresql://u:c4nary@h/d"\nurl = "x"',
        'ahead-policy = "c4nary"',
        'lock-timeout = "c4nary"',
    ):
        assert "c4nary" not in refused(text)


def test_bytes_that_are_no_text_are_refused(here: Path) -> None:
    (here / "switchback.toml").write_bytes(b'role = "a"\nrole = "\xff"\n')
    with pytest.raises(ConfigError, match=r"switchback\.toml:2: it is not UTF-8"):
        find({}, here)


def test_a_strangers_file_above_is_not_used(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    (here / "switchback.toml").write_text('role = "x"\n')
    (here / "mine").mkdir()
    os.chown(here / "switchback.toml", 12345, -1)
    with pytest.raises(ConfigError, match="belongs to neither you nor the owner of this folder"):
        find({}, here / "mine")
    assert find({"SWITCHBACK_CONFIG": str(here / "switchback.toml")}, here / "mine") is not None
    assert find({}, here) is not None, "who may write into the working directory itself is trusted"
    here.chmod(0o1777)
    with pytest.raises(ConfigError, match="belongs to neither you"):
        find({}, here)
    os.chown(here / "mine", 12345, -1)
    assert find({}, here / "mine") is not None, (
        "a checkout of that owner, worked on by root: as in a container"
    )


def test_lines_of_every_way_to_write_a_key() -> None:
    text = '''a = 1
"b c".d = 2
e = [
  1,
]
f = """
a = 9
"""
g = { h = 1 }

[x]
i = 1
[[y]]
j = 1
[x.'z w']
k = 1
'''
    lines = lines_of(text)
    assert lines["a",] == 1
    assert lines["b c", "d"] == 2
    assert lines["e",] == 3
    assert lines["f",] == 6
    assert lines["g", "h"] == 9
    assert lines["x",] == 11
    assert lines["x", "i"] == 12
    assert lines["y", "j"] == 14
    assert lines["x", "z w", "k"] == 16


def test_what_cannot_be_reached_above_is_passed_over(here: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    (here / "closed" / "open").mkdir(parents=True)
    (here / "closed" / "switchback.toml").write_text('role = "x"\n')
    (here / "closed").chmod(0o600)
    program = (
        "import os, pathlib, sys; from switchback.cli import config_file;"
        "os.chdir(sys.argv[1]); os.setuid(12345);"
        "print(config_file.find({}, pathlib.Path(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, here / "closed" / "open"], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("None\n", "")


def test_nesting_without_end_is_told(here: Path) -> None:
    assert "nested too deep" in refused(f"ignore = {'[' * 5000}{']' * 5000}\n")


KEY = st.sampled_from(
    [*config_keys.BY_NAME, "env", "env.x", "nope", '"a b"', "[env.x]\nrole", "[[env]]\nrole"]
)
VALUE = st.sampled_from(
    ['"x"', "1", "1.5", "true", "[]", '["a"]', "{ a = 1 }", "2026-01-01", '"""\na\n"""', "="]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.one_of(st.builds("{} = {}".format, KEY, VALUE), st.text(max_size=20)), max_size=6))
def test_no_text_breaks_the_reader(here: Path, lines: list[str]) -> None:
    (here / "switchback.toml").write_text("\n".join(lines), encoding="utf-8", errors="replace")
    try:
        find({}, here)
    except ConfigError as error:
        assert error.message.startswith("switchback.toml")  # noqa: PT017 - either is fine


def test_tomllib_is_not_loaded_for_nothing(here: Path) -> None:
    """The reader costs nothing where there is no file: see also `test_startup`."""
    sys.modules.pop("tomllib", None)
    assert config_file.find({}, here) is None
    assert "tomllib" not in sys.modules
