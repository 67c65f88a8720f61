"""Which images train, which validate, which test (docs/splits.md)."""
