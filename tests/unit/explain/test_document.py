"""Text as kubectl reads it, with lines."""

from __future__ import annotations

import json

import pytest

from switchback.explain.document import UnreadableError, documents
from switchback.explain.scalars import plain
from tests.unit.explain.build import document


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("0006", 6),
        ("0010", 8),
        ("0008", 8),
        ("0x1F", 31),
        ("1_000", 1000),
        ("-3", -3),
        ("5.0", 5),
        ("1e1", 10),
        ("1.5", 1.5),
        (".5", 0.5),
        ("y", True),
        ("NO", False),
        ("off", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("0006_add", "0006_add"),
        ("1.2.3", "1.2.3"),
        ("latest", "latest"),
        ("-", "-"),
        ("99999999999999999999999", 99999999999999999999999.0),
    ],
)
def test_words_mean_what_they_mean_to_kubectl(word: str, value: object) -> None:
    assert plain(word) == value
    assert type(plain(word)) is type(value) or value == int(value)  # type: ignore[call-overload]


def test_quoted_words_are_text() -> None:
    one = document("a: '0006'\nb: \"yes\"\nc: !!str 0006\nd: |\n  5\n")
    assert one.data == {"a": "0006", "b": "yes", "c": "0006", "d": "5\n"}


def test_keys_are_text() -> None:
    assert document("15: x\nyes: y\n1.5: z\n").data == {"15": "x", "true": True, "1.5": "z"}


def test_every_part_has_its_line() -> None:
    one = document("a:\n  b:\n  - c\n  -\n    d: e\n")
    places = one.places
    assert [places.of(path) for path in (("a",), ("a", "b", 0), ("a", "b", 1, "d"))] == [1, 3, 5]
    assert places.of(("a", "b", 1, "missing", "deeper")) == 5, "a part that is not there has its parent's"
    assert places.text(("a", "b")) == "shop.yaml:2"


def test_documents_of_a_file_have_lines_of_the_file() -> None:
    found = documents("# only a comment\n---\na: 1\n---\n---\nb: 2\n", "f")
    assert [(one.data, one.places.line) for one in found] == [({"a": 1}, 3), ({"b": 2}, 6)]


def test_a_list_is_its_items() -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n- kind: A\n  x: 1\n- kind: B\n"
    found = documents(text, "f")
    assert [(one.kind, one.places.line) for one in found] == [("A", 4), ("B", 6)]
    assert found[0].places.of(("x",)) == 5


def test_json_with_tabs() -> None:
    text = json.dumps({"kind": "A", "x": ["a\tb"]}, indent="\t")
    one = document(text)
    assert one.data == {"kind": "A", "x": ["a\tb"]}
    assert one.places.of(("x", 0)) == 4


def test_anchors_and_merges() -> None:
    one = document("base: &b {k: 1, l: 2}\nmine:\n  <<: *b\n  l: 3\n")
    assert one.data["mine"] == {"k": 1, "l": 3}
    assert one.places.of(("mine", "l")) == 4


def test_a_repeated_key_is_told_and_the_last_one_counts() -> None:
    one = document("spec:\n  a: {old: 1}\n  a: 2\n")
    assert one.data == {"spec": {"a": 2}}
    (found,) = one.findings
    assert (found.reason, found.path) == ("KeyRepeated", ("spec", "a"))
    assert "line 2 and in line 3" in found.message
    assert one.places.of(("spec", "a", "old")) == 3, "nothing is left of the first one"


def test_a_missing_separator_is_suspected() -> None:
    one = document("kind: A\nmetadata: {}\nkind: B\n")
    assert "---" in one.findings[0].advice


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1\nb: 2\n", 2), ("a: b: c\n", 1), ("a: 1\n\tb: 2\n", 2), ("[[[" * 2000, 1), ("? [a]\n: b\n", 1)],
    ids=["open list", "two colons", "tab", "deep", "key"],
)
def test_what_is_no_yaml_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(UnreadableError) as caught:
        documents(text, "f")
    assert caught.value.line == line
    assert str(caught.value)


@pytest.mark.parametrize(
    "value", ["*hunter2", "!hunter2!x", "'a' 'hunter2'", "%hunter2", "&hunter2 &hunter2"]
)
def test_what_is_no_yaml_is_told_without_its_words(value: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        documents(f"kind: Secret\nstringData:\n  password: {value}\n", "f")
    assert caught.value.line == 3
    assert "hunter2" not in str(caught.value)


def test_multiplying_aliases_end() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(UnreadableError, match="aliases"):
        documents("\n".join(rows), "f")
