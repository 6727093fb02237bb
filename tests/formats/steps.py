"""One schema in ten steps, there and back, written once: each format's folder is made of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One migration.

    Attributes:
        title: for its name.
        up: statements of the way there, without semicolons at their ends.
        down: the same for the way back.
        alone: whether it runs without a transaction.
    """

    title: str
    up: tuple[str, ...]
    down: tuple[str, ...]
    alone: bool = False


_TOUCH = """CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  -- a comment; with a quote: it's here, and $$ and $tag$
  new.name := trim(both from new.name);
  RETURN new;
END;
$body$"""
_TOTAL = """CREATE FUNCTION total(customer bigint) RETURNS numeric
BEGIN ATOMIC
  SELECT 1;
  SELECT CASE WHEN count(*) > 0 THEN sum(amount) ELSE 0 END FROM orders WHERE customer_id = customer;
END"""

_CUSTOMERS = """INSERT INTO customers (id, name, mail) VALUES
  (1, 'Ann; O''Neill', 'ann@example.org'),
  (2, E'Bo\\\\b -- Ω', 'BOB@example.org')"""
_ORDERS = """CREATE TABLE orders (id bigint PRIMARY KEY, amount numeric(12, 2) NOT NULL CHECK (amount > 0),
  customer_id bigint NOT NULL REFERENCES customers)"""

TEN = (
    Step(
        "customers",
        (
            "CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL, mail text)",
            "COMMENT ON TABLE customers IS 'who buys; \"größe\" 100 %'",
        ),
        ("DROP TABLE customers",),
    ),
    Step(
        "mood",
        (
            "CREATE TYPE mood AS ENUM ('sad', 'ok')",
            "ALTER TABLE customers ADD COLUMN mood mood NOT NULL DEFAULT 'ok'",
        ),
        ("ALTER TABLE customers DROP COLUMN mood", "DROP TYPE mood"),
    ),
    Step(
        "first_customers",
        (_CUSTOMERS,),
        ("DELETE FROM customers WHERE id IN (1, 2)",),
    ),
    Step(
        "unique_mail",
        ("CREATE UNIQUE INDEX customers_mail ON customers (lower(mail))",),
        ("DROP INDEX customers_mail",),
    ),
    Step(
        "touch",
        (
            _TOUCH,
            "CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch()",
        ),
        ("DROP TRIGGER touch ON customers", "DROP FUNCTION touch()"),
    ),
    Step(
        "great_mood",
        ("ALTER TYPE mood ADD VALUE 'great' AFTER 'ok'",),
        (
            "ALTER TYPE mood RENAME TO mood_before",
            "CREATE TYPE mood AS ENUM ('sad', 'ok')",
            "ALTER TABLE customers ALTER COLUMN mood DROP DEFAULT",
            "ALTER TABLE customers ALTER COLUMN mood TYPE mood USING mood::text::mood",
            "ALTER TABLE customers ALTER COLUMN mood SET DEFAULT 'ok'",
            "DROP TYPE mood_before",
        ),
    ),
    Step(
        "cheer_up",
        ("UPDATE customers SET mood = 'great', name = name || ' ' WHERE id = 1",),
        ("UPDATE customers SET mood = 'ok' WHERE id = 1",),
    ),
    Step(
        "index_names",
        ("CREATE INDEX CONCURRENTLY customers_name ON customers (name)",),
        ("DROP INDEX CONCURRENTLY customers_name",),
        alone=True,
    ),
    Step(
        "orders",
        (
            _ORDERS,
            "INSERT INTO orders VALUES (10, 12.50, 1), (11, 7, 1)",
            "CREATE VIEW spent AS SELECT customer_id, sum(amount) AS amount FROM orders GROUP BY customer_id",
        ),
        ("DROP VIEW spent", "DROP TABLE orders"),
    ),
    Step(
        "total",
        ("ALTER TABLE customers ALTER COLUMN mail SET NOT NULL", _TOTAL),
        ("DROP FUNCTION total(bigint)", "ALTER TABLE customers ALTER COLUMN mail DROP NOT NULL"),
    ),
)
