from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchback.contract.reasons import Reason
from switchback.runner.errors import RunnerError
from switchback.snapshots.manifest import (
    FileEntry,
    LedgerMark,
    Manifest,
    Origin,
    Properties,
    Requester,
    decode,
    encode,
)

WHERE = Path("/snapshots/x/manifest.json")
text = st.text(st.characters(codec="utf-8"), max_size=20)
count = st.integers(0, 2**53)
file_names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).filter(
    lambda name: name not in {".", "..", "manifest.json"}
)
access = st.none() | st.lists(st.tuples(text, text), max_size=3).map(tuple)
texts = st.lists(text, max_size=3).map(tuple)
manifests = st.builds(
    Manifest,
    name=text,
    restore_point=text,
    origin=st.builds(Origin, text, text, count, count, count, count),
    properties=st.builds(Properties, text, text, text, text, text, text, text, texts, access, texts),
    client_version=st.sampled_from(["15.18", "18.6", "18beta1".replace("beta", ".")]),
    requester=st.builds(Requester, text, text, text, text),
    files=st.lists(st.builds(FileEntry, file_names, count, text), max_size=3).map(tuple),
    ledger=st.none() | st.builds(LedgerMark, text, text, count),
    writers_fenced=st.booleans(),
)


@given(manifests)
def test_a_manifest_is_read_as_it_was_written(manifest: Manifest) -> None:
    assert decode(encode(manifest), WHERE) == manifest


def example() -> dict[str, object]:
    manifest = Manifest(
        name="x",
        restore_point="2026-01-01T00:00:00.000000Z",
        origin=Origin("shop", "7", 180006, 1, 1, 1),
        properties=Properties("o", "UTF8", "c", "C", "C", "", "", (), None, ("o",)),
        client_version="18.6",
        requester=Requester("3f2a91c0-5b1e77"),
        files=(FileEntry("toc.dat", 1, "00"),),
    )
    data: dict[str, object] = json.loads(encode(manifest))
    return data


@pytest.mark.parametrize("path", ["../toc.dat", "/etc/passwd", "a/b", "..", "", "manifest.json"])
def test_a_manifest_that_names_files_elsewhere_is_refused(path: str) -> None:
    data = example() | {"files": [{"path": path, "size": 1, "sha256": "00"}]}
    with pytest.raises(RunnerError, match="outside its folder") as refusal:
        decode(json.dumps(data).encode(), WHERE)
    assert refusal.value.reason is Reason.SNAPSHOT_UNREADABLE


def test_a_manifest_of_another_version_is_refused_by_its_version() -> None:
    with pytest.raises(RunnerError, match="version 2 is not known"):
        decode(json.dumps(example() | {"version": 2}).encode(), WHERE)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b'{"version": 1}',
        json.dumps(example() | {"client_version": "x"}).encode(),
        json.dumps(example() | {"files": [1]}).encode(),
        json.dumps(example() | {"new": 1}).encode(),
    ],
)
def test_what_is_no_manifest_is_refused_and_named(raw: bytes) -> None:
    with pytest.raises(RunnerError, match=r"/snapshots/x/manifest\.json") as refusal:
        decode(raw, WHERE)
    assert refusal.value.reason is Reason.SNAPSHOT_UNREADABLE
