"""What Switchback keeps in a target database: one schema with the tables `migrations`, `events` and `meta`.

`model` is what was read, `read` reads it, `schema` creates it, `entries` writes the SQL that records a
migration in the same transaction as the migration itself, `changes` does the rest: reservation, forgetting,
counters. Reading never creates anything.
"""
