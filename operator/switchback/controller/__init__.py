"""The operator: from a look at the world to the one thing to do next, and the shell that does it."""
