"""Where the files that runs keep lie in the storage."""

from __future__ import annotations

from hashlib import sha256


def artifact_key(run: int, path: str) -> str:
    """The key of the run's file: nothing of the path, which a build chose, reaches the storage's own names."""
    return f"artifacts/{run}/{sha256(path.encode()).hexdigest()}"
