"""Measurements: ratios against a floor in the same run, on the real node. `make bench`."""
