"""Files, ledger, ways back: what goes wrong there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.trouble.stage import Stage


def no_folder(stage: Stage) -> None:
    """The folder is not there."""
    stage.shell("switchback migrate --dir db/migrations")


def file_missing(stage: Stage) -> None:
    """An applied migration has no file any more, and a newer one has."""
    stage.shop()
    stage.quietly("switchback migrate")
    stage.remove("0002_orders.up.sql", "0002_orders.down.sql")
    stage.shell("switchback status")
    stage.shell("switchback rollback --target 0001")


def file_missing_for_good(stage: Stage) -> None:
    """The same, and the ledger has no way back either."""
    stage.shop()
    stage.remove("0002_orders.down.sql")
    stage.quietly("switchback migrate")
    stage.remove("0002_orders.up.sql")
    stage.shell("switchback rollback --target 0001")


def behind(stage: Stage) -> None:
    """The newest applied migrations have no files: an older checkout."""
    stage.shop()
    stage.quietly("switchback migrate")
    stage.remove("0003_mail.up.sql", "0003_mail.down.sql")
    stage.shell("switchback migrate")


def file_changed(stage: Stage) -> None:
    """Somebody has edited an applied file."""
    stage.shop()
    stage.quietly("switchback migrate --target 0002")
    stage.write(_0002_orders_up="CREATE TABLE orders (id bigint PRIMARY KEY, placed timestamptz);\n")
    stage.shell("switchback migrate")


def down_changed(stage: Stage) -> None:
    """Somebody has edited an applied down file."""
    stage.shop()
    stage.quietly("switchback migrate --target 0002")
    stage.write(_0002_orders_down="DROP TABLE IF EXISTS orders;\n")
    stage.shell("switchback rollback")


def no_down(stage: Stage) -> None:
    """One of the range has no way back."""
    stage.shop()
    stage.remove("0002_orders.down.sql")
    stage.quietly("switchback migrate")
    stage.shell("switchback rollback --target 0001")


def irreversible(stage: Stage) -> None:
    """One of the range is declared to have none."""
    stage.shop()
    stage.write(_0002_orders_down="-- switchback: irreversible\n")
    stage.quietly("switchback migrate")
    stage.shell("switchback rollback --target 0001")


def foreign_keys(stage: Stage) -> None:
    """A later table, made by hand, refers to what goes."""
    stage.shop()
    stage.quietly("switchback migrate --target 0001")
    stage.sql("CREATE TABLE visits (id int PRIMARY KEY, customer_id bigint REFERENCES customers)")
    stage.shell("switchback rollback")


def data_loss(stage: Stage) -> None:
    """There are rows in what goes."""
    stage.shop()
    stage.quietly("switchback migrate --target 0002")
    stage.sql("INSERT INTO orders VALUES (1, '2026-11-26')")
    stage.shell("switchback rollback")


def sql_failed(stage: Stage) -> None:
    """A statement is wrong."""
    stage.shop()
    stage.write(_0003_mail_up="-- every customer has one\nALTER TABLE custmers ADD COLUMN mail text;\n")
    stage.shell("switchback migrate")


def failed_partly(stage: Stage) -> None:
    """A file without a transaction fails behind its first statement."""
    stage.shop()
    stage.quietly("switchback migrate")
    stage.sql("INSERT INTO customers VALUES (1, 'Ann', 'ann@example.org'), (2, 'Anne', 'ann@example.org')")
    stage.write(
        _0004_find_up="-- switchback: no-transaction\n"
        "CREATE INDEX CONCURRENTLY customers_name ON customers (name);\n"
        "CREATE UNIQUE INDEX CONCURRENTLY customers_mail ON customers (mail);\n",
        _0004_find_down="-- switchback: no-transaction\nDROP INDEX CONCURRENTLY customers_name;\n",
    )
    stage.shell("switchback migrate")
    stage.shell("switchback status --check")


def baseline(stage: Stage) -> None:
    """The database has tables and no ledger."""
    stage.shop()
    stage.sql("CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL)")
    stage.shell("switchback migrate")


SCENES = (
    no_folder, file_missing, file_missing_for_good, behind, file_changed, down_changed, no_down, irreversible,
    foreign_keys, data_loss, sql_failed, failed_partly, baseline,
)  # fmt: skip
