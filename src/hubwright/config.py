"""Settings: flags > `HUBWRIGHT_*` > `hubwright.toml` > defaults, read once into frozen values.

Only `cli` and `wiring` know this module; everything else is handed plain values.
"""
