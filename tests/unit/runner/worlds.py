"""Files and ledgers made of numbers, compared without a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchback.contract.result import Database
from switchback.migrations.halves import Sql
from switchback.migrations.model import DownKind, Migration, Source
from switchback.runner.compare import Comparison, compare
from switchback.runner.ledger.model import Identity, Ledger, Meta, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Identity(Database("shop", "1", 180000), 5, "me")
META = Meta(1, 0, 1, "u", "1", 5, "shop", "", None)


def migration(number: int, place: int) -> Migration:
    name = f"{number:04d}_m"
    up, down = (
        Sql.of(f"{name}.up.sql", f"CREATE TABLE t{number}()"),
        Sql.of(f"{name}.down.sql", f"DROP TABLE t{number}"),
    )
    return Migration(name, place, "m", "Pairs", up, down, DownKind.SQL, (str(number),))


def row(number: int, position: int, **more: object) -> Row:
    one = migration(number, 1)
    assert one.down is not None
    made = Row(one.id, position, "m", one.up.checksum, one.down.checksum, "", "SQL", "", 1, 1, None, "", 0)
    return made._replace(**more)  # type: ignore[arg-type]


def world(files: Sequence[int], applied: Sequence[int]) -> Comparison:
    source = Source(tuple(migration(n, i) for i, n in enumerate(files, 1)), "f1:0", "Pairs", "m")
    return compare(source, Ledger(HERE, META, tuple(row(n, i) for i, n in enumerate(applied, 1))))


def ids(items: Sequence[Migration] | Sequence[Row]) -> list[int]:
    return [int(item.id[:4]) for item in items]
