"""Words to a checked config: composition, schema, recipes of finished runs."""
