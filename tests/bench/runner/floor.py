"""The least that has to be done to know that there is nothing to do: connect, read, hash, compare.

Plain and in one go, as somebody would write it who trusts everything: no check of the server or of the
files' form, no lock, no report. Usage: python floor.py URL FOLDER
"""

from __future__ import annotations

import hashlib
import os
import sys

import psycopg


def main(url: str, folder: str) -> None:
    halves: dict[str, list[str]] = {}
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 - the least
        with open(f"{folder}/{name}", "rb") as file:  # noqa: PTH123 - the least
            halves.setdefault(name.split(".")[0], []).append(hashlib.sha256(file.read()).hexdigest())
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT id, up_checksum, down_checksum FROM switchback.migrations ORDER BY position"
        ).fetchall()
    applied = {row[0]: [row[2].removeprefix("s1:"), row[1].removeprefix("s1:")] for row in rows}
    sys.exit(0 if applied == halves else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
