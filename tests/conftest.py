"""For every test: this folder is importable, and git knows nothing of the machine's own settings."""

from __future__ import annotations

import os

os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
