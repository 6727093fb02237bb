"""The small pure parts of the test bed."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template

import pytest

from tests.cluster import binaries, chart_check, components, images, record
from tests.cluster.backends.base import Volume
from tests.cluster.chart import _split
from tests.cluster.errors import BedError
from tests.cluster.paths import Bed, digest
from tests.cluster.processes import Process
from tests.cluster.quantity import to_bytes


@pytest.mark.parametrize(
    ("text", "expected"), [("0", 0), ("1k", 1000), ("64Mi", 64 << 20), ("1G", 10**9), ("2Gi", 2 << 30)]
)
def test_sizes(text: str, expected: int) -> None:
    assert to_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "Mi", "1.5Gi", "64MB", "-1"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(BedError, match="is not a size"):
        to_bytes(text)


def test_two_checkouts_have_two_beds_with_names_short_enough_for_an_interface() -> None:
    first, second = Bed(Path("/a")), Bed(Path("/b"))
    assert first.name != second.name
    assert len(first.name) <= 15
    assert first.cgroup != second.cgroup


def test_no_two_lists_of_parts_have_one_digest() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(b"a") == digest("a")


def test_a_record_survives_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.cluster.paths.BEDS", tmp_path)
    bed = Bed(Path("/a"))
    assert record.load(bed) is None
    note = record.Record(checkout="/a", index=3, init=Process(10, 20), processes={"etcd": Process(11, 21)})
    note.save(bed)
    assert record.load(bed) == note
    assert note.this_boot()
    (bed.state / "bed.json").write_text('{"checkout": "/a"')
    assert record.load(bed) is None


def test_every_program_of_the_node_has_a_command_line() -> None:
    for name in components.NAMES:
        argv = components.command(Bed(Path("/a")), name, 7)
        assert argv[0].endswith(name)
        assert not [word for word in argv if "$" in word]


def test_the_templates_ask_only_for_what_they_are_given() -> None:
    given = {"name", "node", "node_ip", "pod_cidr", "state", "config", "pki", "cgroup"}
    for template in (Path(components.__file__).parent / "node_config").iterdir():
        assert set(Template(template.read_text()).get_identifiers()) <= given, template


def test_secrets_are_only_ever_logged_by_name() -> None:
    policy = (Path(components.__file__).parent / "node_config" / "audit.yaml").read_text()
    assert "secrets" not in policy
    assert policy.rstrip().endswith("- level: Metadata")


def test_a_programs_place_depends_on_what_it_is_built_from() -> None:
    assert binaries.path("kubelet").parent == binaries.path("kubectl").parent
    assert binaries.path("helm").parent != binaries.path("kubectl").parent


def test_modules_pin_versions_and_name_no_host_of_packages() -> None:
    for module in binaries.MODULES.glob("*/go.mod"):
        text = module.read_text()
        assert "tool" in text
        assert (module.parent / "go.sum").is_file()
    assert binaries.KUBERNETES in (binaries.MODULES / "kubernetes" / "go.mod").read_text()


def test_the_image_of_the_operator_depends_on_its_code_and_the_others_do_not() -> None:
    keys = {tag: images.key(tag) for tag in (images.BASE, *images.LOADED)}
    assert len(set(keys.values())) == len(keys)
    inputs = images.IMAGES[images.SWITCHBACK].inputs
    assert "operator/switchback/**/*" in inputs
    assert all("operator" not in word for tag in images.POSTGRES for word in images.IMAGES[tag].inputs)


def test_a_claim_binds_to_its_volume_and_to_no_other() -> None:
    claim = json.loads(json.dumps(Volume("pv-1", "8Mi", "/x").claim("data")))
    assert claim["spec"]["volumeName"] == "pv-1"
    assert claim["spec"]["storageClassName"] == ""


def test_image_names_are_split_at_the_tag() -> None:
    assert _split("localhost/switchback:dev") == ("localhost/switchback", "dev")
    assert _split("registry:5000/a/b:1.2") == ("registry:5000/a/b", "1.2")
    for name in ("registry:5000/a/b", "a/b", "a@sha256:12"):
        with pytest.raises(BedError, match="named by a tag"):
            _split(name)


def test_schemas_are_named_as_kubeconform_asks_for_them() -> None:
    assert (
        chart_check.file_name({"group": "apps", "kind": "Deployment", "version": "v1"})
        == "deployment-apps-v1.json"
    )
    assert chart_check.file_name({"group": "", "kind": "Service", "version": "v1"}) == "service-v1.json"
    rbac = {"group": "rbac.authorization.k8s.io", "kind": "Role", "version": "v1"}
    assert chart_check.file_name(rbac) == "role-rbac-v1.json"


def test_schemas_refuse_unknown_fields() -> None:
    made = chart_check.strict(
        {"a": {"properties": {"b": {}}}, "c": {"type": "string", "format": "int-or-string"}}
    )
    assert made["a"]["additionalProperties"] is False
    assert {"type": "integer"} in made["c"]["oneOf"]
