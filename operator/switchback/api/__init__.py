"""The resource `DatabaseMigration`: models, schema, conditions, names."""
