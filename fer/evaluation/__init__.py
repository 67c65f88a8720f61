"""What is measured, and the rules."""
