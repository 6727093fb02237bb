"""`kubectl switchback`: what people see of a DatabaseMigration, and what they ask of it."""
