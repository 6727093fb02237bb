"""A column holds nothing but its default only when every value is NULL as a whole, or the very default."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.postgres.loss_ground import DATA, DEFAULT, Connection, one, run

if TYPE_CHECKING:
    from switchback.contract.words import Severity

ADDRESS = "CREATE TYPE addr AS (street text, zip text); CREATE TABLE people (id int, address addr); "

PRESET = "ALTER TABLE people ALTER address SET DEFAULT {}; "


@pytest.mark.parametrize(
    ("arrange", "expected"),
    [
        ("INSERT INTO people VALUES (1, ('Main St', NULL))", DATA),
        ("INSERT INTO people VALUES (1, (NULL, NULL))", DATA),
        ("INSERT INTO people VALUES (1, NULL)", DEFAULT),
        (PRESET.format("('a', NULL)") + "INSERT INTO people VALUES (1)", DEFAULT),
        (PRESET.format("'(a,)'") + "INSERT INTO people VALUES (1)", DEFAULT),
        (PRESET.format("'(a,)'") + "INSERT INTO people VALUES (1, ('b', NULL))", DATA),
    ],
)  # fmt: skip
def test_a_composite_value_that_is_partly_null_is_a_value(
    connection: Connection, database: str, arrange: str, expected: Severity
) -> None:
    run(database, ADDRESS + arrange)
    assert one(connection, "ALTER TABLE people DROP COLUMN address").severity is expected


BLURRED = "CREATE COLLATION blurred (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"


def test_what_only_a_collation_takes_for_the_default_is_a_value(
    connection: Connection, database: str
) -> None:
    try:
        run(database, BLURRED)
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this server was built without ICU")
    run(database, "CREATE TABLE a (b text COLLATE blurred DEFAULT 'x'); INSERT INTO a VALUES ('X')")
    assert one(connection, "ALTER TABLE a DROP COLUMN b").severity is DATA
