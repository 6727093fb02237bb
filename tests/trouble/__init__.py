"""What goes wrong, played on a real server: docs/how-to/troubleshooting.md shows what the program says."""
