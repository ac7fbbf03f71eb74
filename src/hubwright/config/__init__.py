"""Settings: flags > `HUBWRIGHT_*` > `hubwright.toml` > defaults, read once into frozen values.

Only `cli` and `wiring` know this package; everything else is handed plain values.
"""

from hubwright.config.settings import Settings
from hubwright.config.sources import Origin, load_settings, origins, unknown_variables

__all__ = ["Origin", "Settings", "load_settings", "origins", "unknown_variables"]
