"""The runner beside other migration tools: the same files in each one's format, in turn, in one run."""
