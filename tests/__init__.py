"""Tests; a package only so that the test bed runs as `python -m tests.cluster`."""
