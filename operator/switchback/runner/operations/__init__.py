"""What a run can be asked for: one module per operation, one line each in `registry`."""
