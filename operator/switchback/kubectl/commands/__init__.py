"""One module per command: its words and options. What it needs beyond that is imported when it runs."""
