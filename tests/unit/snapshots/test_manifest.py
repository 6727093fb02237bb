from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchback.contract.points import Ownership, Purpose
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

FIXTURES = Path(__file__).parent / "fixtures"
WHERE = Path("/snapshots/x/manifest.json")
text = st.text(st.characters(codec="utf-8"), max_size=20)
count = st.integers(0, 2**53)
file_names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).filter(
    lambda name: name not in {".", "..", "manifest.json"}
)
privilege = st.sampled_from(["CREATE", "CONNECT", "TEMPORARY", "SOME NEW ONE"])
access = st.none() | st.lists(st.tuples(text, privilege), max_size=3).map(tuple)
texts = st.lists(text, max_size=3).map(tuple)
manifests = st.builds(
    Manifest,
    name=text,
    restore_point=text,
    origin=st.builds(Origin, text, text, count, count, count, count),
    properties=st.builds(Properties, text, text, text, text, text, text, text, texts, access, texts),
    client_version=st.sampled_from(["15.18", "18.6", "18beta1".replace("beta", ".")]),
    requester=st.builds(Requester, text, text, text, text, text, text, text, count, text),
    files=st.lists(st.builds(FileEntry, file_names, count, text), max_size=3).map(tuple),
    ledger=st.none() | st.builds(LedgerMark, text, text, count, count, count),
    writers_fenced=st.booleans(),
    data=st.sampled_from(["", "3f2a91c0"]),
)


@given(manifests)
def test_a_manifest_is_read_as_it_was_written(manifest: Manifest) -> None:
    assert decode(encode(manifest), WHERE) == manifest


@given(manifests, st.data())
def test_any_changed_bit_of_a_manifest_is_found(manifest: Manifest, data: st.DataObject) -> None:
    raw = bytearray(encode(manifest))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(RunnerError):
        assert decode(bytes(raw), WHERE) == manifest  # a blank that is another blank now


def changed(**fields: object) -> bytes:
    """A manifest of version 2 with other fields, and the checksum that belongs to them."""
    data = {**example(), **fields}
    del data["checksum"]
    text = json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    checksum = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    return json.dumps(data | {"checksum": checksum}).encode()


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


ORIGIN: dict[str, object] = asdict(Origin("shop", "7", 180006, 1, 1, 1))
PROPERTIES: dict[str, object] = asdict(Properties("o", "UTF8", "c", "C", "C", "", "", (), None, ("o",)))


@pytest.mark.parametrize("data", ["..", "3f2a91c0/..", "x", "3F2A91C0", "3f2a91c0\n"])
def test_a_manifest_whose_files_are_elsewhere_is_refused(data: str) -> None:
    with pytest.raises(RunnerError, match="outside its folder"):
        decode(changed(data=data), WHERE)


@pytest.mark.parametrize("path", ["../toc.dat", "/etc/passwd", "a/b", "..", "", "manifest.json", "keep"])
def test_a_manifest_that_names_files_elsewhere_is_refused(path: str) -> None:
    raw = changed(files=[{"path": path, "size": 1, "sha256": "00"}])
    with pytest.raises(RunnerError, match="outside its folder") as refusal:
        decode(raw, WHERE)
    assert refusal.value.reason is Reason.SNAPSHOT_UNREADABLE


def test_a_manifest_of_another_version_is_refused_by_its_version() -> None:
    with pytest.raises(RunnerError, match="version 3 is not known"):
        decode(changed(version=3), WHERE)


def test_a_manifest_of_the_first_version_is_read_for_ever() -> None:
    """The file is frozen: it was written by a release that knew version 1."""
    manifest = decode((FIXTURES / "manifest-1.json").read_bytes(), WHERE)
    assert manifest.version == 1
    assert manifest.requester == Requester("3f2a91c0-5b1e77", "shop", "shop", "3f2a91c0")
    assert manifest.ledger == LedgerMark("switchback", "0007_vouchers", 7, event=0, marker=0)
    assert (manifest.data, manifest.writers_fenced) == ("", False)
    assert manifest.properties.access == (("", "CONNECT"), ("shop_app", "CONNECT"))
    assert manifest.size == 306
    assert encode(manifest) != (FIXTURES / "manifest-1.json").read_bytes()


def test_a_manifest_of_the_second_version_is_written_and_read_as_it_always_was() -> None:
    """The file is frozen: what reads it may be older or newer than what wrote it."""
    raw = (FIXTURES / "manifest-2.json").read_bytes()
    manifest = decode(raw, WHERE)
    assert manifest.version == 2
    assert manifest.requester.ownership == Ownership(
        "west", "7c1d2f6e-0000-4000-8000-000000000001", "shop", "shop", Purpose.PRE_MIGRATION,
        "3f2a91c0-5b1e77", 2, "0007_vouchers",
    )  # fmt: skip
    assert manifest.ledger == LedgerMark("switchback", "0007_vouchers", 7, event=41, marker=40)
    assert (manifest.data, manifest.writers_fenced) == ("3f2a91c0", True)
    assert encode(manifest) == raw


def test_a_purpose_of_a_later_release_is_no_reason_not_to_read() -> None:
    asked = {**asdict(Requester("3f2a91c0-5b1e77")), "purpose": "new"}
    manifest = decode(changed(requester=asked), WHERE)
    assert manifest.requester.ownership.purpose is Purpose.MANUAL


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b'{"version": 1}',
        changed(client_version="x"),
        changed(files=[1]),
        changed(files=[{"path": 1, "size": 1, "sha256": "00"}]),
        changed(data=1),
        changed(new=1),
        b"[" * 100_000,
        changed(name=1),
        changed(name="\ud800"),
        changed(restore_point=None),
        changed(writers_fenced="no"),
        changed(origin={**ORIGIN, "server_version": "180006"}),
        changed(origin={**ORIGIN, "size": True}),
        changed(files=[{"path": "toc.dat", "size": "1", "sha256": "00"}]),
        changed(properties={**PROPERTIES, "roles": [1]}),
        changed(
            properties={**PROPERTIES, "access": [["", "CONNECT ON DATABASE shop TO x; DROP ROLE y; --"]]}
        ),
        changed(properties={**PROPERTIES, "access": [["", "connect"]]}),
        json.dumps(example() | {"name": "y"}).encode(),
    ],
)
def test_what_is_no_manifest_is_refused_and_named(raw: bytes) -> None:
    with pytest.raises(RunnerError, match=r"/snapshots/x/manifest\.json") as refusal:
        decode(raw, WHERE)
    assert refusal.value.reason is Reason.SNAPSHOT_UNREADABLE
