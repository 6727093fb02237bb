"""The migrations that the stories are told with, as files of a ConfigMap."""

from __future__ import annotations

Files = dict[str, str]


def pair(name: str, up: str, down: str) -> Files:
    """Both halves of one migration."""
    return {f"{name}.up.sql": f"{up}\n", f"{name}.down.sql": f"{down}\n"}


BOOKS = pair(
    "0001_books",
    "CREATE TABLE books (id int PRIMARY KEY, title text NOT NULL, author text NOT NULL);\n"
    "INSERT INTO books VALUES (1, 'Middlemarch', 'George Eliot'), (2, 'Emma', 'Jane Austen');",
    "DROP TABLE books;",
)
INDEX = pair("0002_titles", "CREATE INDEX books_title ON books (title);", "DROP INDEX books_title;")
NAMES = pair(
    "0003_names",
    "ALTER TABLE books ADD COLUMN first text, ADD COLUMN last text;\n"
    "UPDATE books SET first = split_part(author, ' ', 1), last = split_part(author, ' ', 2);\n"
    "ALTER TABLE books DROP COLUMN author;",
    "ALTER TABLE books ADD COLUMN author text;\n"
    "UPDATE books SET author = first || ' ' || last;\n"
    "ALTER TABLE books ALTER COLUMN author SET NOT NULL, DROP COLUMN first, DROP COLUMN last;",
)
STOCK = pair(
    "0004_stock",
    "CREATE TABLE stock (book int REFERENCES books, copies int NOT NULL);",
    "DROP TABLE stock;",
)
SHOP: Files = BOOKS | INDEX | NAMES
"""Three migrations. Going back over the last loses what its two columns hold."""

FIRST, SECOND, THIRD, FOURTH = "0001_books", "0002_titles", "0003_names", "0004_stock"
