"""What travels: names that fit, batches that are bounded, positions that find their file."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from switchback.migrations.halves import Sql
from switchback.runner.bundle import BATCH_CHARACTERS, BATCH_FILES, Batch, Bundle, application_name, batches


def bundle(text: str, migration_id: str = "0001_a") -> Bundle:
    half = Sql.of(f"{migration_id}.up.sql", text)
    return Bundle(
        migration_id=migration_id,
        path=half.path,
        body=half.body,
        statements=half.script.statements,
        first_line=1,
        settings=("SET LOCAL lock_timeout = 0;",),
        record="INSERT INTO l.migrations VALUES ('x')",
        guard="SELECT 1",
        operation_id="aaaa-1",
    )


@settings(deadline=None)
@given(st.text(max_size=80), st.text(alphabet="0123456789abcdef-", min_size=1, max_size=20))
def test_application_names_fit_and_keep_the_operation(migration_id: str, operation_id: str) -> None:
    name = application_name(migration_id, operation_id)
    assert len(name.encode()) <= 63
    assert name.startswith("switchback ")
    assert name.endswith(f" {operation_id}")


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from([0, 0, 0, 0, 0, 1, 3]), min_size=1, max_size=150))
def test_batches_hold_everything_in_order_and_are_bounded(sizes: list[int]) -> None:
    bundles = [bundle("SELECT 1;" + " " * size * 400_000, f"{n}") for n, size in enumerate(sizes)]
    found = list(batches(bundles, "SELECT 2"))
    assert [each.migration_id for batch in found for each in batch.bundles] == [
        b.migration_id for b in bundles
    ]
    for batch in found:
        assert len(batch.bundles) <= BATCH_FILES
        assert len(batch.bundles) == 1 or sum(len(b.text) for b in batch.bundles) <= BATCH_CHARACTERS
        assert batch.text.endswith("SELECT 2")
        assert [each.waits_for_disk for each in batch.bundles] == [False] * (len(batch.bundles) - 1) + [True]


TEXTS = st.sampled_from(
    ["SELECT 1;", "SELECT 'ä€𝄞';\n\nSELECT 2", "-- 𝄞\nCREATE TABLE x (y int)", "SELECT $$;\n$$;"]
)


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=8), st.data())
def test_a_position_leads_back_to_its_file(texts: list[str], data: st.DataObject) -> None:
    """The server counts characters, not bytes, over the whole string."""
    batch = Batch(tuple(bundle(text) for text in texts))
    index = data.draw(st.integers(0, len(texts) - 1))
    offset = data.draw(st.integers(0, len(texts[index]) - 1))
    before = sum(len(each.text) for each in batch.bundles[:index]) + len(batch.bundles[index].head)
    assert batch.text[before + offset] == texts[index][offset]
    assert batch.locate(before + offset + 1) == (index, offset)


def test_the_head_is_counted() -> None:
    one = bundle("SELECT 1")
    for each in (one, replace(one, waits_for_disk=False)):
        assert each.head_count == each.head.count(";")
