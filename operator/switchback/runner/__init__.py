"""Doing it to a database: connect, lock, ledger, plan, bundles, losses."""
