"""Reading migrations: model, formats, order, checksums, statements, targets.

Start at `switchback.migrations.load.load`. Nothing here talks to a database.
"""
