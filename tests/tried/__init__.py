"""Odd files and folders with what comes of each. Tests run them; docs/reference/odd-files.md lists them."""
