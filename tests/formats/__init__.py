"""Small good folders of every format, for tests that are about all of them."""
