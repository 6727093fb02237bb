"""The command, without a cluster: files in, words, JSON and an exit code out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from switchback.cli.explain import command
from tests.unit.explain.build import MANIFEST

ROOT = Path(__file__).resolve().parents[3]
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: shop-files}
data:
  0001_books.up.sql: CREATE TABLE books (id int);
  0001_books.down.sql: DROP TABLE books;
"""
SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: shop-db}
stringData: {url: "postgresql://shop:quite-secret@db/shop"}
"""


@dataclass
class Done:
    """What a call came to."""

    returncode: int
    stdout: str
    stderr: str


def explain(*words: str, text: str = "", environ: dict[str, str] | None = None) -> Done:
    """The command in this process: its packages take a second to import."""
    known = {"KUBECONFIG": None, "KUBERNETES_SERVICE_HOST": None, "HOME": "/nonexistent", **(environ or {})}
    found = CliRunner().invoke(command, words, input=text, env=known, standalone_mode=False)
    assert found.exception is None, found.exception
    return Done(found.return_value, found.stdout, found.stderr)


def offline(text: str, *words: str) -> Done:
    return explain("--offline", *words, "-", text=text)


def as_json(text: str, *words: str) -> dict[str, Any]:
    done = offline(text, "--json", *words)
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["exitCode"] == done.returncode
    return found


def test_a_good_manifest() -> None:
    done = offline(MANIFEST)
    assert (done.returncode, done.stderr) == (0, "")
    assert "stdin:1  DatabaseMigration shop  namespace default  ✔ nothing refuses it" in done.stdout
    assert "Job shop-<operation>-migrate-1" in done.stdout
    assert "switchback run --operation migrate --target 0002" in done.stdout
    assert "refused, SnapshotRequired" in done.stdout, "of the case that may come"
    assert "\x1b" not in done.stdout


def test_every_mistake_with_its_line() -> None:
    done = offline(MANIFEST.replace('"0002"', "0002").replace("reference:", "refrence:"))
    assert done.returncode == 2
    assert "✖ invalid: 3 mistakes" in done.stdout
    assert "stdin:6  spec.target  TypeWrong\n    0002 is a number; it has to be a text." in done.stdout
    assert "stdin:12  spec.source.image.refrence  FieldUnknown" in done.stdout
    assert "Job shop" not in done.stdout, "what is invalid has no story"


def test_several_documents_and_what_comes_with_them() -> None:
    text = MANIFEST.replace(
        "image:\n      reference: registry.example/shop:1", "configMapRefs: [{name: shop-files}]"
    )
    done = offline("---\n".join([SECRET, CONFIG_MAP, text.replace("0002", "latest")]))
    assert done.returncode == 0, done.stdout
    assert "Secret shop-db comes with the file" in done.stdout
    assert "1 migration in ConfigMap shop-files: 0001_books" in done.stdout
    assert "applies 0001_books" in done.stdout
    assert "2 other objects" in done.stdout
    assert "quite-secret" not in done.stdout


def test_what_refuses_every_case_is_eleven() -> None:
    text = MANIFEST.replace(
        "image:\n      reference: registry.example/shop:1", "configMapRefs: [{name: shop-files}]"
    )
    done = offline(f"{CONFIG_MAP}---\n{text}")
    assert done.returncode == 11
    assert "TargetUnknown" in done.stdout
    assert "0001_books" in done.stdout
    missing = offline(f"{SECRET.replace('url:', 'uri:')}---\n{MANIFEST}")
    assert missing.returncode == 11
    assert "SecretKeyMissing" in missing.stdout


def test_the_only_case_counts() -> None:
    assert offline(MANIFEST.replace('"0002"', "base")).returncode == 11, (
        "base is a rollback, whatever is there"
    )


def test_json() -> None:
    (one,) = as_json(MANIFEST, "-n", "team")["documents"]
    assert (one["name"], one["namespace"], one["valid"], one["findings"]) == ("shop", "team", True, [])
    forward, back = one["stories"]
    assert (forward["case"], forward["certain"], forward["ending"]["kind"]) == ("Behind", False, "Reached")
    (step,) = forward["steps"]
    assert step["job"] == "shop-<operation>-migrate-1"
    assert step["command"].startswith("switchback run --operation migrate --operation-id <operation>")
    assert {part["name"] for part in step["containers"]} == {"source", "switchback"}
    assert [each["reason"] for each in back["refusals"]] == ["SnapshotRequired"]
    assert one["limits"]["operationSeconds"] == 7200


def test_json_of_mistakes() -> None:
    (one,) = as_json(MANIFEST.replace('"0002"', "0002"))["documents"]
    (found,) = one["findings"]
    assert (found["level"], found["path"], found["line"]) == ("Invalid", "spec.target", 6)
    assert "stories" not in one


def test_the_most_urgent_code_wins() -> None:
    invalid = MANIFEST.replace('"0002"', "0002")
    refused = MANIFEST.replace('"0002"', "base")
    found = as_json(f"{refused}---\n{invalid}---\n{MANIFEST}")
    assert (found["exitCode"], [one["valid"] for one in found["documents"]]) == (2, [True, False, True])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: Service\n", "it holds Service"),
        ("", "it is empty"),
        ("a: [\n", "stdin"),
        ("kind: A\nkind: B\n", "Is a line with --- missing"),
    ],
)
def test_nothing_to_explain(text: str, words: str) -> None:
    done = offline(text)
    assert done.returncode == 2
    assert words.replace("stdin", "standard input:2: this is no YAML") in done.stderr
    assert "Traceback" not in done.stderr


def test_files(tmp_path: Path) -> None:
    place = tmp_path / "shop.yaml"
    place.write_text(MANIFEST)
    assert f"{place}:1  DatabaseMigration shop" in explain("--offline", str(place)).stdout
    gone = explain("--offline", str(tmp_path / "gone.yaml"))
    assert (gone.returncode, "cannot be read: No such file" in gone.stderr) == (2, True)
    place.write_bytes(b"a: 1\nb: \xff\n")
    assert f"{place}:2: this is no UTF-8 text" in explain("--offline", str(place)).stderr


def test_no_cluster_is_no_obstacle() -> None:
    done = explain("-", text=MANIFEST)
    assert done.returncode == 0
    assert "warning: no cluster was asked: there is no kubeconfig" in done.stderr
    assert "Worked out from the files alone." in done.stdout


def test_a_cluster_that_was_named_has_to_answer(tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(
        "clusters: [{name: gone, cluster: {server: 'https://127.0.0.1:1'}}]\n"
        "users: [{name: me, user: {token: x}}]\n"
        "contexts: [{name: gone, context: {cluster: gone, user: me}}]\ncurrent-context: gone\n"
    )
    named = explain("--context", "gone", "-", text=MANIFEST, environ={"KUBECONFIG": str(config)})
    assert named.returncode == 7
    assert "127.0.0.1:1 does not answer" in named.stderr
    assert "Job shop-<operation>-migrate-1" in named.stdout, "what the files tell is told"
    assert explain("-", text=MANIFEST, environ={"KUBECONFIG": str(config)}).returncode == 0
    invalid = explain(
        "--context", "gone", "-", text=MANIFEST.replace('"0002"', "2"), environ={"KUBECONFIG": str(config)}
    )
    assert invalid.returncode == 2


def test_without_the_operators_packages(tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text("raise ImportError('no', name='yaml')")
    done = subprocess.run(
        [Path(sys.executable).with_name("switchback"), "explain", "-", "--json"],
        input=MANIFEST, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 2
    assert "switchback explain needs the package yaml, which comes with the operator" in done.stderr
    told = json.loads(done.stdout)
    assert (told["command"], told["reason"], told["exitCode"]) == ("explain", "Usage", 2)
    assert told["message"] in done.stderr


def test_traffic_is_told_step_by_step() -> None:
    """The example of both rails, as it stands in the documentation."""
    done = explain("--offline", str(ROOT / "examples" / "resource" / "blue-green.yaml"))
    told = done.stdout.partition("with blue live")[2].partition("If the database")[0]
    steps = [line.split(maxsplit=2)[1:] for line in told.splitlines() if line[2:4].strip().isdecimal()]
    assert [step for step, _what in steps] == [
        "claim", "inspect", "migrate", "check", "check", "approval", "check", "switch", "verify", "soak",
        "drain", "drain",
    ]  # fmt: skip
    assert "points Service shop-web at green instead of blue, by one patch" in told
    assert "✔ done: the schema is at the newest file, and slot green is live" in told
    assert max(map(len, told.splitlines())) <= 110


def test_the_examples_are_good() -> None:
    found = sorted((ROOT / "examples").rglob("*.yaml"))
    meant = [path for path in found if "kind: DatabaseMigration" in path.read_text()]
    assert meant
    for path in meant:
        assert explain("--offline", str(path)).returncode == 0, path
