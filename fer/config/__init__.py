"""From overrides to a checked config: composition, schema, recipes of finished runs."""
