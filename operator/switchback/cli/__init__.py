"""The command line: thin commands that are imported when they are called."""

IS_PROGRAM = False
"""Whether this process is there for one command, and ends with it."""
