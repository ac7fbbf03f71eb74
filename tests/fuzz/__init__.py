"""Fuzzing of what strangers send: targets, what was found, the search for more (docs/security-testing.md)."""
