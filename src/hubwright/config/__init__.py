"""Settings: flags > `HUBWRIGHT_*` > `hubwright.toml` > defaults, read once into frozen values.

Only `cli` and `wiring` know this package; everything else is handed plain values.
"""

from hubwright.config.kinds import write_setting
from hubwright.config.settings import Log, LogFormat, LogLevel, Settings
from hubwright.config.sources import LOOPBACK, Origin, load_settings, local_address, origins, unknown_variables

__all__ = [
    "LOOPBACK",
    "Log",
    "LogFormat",
    "LogLevel",
    "Origin",
    "Settings",
    "load_settings",
    "local_address",
    "origins",
    "unknown_variables",
    "write_setting",
]
