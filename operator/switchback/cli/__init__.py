"""The command line: thin commands that are imported when they are called."""
